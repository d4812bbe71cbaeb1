"""Faults of every kind, many times each, while runs are made: nothing accepted is lost, made twice or different.

    python tests/chaos/harness.py    # CHAOS_TRIES=100 of each kind; CHAOS_KINDS=worker,server for some

Tries mostly wait, so CHAOS_TOGETHER=3 kinds are put to the test at a time, each on a server of its own.

A try puts one fault at one write boundary of a server or worker (or, where it has no boundary, at a random moment),
while a client creates runs, cancels one, deletes one and changes a scenario, and insists until it is answered. A
supervisor starts the server again whenever it is gone, as systemd would. Then: every run asked for exists once, is in a
terminal state, and its tables have the bytes of an undisturbed run. The last line is one JSON object.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import greentrip
from greentrip.client import CallError, Client
from greentrip.v1 import run_pb2, run_pb2_grpc
from sqlalchemy import create_engine, text

HERE = Path(__file__).resolve().parent
KINDS = ("worker", "server", "database", "disk", "clock", "half-open", "duplicates")
SEEDS = (0, 1)
ASKED = {"sample": 0.002, "max_days": 2}
PATIENCE_S = float(os.environ.get("CHAOS_PATIENCE_S", "180"))  # after which a run counts as unfinished
FULL_S = 1.0
MINUTES = float(os.environ.get("CHAOS_MINUTES", "inf"))  # of one kind, after which no further try is begun
TABLES = ("trips", "links", "lines")
_AGAIN = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


class Supervised:
    """A server that is started again whenever it is gone."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.fault, self.record, self.clock = folder / "fault", folder / "record", folder / "clock"
        self.log = folder / "supervisor.log"
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "GREENTRIP_LEASE_S": "2",
            "GREENTRIP_WORKERS": "1",
            "GREENTRIP_THREADS": "1",
            "GREENTRIP_FREE_DISK_MB": "1",
            "GREENTRIP_DRAIN_S": "0",
            "GREENTRIP_ATTEMPTS": "100",
            "CHAOS_FAULT": str(self.fault),
            "CHAOS_RECORD": str(self.record),
            "CHAOS_CLOCK": str(self.clock),
            **environment,
        }
        self.starts = 0
        self._between = threading.Lock()
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._ended:
            command = [sys.executable, str(HERE / "faulty_server.py"), f"--data={self.folder / 'data'}"]
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, f"--address={self.address}"], stdout=log, stderr=log, env=self._environment
                )
            self.starts += 1
            self._process.wait()
            if not self._ended:
                time.sleep(0.1)
                with self._between:  # what is done to the store meanwhile
                    pass

    def restart(self, meanwhile: Callable[[], None] | None = None) -> None:
        """End the server and have it started again, after something was done to its store."""
        if self._process is not None:
            with self._between:
                self._process.send_signal(signal.SIGTERM)
                self._process.wait()
                if meanwhile is not None:
                    meanwhile()

    def unmark(self) -> None:
        """Take the mark off the store and its results folder, as if this were the first start."""
        url = self._environment.get("GREENTRIP_DATABASE", f"sqlite:///{self.folder / 'data' / 'greentrip.sqlite'}")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM facts WHERE name = 'mark'"))
        engine.dispose()
        results = self._environment.get("GREENTRIP_RESULTS", str(self.folder / "data" / "runs"))
        Path(results, ".store").unlink(missing_ok=True)

    def close(self) -> None:
        """End the server for good."""
        self._ended = True
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
        self._thread.join(30)


def insist(ask: Callable[[], Any], until: float, *, gone_is_fine: bool = False) -> Any:
    """Ask until there is an answer: a call that met a dying server or a full disk is made again."""
    while True:
        try:
            return ask()
        except CallError as error:
            if gone_is_fine and error.code == "NOT_FOUND":
                return None
            if error.code not in _AGAIN or time.monotonic() > until:
                raise
        time.sleep(0.1)


def fingerprint(client: Client, name: str, until: float) -> str:
    """Return a hash of a run's tables."""
    found = hashlib.sha256()
    for table in TABLES:
        found.update(insist(lambda t=table: client.table(name, t), until))
    return found.hexdigest()


def wait(client: Client, name: str, until: float) -> int:
    """Return the terminal state of a run, or the one it is in when patience is over."""
    state = 0
    while time.monotonic() < until:
        with contextlib.suppress(CallError):
            state = client.run(name).state
            if state > run_pb2.RUN_STATE_RUNNING:
                return state
        time.sleep(0.03)
    return state


class Chaos:
    """One server and what it is put through."""

    def __init__(self, folder: Path, kind: str, generator: random.Random, **environment: str) -> None:
        self.kind, self.generator = kind, generator
        self.server = Supervised(folder, **environment)
        self.folder = folder
        self.client = self._connect()
        self.found: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.errors: list[str] = []
        self.expected = self._undisturbed()
        self.boundaries = self._boundaries()

    def _connect(self) -> Client:
        until = time.monotonic() + 60
        while True:
            try:
                return greentrip.connect(self.server.address)
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def _undisturbed(self) -> dict[int, str]:
        """Simulate each seed once, and go through everything once, so that boundaries are recorded."""
        until = time.monotonic() + 600
        found = {}
        for seed in SEEDS:
            name = self.client.create_run("networks/tiny", seed=seed, **ASKED).name
            assert wait(self.client, name, until) == run_pb2.RUN_STATE_SUCCEEDED, self.client.run(name)
            found[seed] = fingerprint(self.client, name, until)
        self.work("first", until)
        return found

    def _boundaries(self) -> list[str]:
        """Return the boundaries passed by the workload and by a start of the server."""
        self.server.restart()
        self.client.close()
        self.client = self._connect()
        time.sleep(1.5)
        return sorted(set(self.server.record.read_text().splitlines()))

    def work(self, mark: str, until: float) -> tuple[dict[str, int], str]:
        """Make a run that stays, one that is cancelled and deleted, and a scenario; return the names that stay."""
        client, kept = self.client, {}

        def make(seed: int, purpose: str, **asked: Any) -> str:
            ask = {**ASKED, **asked, "request_id": f"{mark}-{purpose}", "name": f"{mark}-{purpose}"}
            return insist(lambda: client.create_run("networks/tiny", seed=seed, **ask), until).name

        seed = self.generator.choice(SEEDS)
        kept[make(seed, "kept")] = seed
        stopped = make(5, "stopped", max_days=1000, sample=0.5)
        scenario = insist(lambda: client.create_scenario("tiny", name=f"s-{mark}", request_id=mark), until).name
        insist(lambda: client.update_scenario(scenario, description=mark), until)
        insist(lambda: client.cancel(stopped), until)
        insist(lambda: client.delete_scenario(scenario), until, gone_is_fine=True)
        for name in kept:
            wait(client, name, until)
        insist(lambda: client.delete_run(stopped), until, gone_is_fine=True)
        return kept, stopped

    def check(self, kept: dict[str, int], mark: str, until: float, gone: str = "") -> None:
        """Count what is lost, made twice, different or unfinished."""
        listed = [r.name for r in insist(self.client.runs, until) if r.name.startswith(f"runs/{mark}")]
        self.found["duplicated"] += len(listed) - len(set(listed)) + sum(n not in (*kept, gone) for n in listed)
        for name, seed in kept.items():
            if name not in listed:
                self.found["lost"] += 1
                self.errors.append(f"lost {name}")
                continue
            state = wait(self.client, name, until)
            if state <= run_pb2.RUN_STATE_RUNNING:
                self.found["unfinished"] += 1
                self.errors.append(f"unfinished {name}")
            elif state != run_pb2.RUN_STATE_SUCCEEDED or fingerprint(self.client, name, until) != self.expected[seed]:
                self.found["differing"] += 1
                self.errors.append(
                    f"differing {name}: {insist(lambda n=name: self.client.run(n), until).error.message}"
                )

    def tidy(self, kept: dict[str, int], until: float) -> None:
        """Delete the runs of a try, so that the store stays small."""
        for name in kept:
            insist(lambda n=name: self.client.delete_run(n), until, gone_is_fine=True)

    def one_try(self) -> None:
        """Meet one fault."""
        mark, until = uuid.uuid4().hex[:10], time.monotonic() + PATIENCE_S
        with self.fault(mark):
            kept, stopped = self.work(mark, until)
        self.check(kept, mark, until, stopped)
        self.tidy(kept, until)
        self.found["tries"] += 1

    @contextlib.contextmanager
    def fault(self, mark: str) -> Iterator[None]:
        """Put this kind's fault in place, and take it away."""
        if self.kind == "clock":
            jump = self.generator.choice((-86400.0, -3600.0, 60.0, 3600.0, 86400.0))
            timer = threading.Timer(self.generator.uniform(0, 1.5), lambda: self.server.clock.write_text(str(jump)))
            timer.start()
            yield
            timer.join()
            self.fired[f"clock {jump:+g} s"] += 1
            return
        at = self.next_boundary()
        marker, filler = self.folder / f"marker-{mark}", self.folder / "data" / "filler"
        do = {"worker": "kill", "server": "kill", "database": "cut", "duplicates": "kill"}.get(self.kind, "fill")
        if self.kind == "disk" and not _is_mount(self.folder / "data"):
            do = "raise"
        fault = {"at": at, "do": do, "marker": str(marker), "filler": str(filler)}
        self.server.fault.with_suffix(".new").write_text(json.dumps(fault))
        self.server.fault.with_suffix(".new").replace(self.server.fault)
        if any(
            word in at for word in ("_take_over", "requeue_lost", "announce", "check_mark", "mark ", "sweep", "tidy")
        ):
            self.server.restart(self.server.unmark if "mark " in at else None)
        ended = threading.Event()

        def free() -> None:
            while not ended.wait(0.05):
                if filler.exists():
                    time.sleep(FULL_S)
                    filler.unlink(missing_ok=True)

        freeing = threading.Thread(target=free, daemon=True)
        freeing.start()
        try:
            yield
        finally:
            ended.set()
            freeing.join()
            filler.unlink(missing_ok=True)
            self.server.fault.unlink(missing_ok=True)
        if marker.exists():
            self.fired[at] += 1
            marker.unlink()
        else:
            self.found["not met"] += 1

    def next_boundary(self) -> str:
        """Return a boundary of the kind's role, of those met least."""
        role = {"worker": "worker ", "server": "server ", "database": "server ", "duplicates": "server "}.get(
            self.kind, ""
        )
        fit = [b for b in self.boundaries if b.startswith(role)]
        if self.kind == "database":
            fit = [b for b in fit if b.endswith("commit before")]
        if self.kind == "duplicates":
            fit = [b for b in fit if "jobs.add" in b]
        tried = self.__dict__.setdefault("tried", Counter())
        least = min(tried[b] for b in fit)
        chosen = self.generator.choice([b for b in fit if tried[b] == least])
        tried[chosen] += 1
        return chosen


class Duplicates(Chaos):
    """The same create from many callers at once, and the server killed in the middle."""

    def one_try(self) -> None:
        mark, until = uuid.uuid4().hex[:10], time.monotonic() + PATIENCE_S
        seed = self.generator.choice(SEEDS)

        def create() -> str:
            ask = {**ASKED, "request_id": mark, "name": f"{mark}-a"}
            return insist(lambda: self.client.create_run("networks/tiny", seed=seed, **ask), until).name

        with self.fault(mark), ThreadPoolExecutor(8) as pool:
            names = {f.result() for f in [pool.submit(create) for _ in range(8)]}
        self.found["duplicated"] += len(names) - 1
        kept = dict.fromkeys(names, seed)
        self.check(kept, mark, until)
        self.tidy(kept, until)
        self.found["tries"] += 1


class HalfOpen(Chaos):
    """A client whose connection stays open and carries nothing any more, in the middle of a call."""

    def one_try(self) -> None:
        mark, until = uuid.uuid4().hex[:10], time.monotonic() + PATIENCE_S
        seed = self.generator.choice(SEEDS)
        with Relay(self.server.address) as relay, contextlib.ExitStack() as stack:
            import grpc

            channel = stack.enter_context(grpc.insecure_channel(relay.address))
            stub = run_pb2_grpc.RunServiceStub(channel)
            request = run_pb2.CreateRunRequest(
                run=run_pb2.Run(
                    scenario="networks/tiny", seed=seed, sample=ASKED["sample"], max_days=ASKED["max_days"]
                ),
                run_id=f"{mark}-a",
                request_id=mark,
            )
            timer = threading.Timer(self.generator.uniform(0.0, 0.4), relay.stall)
            timer.start()
            with contextlib.suppress(grpc.RpcError):
                stub.CreateRun(request, timeout=2)
                list(stub.WatchRun(run_pb2.WatchRunRequest(name=f"runs/{mark}-a"), timeout=2))
            timer.join()
            self.fired["connection stalled"] += 1
            ask = {**ASKED, "request_id": mark, "name": f"{mark}-a"}
            name = insist(lambda: self.client.create_run("networks/tiny", seed=seed, **ask), until).name
            self.check({name: seed}, mark, until)
        self.tidy({name: seed}, until)
        self.found["tries"] += 1


class Relay:
    """Passes bytes on until told to stall: then the connections stay open and nothing passes."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._target = host, int(port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._stalled = threading.Event()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "Relay":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for held in self._sockets:
            held.close()

    def stall(self) -> None:
        self._stalled.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._listening.accept()
                two = socket.create_connection(self._target)
                self._sockets += [one, two]
                for a, b in ((one, two), (two, one)):
                    threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (content := source.recv(65536)) and not self._stalled.is_set():
                target.sendall(content)
            self._stalled.wait()


def _is_mount(path: Path) -> bool:
    """Return whether a folder is a file system of its own, small enough to be filled."""
    return os.path.ismount(path)


@contextlib.contextmanager
def chaos(kind: str, generator: random.Random) -> Iterator[Chaos]:
    """Set up one kind's server."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos", ignore_cleanup_errors=True)))
        environment = {}
        (folder / "data").mkdir()
        if kind == "disk":
            small = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder / "data")]
            if shutil.which("mount") and not subprocess.run(small, check=False, capture_output=True).returncode:
                stack.callback(subprocess.run, ["umount", "-l", str(folder / "data")], check=False)
        if kind == "database":
            spec = importlib.util.spec_from_file_location("postgres", HERE.parent / "server" / "postgres.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            environment["GREENTRIP_DATABASE"] = stack.enter_context(module.postgres())
            environment["GREENTRIP_RESULTS"] = str(folder / "results")
        made = {"duplicates": Duplicates, "half-open": HalfOpen}.get(kind, Chaos)(
            folder, kind, generator, **environment
        )
        try:
            yield made
        finally:
            made.client.close()
            made.server.close()
            if made.errors and os.environ.get("CHAOS_KEEP"):
                shutil.copytree(folder, Path(os.environ["CHAOS_KEEP"]) / kind, dirs_exist_ok=True, symlinks=True)


def tried(kind: str, tries: int, seed: int) -> Counter[str]:
    """Put one kind to the test and tell what came of it; return what was counted."""
    began = time.monotonic()
    with chaos(kind, random.Random(f"{kind} {seed}")) as put:
        for i in range(tries):
            if time.monotonic() - began > 60 * MINUTES:
                break
            try:
                put.one_try()
            except Exception as error:  # noqa: BLE001 - whatever happens is a finding
                put.found["unfinished"] += 1
                put.found["tries"] += 1
                put.errors.append(f"try {i}: {type(error).__name__}: {error}")
            if (i + 1) % 10 == 0:
                print(f"{kind}: {i + 1} of {tries}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"{kind}: {dict(put.found)}, {put.server.starts} starts, {time.monotonic() - began:.0f} s")
    for name, count in sorted(put.fired.items()):
        print(f"  {count:4}  {name}")
    if kind in ("worker", "server", "disk"):
        role = "" if kind == "disk" else f"{kind} "
        missed = [b for b in put.boundaries if b.startswith(role) and not put.fired[b]]
        print(f"  boundaries met: {len(put.fired)} of {len(put.fired) + len(missed)}")
        for name in missed:
            print(f"        not met: {name}")
    for error in put.errors:
        print(f"  {error}")
    return put.found


def apart(kind: str) -> tuple[str, Counter[str]]:
    """Put one kind to the test in a process of its own; return its story and what was counted."""
    ended = subprocess.run([sys.executable, __file__, kind], stdout=subprocess.PIPE, text=True, check=False)
    story, _, counted = ended.stdout.rstrip().rpartition("\n")
    try:
        return story, Counter(json.loads(counted))
    except ValueError:
        return f"{ended.stdout}\n{kind}: ended with {ended.returncode}", Counter(unfinished=1)


def main(only: list[str]) -> int:
    """Put every kind to the test, some at a time, and print what came of it; or one kind, in this process."""
    tries, seed = int(os.environ.get("CHAOS_TRIES", "100")), int(os.environ.get("CHAOS_SEED", "0"))
    if only:
        print(json.dumps(tried(only[0], tries, seed)))
        return 0
    kinds = os.environ.get("CHAOS_KINDS", ",".join(KINDS)).split(",")
    total: Counter[str] = Counter()
    by_kind = {}
    with ThreadPoolExecutor(int(os.environ.get("CHAOS_TOGETHER", "3"))) as pool:
        for kind, (story, found) in zip(kinds, pool.map(apart, kinds), strict=True):
            print(story, flush=True)
            by_kind[kind] = found["tries"]
            total += found
    outcome = {name: total[name] for name in ("lost", "duplicated", "differing", "unfinished")}
    print(json.dumps({"tries": by_kind, **outcome}))
    return int(any(outcome.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
