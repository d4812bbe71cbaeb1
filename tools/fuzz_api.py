"""Call every method of the service with messages made from its descriptors, and with plain bytes.

`python tools/fuzz_api.py 100000` makes that many calls and prints one JSON line: calls by status code, and what is
wrong: an answer of INTERNAL or UNKNOWN, one that takes longer than it may, files left open or behind.
"""

import argparse
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from typing import Any

import greentrip
import grpc
from google.longrunning import operations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from greentrip.client.client import Client
from greentrip_server.database import CONNECTIONS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SLOW_S = 20.0  # longer than any call on the tiny city takes, on a loaded machine too
WAITING = ("WatchRun", "WaitOperation", "WatchExperiment", "WatchOperation")  # they wait for work that is never done
PATIENCE_S = 0.05
TOGETHER = 16  # calls on their way at a time
FILES_OF_CONNECTION = 3  # SQLite's: the database, its log and the log's index
DEPTH = 4
NEEDED = ("name", "scenario", "run", "plan", "base_runs", "other_runs", "table", "network", "kind", "experiment")
RARE = ("filter", "page_token", "etag", "paths", "request_id", "type_url", "run_id", "plan_id", "scenario_id")
BAD = ("INTERNAL", "UNKNOWN", "DATA_LOSS")
_F = FieldDescriptor


def methods() -> list[MethodDescriptor]:
    """Return every method of the contract and of long-running operations."""
    import importlib
    import pkgutil

    import greentrip.v1

    modules = [m.name for m in pkgutil.iter_modules(greentrip.v1.__path__) if m.name.endswith("_pb2")]
    files = [importlib.import_module(f"greentrip.v1.{name}").DESCRIPTOR for name in modules]
    return [
        m for file in [operations_pb2.DESCRIPTOR, *files] for s in file.services_by_name.values() for m in s.methods
    ]


def values(field: Any, names: list[str], depth: int) -> st.SearchStrategy[Any]:
    """Return what one field may hold, sensible and not."""
    if field.message_type is not None:
        return messages(field.message_type, names, depth - 1)
    if field.enum_type is not None:
        return st.sampled_from([*field.enum_type.values_by_number, -1, 99])
    kind = field.cpp_type
    if kind == _F.CPPTYPE_STRING and field.type == _F.TYPE_BYTES:
        return st.binary(max_size=64)
    if kind == _F.CPPTYPE_STRING:
        if field.name in RARE:
            return mostly(st.just(""), st.one_of(st.sampled_from(names), st.text(max_size=40)))
        fit = [n for n in names if n.startswith((f"{field.name}s/", f"{field.containing_type.name}s/".lower()))]
        asked = field.containing_type.name.removesuffix("Request").lower()
        fit += [n for n in names if field.name == "name" and n.partition("/")[0][:-1] in asked and "/" in n]
        return mostly(st.sampled_from(fit or names), st.one_of(st.sampled_from(names), st.text(max_size=40)))
    if kind == _F.CPPTYPE_BOOL:
        return st.booleans()
    if kind in (_F.CPPTYPE_DOUBLE, _F.CPPTYPE_FLOAT):
        return mostly(st.sampled_from([0.002, 1.0]), st.one_of(st.sampled_from([-1.0, 1e300]), st.floats()))
    low, high = {
        _F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
        _F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
        _F.CPPTYPE_UINT32: (0, 2**32 - 1),
    }.get(kind, (0, 2**64 - 1))
    return mostly(st.integers(0, 3), st.integers(low, high))


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return what is usual, one time in eight what is odd."""
    return st.sampled_from([usual] * 7 + [odd]).flatmap(lambda chosen: chosen)


def messages(descriptor: Any, names: list[str], depth: int = DEPTH) -> st.SearchStrategy[Message]:
    """Return messages of a descriptor, some fields set."""
    made = message_factory.GetMessageClass(descriptor)
    if depth <= 0 or not descriptor.fields:
        return st.builds(made)

    @st.composite
    def build(draw: st.DrawFn) -> Message:
        message = made()
        always = [f for f in descriptor.fields if f.name in NEEDED]
        for field in [*always, *draw(st.lists(st.sampled_from(list(descriptor.fields)), max_size=3))]:
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                inner = field.message_type.fields_by_name
                held = getattr(message, field.name)
                if inner["value"].message_type is None:
                    held[draw(values(inner["key"], names, depth))] = draw(values(inner["value"], names, depth))
            elif field.is_repeated:
                getattr(message, field.name).extend(draw(st.lists(values(field, names, depth), max_size=3)))
            elif field.message_type is not None:
                getattr(message, field.name).CopyFrom(draw(values(field, names, depth)))
            else:
                setattr(message, field.name, draw(values(field, names, depth)))
        return message

    return build()


class Fuzz:
    """One server and what it answered."""

    def __init__(self, client: Client, names: list[str]) -> None:
        self._client, self._names = client, names
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._pool, self._free = ThreadPoolExecutor(TOGETHER), Semaphore(TOGETHER)

    def call(self, method: MethodDescriptor, content: bytes) -> None:
        """Make one call with a message's bytes."""
        path = f"/{method.containing_service.full_name}/{method.name}"
        waits = method.name in WAITING
        channel: Any = self._client.channel
        kind = channel.unary_stream if method.server_streaming else channel.unary_unary
        began, code = time.monotonic(), "OK"
        try:
            answer = kind(path)(content, timeout=PATIENCE_S if waits else SLOW_S)
            if method.server_streaming:
                for _ in answer:
                    pass
        except grpc.RpcError as error:
            code = error.code().name
            if code in BAD:
                self.wrong.append(f"{method.name}: {code} {error.details()} for {content!r}")
        if not waits and (code == "DEADLINE_EXCEEDED" or time.monotonic() - began >= SLOW_S):
            self.wrong.append(f"{method.name}: took {time.monotonic() - began:.1f} s for {content!r}")
        self.codes[code] += 1

    def messages(self, count: int, seed: int) -> None:
        """Make calls with messages, the same number to every method."""
        found = methods()
        for i, method in enumerate(found):
            share = count // len(found) + (i < count % len(found))

            run = given(message=messages(method.input_type, self._names))(self._caller(method))
            run = settings(
                max_examples=max(share, 1),
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                derandomize=False,
            )(run)
            from hypothesis import seed as seeded

            seeded(seed + i)(run)()
        self.wait()

    def _caller(self, method: MethodDescriptor) -> Callable[[Message], None]:
        """Return a function that has a method called with a message, beside other calls."""

        def one(message: Message) -> None:
            self._send(method, message.SerializeToString())

        return one

    def _send(self, method: MethodDescriptor, content: bytes) -> None:
        """Have a call made by another thread; wait while too many are on their way."""
        self._free.acquire()
        self._pool.submit(self.call, method, content).add_done_callback(self._done)

    def _done(self, call: Future[None]) -> None:
        """Note a call that could not even be made."""
        self._free.release()
        if (error := call.exception()) is not None:
            self.wrong.append(f"{type(error).__name__}: {error}")

    def wait(self) -> None:
        """Wait for all calls that are on their way."""
        for _ in range(TOGETHER):
            self._free.acquire()
        for _ in range(TOGETHER):
            self._free.release()

    def plain_bytes(self, count: int, generator: random.Random) -> None:
        """Make calls with bytes that are no message, and write bytes on the port that are no call."""
        found = methods()
        for _ in range(count):
            self._send(generator.choice(found), generator.randbytes(generator.randrange(64)))
        self.wait()

    def port(self, address: str, count: int, generator: random.Random) -> None:
        """Write bytes on the port."""
        host, _, port = address.rpartition(":")
        for _ in range(count):
            start = generator.choice((b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n"))
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                try:
                    connection.sendall(start + generator.randbytes(generator.randrange(2000)))
                except OSError:
                    self.codes["connection closed"] += 1
                else:
                    self.codes["bytes sent"] += 1


def served(folder: Path) -> Iterator[tuple[Client, list[str]]]:
    """Yield a client of a server that holds one of everything and starts no work, and the names it knows."""
    data = folder / "data"
    with greentrip.connect(data_dir=data) as client:
        done = client.simulate("tiny", seeds=(0,), sample=0.002, max_days=2)
        scenario = client.create_scenario("tiny", name="base")
        station = client.design_feeders(done.names[0], ["Harbour"], vehicles=3, name="north")
    names = ["", "networks/tiny", "tiny", "x", scenario.name, done.names[0], station.name, "Harbour", "trips", "name"]
    names += [f"operations/{done.names[0]}", "state = failed", "runs/none", "*", "description", "experiments/e"]
    # No disk is so large: what is queued waits, so that a fuzzed run costs nothing.
    os.environ.update(GREENTRIP_FREE_DISK_MB="1e15", GREENTRIP_QUEUE="200", GREENTRIP_QUEUE_OF_CLIENT="200")
    os.environ["TMPDIR"] = str(folder / "tmp")
    (folder / "tmp").mkdir()
    with greentrip.connect(data_dir=data) as client:
        yield client, names


def left(folder: Path, pid: int) -> dict[str, int]:
    """Return how many files a server holds open, beside its database's, and has left in its temporary folder."""
    held = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return {
        "open files": sum(".sqlite" not in name for name in held),
        "database's": sum(".sqlite" in name for name in held),  # its connections are kept, CONNECTIONS at most
        "temporary files": sum(1 for _ in (folder / "tmp").rglob("*")),
    }


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """Make the calls; return what came of them."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for client, names in served(folder):
            facts = json.loads((folder / "data" / "server.json").read_text())
            made = Fuzz(client, names)
            made.messages(min(count, 200), seed)  # what is opened once and kept, such as database connections
            before = left(folder, facts["pid"])
            began = time.monotonic()
            made.messages(count, seed + 1)
            made.plain_bytes(count // 20, generator)
            made.port(facts["address"], max(20, count // 1000), generator)
            time.sleep(1)
            after = left(folder, facts["pid"])
            kept = after["database's"] <= FILES_OF_CONNECTION * CONNECTIONS
            if after["temporary files"] or after["open files"] > before["open files"] + 20 or not kept:
                made.wrong.append(f"left behind: {before} became {after}")
            client.networks()
            return {
                "messages": count,
                "codes": dict(made.codes),
                "wrong": made.wrong[:20],
                "wrong_count": len(made.wrong),
                "before": before,
                "after": after,
                "seconds": round(time.monotonic() - began, 1),
            }
    raise AssertionError


def main() -> int:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("count", type=int, nargs="?", default=100_000, help="messages")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found = fuzz(asked.count, asked.seed)
    sys.stdout.write(json.dumps(found) + "\n")
    return int(found["wrong_count"] > 0)


if __name__ == "__main__":
    sys.exit(main())
