"""Find the server that owns a data directory, or start one that ends with this process."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import grpc

from greentrip.client.channels import Credentials, open_channel
from greentrip.client.errors import ConnectError

OWNED = 75  # the server's exit code when another process owns the directory
START_S = 60.0


class Embedded:
    """A channel to a data directory's server, and the process when this client started it."""

    def __init__(self, data_dir: Path, workers: int | None = None, cluster: str | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self._cluster = cluster
        self._process: subprocess.Popen[str] | None = None
        self.credentials = Credentials.from_environment()
        until = time.monotonic() + START_S
        while True:
            found = self._owner() or self._start(workers)
            if found is not None:
                self.address, self.channel = found
                return
            if time.monotonic() > until:
                raise ConnectError(
                    f"{self.data_dir} is owned by a server that does not answer; end it, or name another --data-dir"
                )
            time.sleep(0.2)

    def close(self) -> None:
        """Close the channel and end the server that this client started."""
        self.channel.close()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _owner(self) -> tuple[str, grpc.Channel] | None:
        """Return the running owner's address and a channel that answers."""
        try:
            facts = json.loads((self.data_dir / "server.json").read_text())
            address = str(facts["address"])
        except (OSError, ValueError, KeyError):
            return None
        self.credentials = replace(Credentials.from_environment(), tls=bool(facts.get("tls")))
        channel = open_channel(address, self.credentials)
        try:
            grpc.channel_ready_future(channel).result(timeout=2)
        except grpc.FutureTimeoutError:
            channel.close()
            return None
        if self._cluster is not None and facts.get("cluster") != self._cluster:
            channel.close()
            where = facts.get("cluster") or "its own machine"
            raise ConnectError(
                f"{self.data_dir} has a server already (process {facts.get('pid')}), which computes on {where}; end it "
                f"and start it with `greentrip serve --cluster {self._cluster}`"
            )
        return address, channel

    def _start(self, workers: int | None) -> tuple[str, grpc.Channel] | None:
        """Start a server; None when another process became the owner meanwhile."""
        if find_spec("greentrip_server") is None:
            raise ConnectError(
                "the engine is not installed: `pip install greentrip[engine]`, or name a server with --server HOST:PORT"
            )
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "greentrip_server",
            "--until-input-ends",
            f"--data={self.data_dir}",
            "--address=127.0.0.1:0",
        ]
        if workers is not None:
            command.append(f"--workers={workers}")
        if self._cluster is not None:
            command.append(f"--cluster={self._cluster}")
        errors = self.data_dir / "server.err"
        with errors.open("w") as sink:
            # sys.path goes along so that a program that found greentrip by its own path starts the same one.
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
            process = subprocess.Popen(  # noqa: S603 - the command is this program's own
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches this process only; the server ends when its input does
            )
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            code = process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            if code == OWNED:
                return None
            said = errors.read_text().strip().splitlines()
            raise ConnectError(
                f"the server did not start (exit code {code}): {said[-1] if said else 'it said nothing'}; see {errors}"
            )
        self._process = process
        address = str(json.loads(line)["address"])
        self.credentials = Credentials()
        return address, open_channel(address)
