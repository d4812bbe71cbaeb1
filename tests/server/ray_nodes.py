"""Nodes of a real Ray cluster on this machine, each in a network namespace of its own where that is allowed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_CPUS = 1


def namespaces(count: int, label: str) -> list[str]:
    """Return network namespaces joined by a bridge, numbered from 2; none where this machine does not allow them."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return []
    made = [f"{label}{i + 2}" for i in range(count)]
    steps = [
        f"link add {label}br type bridge",
        f"addr add 10.213.7.1/24 dev {label}br",
        f"link set {label}br up",
        *(
            step
            for i, name in enumerate(made, start=2)
            for step in (
                f"netns add {name}",
                f"link add {label}v{i} type veth peer name eth0 netns {name}",
                f"link set {label}v{i} master {label}br up",
                f"-n {name} addr add 10.213.7.{i}/24 dev eth0",
                f"-n {name} link set eth0 up",
                f"-n {name} link set lo up",
            )
        ),
    ]
    for step in steps:
        if subprocess.run(["ip", *step.split()], capture_output=True, check=False).returncode:
            remove_namespaces(made, label)
            return []
    return made


def remove_namespaces(names: list[str], label: str) -> None:
    for step in (*(f"netns del {n}" for n in names), f"link del {label}br"):
        subprocess.run(["ip", *step.split()], capture_output=True, check=False)


class Node:
    """One node; the first is the head. Everything it starts has its own TMPDIR, which also tells its processes."""

    def __init__(self, folder: Path, host: str, head: str, inside: str, ports: int) -> None:
        self.folder, self.host = folder, host
        folder.mkdir(parents=True)
        command = ["ip", "netns", "exec", inside] if inside else []
        command += [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--num-cpus={_CPUS}"]
        command += [f"--node-ip-address={host}", "--object-store-memory=100000000"]
        if head:
            command += [f"--address={head}"]
        else:
            command += ["--head", f"--port={ports}", f"--ray-client-server-port={ports + 1}"]
            command += ["--include-dashboard=false"]
        with (folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "TMPDIR": str(folder),
                    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                    "RAY_USAGE_STATS_ENABLED": "0",
                },
                start_new_session=True,
            )
        self._wait("Ray runtime started")

    def _wait(self, text: str) -> None:
        until = time.monotonic() + 90
        while text not in (self.folder / "out").read_text(errors="replace"):
            assert self.process.poll() is None, (self.folder / "out").read_text(errors="replace")
            assert time.monotonic() < until, "ray did not start"
            time.sleep(0.2)

    def processes(self) -> list[int]:
        """Return the ids of all the node's processes."""
        mark, found = f"TMPDIR={self.folder}\0".encode(), []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
        return found

    def kill(self) -> None:
        """End everything of the node at once, as a power cut would."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=30)
