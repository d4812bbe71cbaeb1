"""Checks of an installation, and a bundle of what a bug report needs, without secrets."""

import importlib
import json
import os
import platform
import re
import shutil
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any

from greentrip_server.settings import Settings, cores

PACKAGES = (
    "greentrip",
    "grpcio",
    "protobuf",
    "sqlalchemy",
    "alembic",
    "numpy",
    "numba",
    "polars",
    "pyarrow",
    "ortools",
)
LOG_BYTES = 500_000
_SECRETS = re.compile(r"gt_[0-9a-f]{8}_[A-Za-z0-9_-]+|//[^/@\s\"]*@|(?i:bearer\s+)\S+")


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it is well, what was seen, and what to do."""

    check: str
    well: bool
    seen: str
    remedy: str = ""


def examine(settings: Settings, only: str = "") -> list[Finding]:
    """Check an installation and its store, or one part of it by the check's name; nothing is changed."""
    return [_tried(name, check, settings) for name, check in _CHECKS.items() if only in ("", name)]


def bundle(settings: Settings, findings: list[Finding], target: Path) -> int:
    """Write findings, versions, settings and the end of the logs to a tar file; return its size in bytes."""
    files = {
        "findings.json": json.dumps([f.__dict__ for f in findings], indent=1),
        "versions.json": json.dumps(_versions(), indent=1),
        # mode="json" writes secrets as stars.
        "settings.json": json.dumps(settings.model_dump(mode="json"), indent=1),
    }
    for log in sorted(settings.data.glob("server.*")):
        if log.name.startswith(("server.log", "server.err")):
            content = log.read_bytes()[-LOG_BYTES:]
            files[log.name] = content.decode(errors="replace")
    with tarfile.open(target, "w:gz") as tar:
        for name, written in files.items():
            content = without_secrets(written).encode()
            info = tarfile.TarInfo(f"greentrip-doctor/{name}")
            info.size, info.mtime = len(content), int(time.time())
            tar.addfile(info, BytesIO(content))
    return target.stat().st_size


def without_secrets(written: str) -> str:
    """Return text without tokens and passwords."""
    return _SECRETS.sub("(secret)", written)


def _tried(name: str, check: Callable[[Settings], tuple[bool, str, str]], settings: Settings) -> Finding:
    """Make one check; one that fails is a finding too."""
    try:
        return Finding(name, *check(settings))
    except Exception as error:  # noqa: BLE001 - whatever a check meets is what it found
        return Finding(name, well=False, seen=without_secrets(f"{type(error).__name__}: {error}"))


def _versions() -> dict[str, str]:
    """Return versions of what matters."""
    found = {
        "python": sys.version.split()[0],
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _packages(_: Settings) -> tuple[bool, str, str]:
    """Import the engine."""
    for module in ("greentrip_networks", "greentrip_agents", "greentrip_optimizer", "pyarrow"):
        importlib.import_module(module)
    return True, ", ".join(f"{k} {v}" for k, v in _versions().items()), ""


def _cores(settings: Settings) -> tuple[bool, str, str]:
    """Compare workers with cores and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / 1e6
    well = memory / settings.workers > 1000
    seen = f"{cores()} cores, {settings.workers} workers of {settings.threads} threads, {memory:,.0f} MB free"
    return well, seen, "" if well else "set GREENTRIP_WORKERS lower: a worker needs 1 GB and more"


def _kernels(_: Settings) -> tuple[bool, str, str]:
    """See whether compiled kernels can be kept."""
    from greentrip_networks.kernel_cache import kernels_folder

    place = kernels_folder()
    held = sum(1 for _ in place.rglob("*.nbc")) if place.is_dir() else 0
    writable = place.is_dir() and os.access(place, os.W_OK)
    return writable, f"{held} compiled kernels in {place}", "" if writable else "make that folder writable"


def _directory(settings: Settings) -> tuple[bool, str, str]:
    """See that the data directory takes files."""
    data = settings.data
    if not data.is_dir():
        return True, f"{data.resolve()} is not there yet; the first server makes it", ""
    open_to_others = data.stat().st_mode & 0o022
    free = shutil.disk_usage(data).free / 1e6
    if not os.access(data, os.W_OK):
        return False, f"{data.resolve()} cannot be written", "give its user write access"
    if open_to_others:
        return False, f"{data.resolve()} can be written by others", f"chmod 700 {data}"
    well = free > settings.free_disk_mb
    return well, f"{data.resolve()}, {free:,.0f} MB free", "" if well else "free some space"


def _database(settings: Settings) -> tuple[bool, str, str]:
    """Ask the database, and see that the recorded files are there."""
    from greentrip_server.database import open_database
    from greentrip_server.directory import DataDirectory
    from greentrip_server.jobs import Jobs
    from greentrip_server.kinds import RUNS

    directory = DataDirectory(settings.data, settings.results)
    if settings.database is None and not directory.database.exists():
        return True, "none yet", ""
    url = settings.database
    jobs = Jobs(open_database(url.get_secret_value() if url is not None else directory.database))
    try:
        counts = ", ".join(f"{count} {kind} {state}" for kind, state, count in jobs.count_by_state()) or "no jobs"
        for row in jobs.succeeded(RUNS):
            wrong = directory.damaged(row.id, row.files, hashes=True)
            if wrong:
                return False, f"{row.name}: {wrong}", "retry the run, it gives the same result"
    finally:
        jobs.close()
    return True, counts, ""


def _server(settings: Settings) -> tuple[bool, str, str]:
    """See whether a server owns the directory and answers."""
    import grpc
    from greentrip.client.channels import Credentials, open_channel
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    file = settings.data / "server.json"
    if not file.exists():
        return True, "none runs on this directory", ""
    facts: dict[str, Any] = json.loads(file.read_text())
    credentials = Credentials.from_environment()
    with open_channel(facts["address"], Credentials(**{**credentials.__dict__, "tls": facts.get("tls")})) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=3)
        except grpc.RpcError as error:
            return False, f"{facts['address']} does not answer ({error.code().name})", "end it and start it again"
    return answer.status == health_pb2.HealthCheckResponse.SERVING, f"{facts['address']} serves", ""


_CHECKS: dict[str, Callable[[Settings], tuple[bool, str, str]]] = {
    "packages": _packages,
    "cores and memory": _cores,
    "compiled kernels": _kernels,
    "data directory": _directory,
    "database": _database,
    "server": _server,
}
