"""Who gets in, what they may do, what is kept and what is never told."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import greentrip
import pytest
from greentrip.client import CallError, Client, ConnectError, Credentials
from greentrip_server.database import open_database
from greentrip_server.doctor import without_secrets
from greentrip_server.jobs import Jobs
from greentrip_server.security import Tokens, scope_of

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def admin(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "greentrip_server.admin", *arguments],
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, **environment},
        check=False,
    )


def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "greentrip_server", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **environment},
    )


def end(server: "subprocess.Popen[str]") -> str:
    server.terminate()
    return server.communicate()[1]


def make_certificates(folder: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ["req", "-newkey", "rsa:2048", "-nodes"]
    openssl(*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for name in ("server", "lin"):
        openssl(*new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates of this test")
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[tuple[str, Path, dict[str, str]]]:
    data = tmp_path_factory.mktemp("guarded")
    tokens = {
        scope: admin("token", "create", f"the {scope}er", "--scope", scope, "--data-dir", str(data)).stdout.strip()
        for scope in ("read", "write")
    }
    server = start(
        f"--data={data}",
        "--address=0.0.0.0:0",
        f"--tls-cert={certificates / 'server.pem'}",
        f"--tls-key={certificates / 'server.key'}",
    )
    assert server.stdout is not None
    port = json.loads(server.stdout.readline())["address"].rpartition(":")[2]
    yield f"localhost:{port}", data, tokens
    end(server)


def enter(address: str, certificates: Path, token: str | None) -> Client:
    return greentrip.connect(address, credentials=Credentials(token=token, ca=certificates / "ca.pem"))


def test_an_address_that_others_reach_is_refused_without_tls() -> None:
    server = start("--address=0.0.0.0:0")
    said = server.communicate()[1]
    assert server.returncode == 2
    assert "needs TLS and tokens" in said


def test_an_address_that_others_reach_is_refused_without_a_token_to_enter_with(
    tmp_path: Path, certificates: Path
) -> None:
    files = [f"--tls-cert={certificates / 'server.pem'}", f"--tls-key={certificates / 'server.key'}"]
    server = start(f"--data={tmp_path}", "--address=0.0.0.0:0", *files)
    said = server.communicate()[1]
    assert server.returncode == 75
    assert "greentrip token create" in said


def test_without_a_valid_token_nothing_is_told(guarded, certificates: Path) -> None:
    address, _, tokens = guarded
    changed = tokens["write"][:-1] + ("A" if tokens["write"][-1] != "A" else "B")
    for token in (None, "gt_00000000_x", "nonsense", changed):
        with enter(address, certificates, token) as client, pytest.raises(CallError) as caught:
            client.networks()
        assert caught.value.code == "UNAUTHENTICATED"


def test_a_reader_reads_and_a_writer_writes(guarded, certificates: Path) -> None:
    address, _, tokens = guarded
    with enter(address, certificates, tokens["read"]) as client:
        assert "tiny" in client.networks()
        with pytest.raises(CallError, match="this needs write") as caught:
            client.create_scenario("tiny")
        assert caught.value.code == "PERMISSION_DENIED"
    with enter(address, certificates, tokens["write"]) as client:
        assert client.create_scenario("tiny", name="by-writer").creator == "the writeer"


def test_an_upload_shows_its_token(guarded, certificates: Path, tmp_path: Path) -> None:
    address, _, tokens = guarded
    (tmp_path / "nothing.txt").write_text("no network")
    with enter(address, certificates, tokens["write"]) as client, pytest.raises(CallError) as caught:
        client.network_files.add([tmp_path / "nothing.txt"], "mine", form="no-such-format")
    assert caught.value.code != "UNAUTHENTICATED"


def test_a_token_that_is_revoked_lets_nobody_in(guarded, certificates: Path) -> None:
    import time

    address, data, _ = guarded
    token = admin("token", "create", "gone", "--data-dir", str(data)).stdout.strip()
    with enter(address, certificates, token) as client:
        client.networks()
        listed = json.loads(admin("token", "list", "--json", "--data-dir", str(data)).stdout)
        gone = next(t for t in listed if t["name"] == "gone")
        assert admin("token", "revoke", gone["id"], "--data-dir", str(data)).returncode == 0
        time.sleep(5.2)
        with pytest.raises(CallError) as caught:
            client.networks()
    assert caught.value.code == "UNAUTHENTICATED"
    assert admin("token", "revoke", gone["id"], "--data-dir", str(data)).returncode == 1


def test_no_secret_is_kept_logged_or_bundled(guarded, certificates: Path, tmp_path: Path) -> None:
    address, data, tokens = guarded
    with enter(address, certificates, tokens["write"]) as client:
        client.create_scenario("tiny", name="noted")
    audit = json.loads(admin("audit", "--json", "--data-dir", str(data)).stdout)
    assert {"client": "the writeer", "method": "CreateScenario", "resource": "noted", "code": "OK"}.items() <= audit[
        -1
    ].items()
    found = admin("doctor", "--bundle", str(tmp_path / "bundle.tar.gz"), "--data-dir", str(data))
    assert "data directory" in found.stdout
    with tarfile.open(tmp_path / "bundle.tar.gz") as tar:
        told = b"".join(tar.extractfile(m).read() for m in tar.getmembers())
        assert {Path(m.name).name for m in tar.getmembers()} >= {"findings.json", "settings.json", "server.log"}
    kept = b"".join(p.read_bytes() for p in data.glob("*") if p.is_file())
    for token in tokens.values():
        secret = token.split("_", 2)[2].encode()
        assert secret not in kept
        assert secret not in told


def test_a_client_certificate_lets_in_by_its_name(tmp_path: Path, certificates: Path) -> None:
    server = start(
        f"--data={tmp_path}",
        "--address=127.0.0.1:0",
        f"--tls-cert={certificates / 'server.pem'}",
        f"--tls-key={certificates / 'server.key'}",
        f"--tls-client-ca={certificates / 'ca.pem'}",
    )
    assert server.stdout is not None
    address = json.loads(server.stdout.readline())["address"].replace("127.0.0.1", "localhost")
    shown = Credentials(ca=certificates / "ca.pem", cert=certificates / "lin.pem", key=certificates / "lin.key")
    with greentrip.connect(address, credentials=shown) as client:
        assert client.create_scenario("tiny").creator == "lin"
    with pytest.raises(ConnectError):
        greentrip.connect(address, credentials=Credentials(ca=certificates / "ca.pem"))
    end(server)


def test_a_token_is_not_sent_in_the_clear() -> None:
    with pytest.raises(ConnectError, match="without TLS"):
        greentrip.connect("example.org:1", credentials=Credentials(token="gt_x_y", tls=False))


def test_tokens_end_by_themselves(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "db.sqlite")
    tokens = Tokens(Jobs(engine))
    with pytest.raises(Exception, match="days"):
        tokens.create("a", "read", 0)
    token = tokens.create("a", "read", 1e-9)
    with pytest.raises(Exception, match="not valid"):
        tokens.check(token)
    assert not tokens.any_valid()
    engine.dispose()


@pytest.mark.parametrize(
    ("method", "scope"),
    [
        ("GetRun", "read"),
        ("WatchRun", "read"),
        ("CreateRun", "write"),
        ("CancelOperation", "write"),
        ("Unheard", "write"),
    ],
)
def test_what_is_not_known_to_read_needs_the_right_to_write(method: str, scope: str) -> None:
    assert scope_of(f"/greentrip.v1.RunService/{method}") == scope


def test_secrets_are_taken_out_of_text() -> None:
    said = without_secrets("postgresql://lin:pass@host/db gt_0123abcd_SECRET-x Bearer abc")
    assert "pass" not in said
    assert "SECRET" not in said
    assert "abc" not in said.replace("0123abcd", "")


def test_bytes_that_are_no_grpc_harm_nothing(guarded, certificates: Path) -> None:
    address, _, tokens = guarded
    host, _, port = address.rpartition(":")
    for sent in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(2048)):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(sent)
    with enter(address, certificates, tokens["read"]) as client:
        assert "tiny" in client.networks()
