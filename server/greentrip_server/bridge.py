"""The process between a server and a Ray cluster: orders from pipes become tasks, and what tasks find goes back."""

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from greentrip_networks.files import DAY, sync

from greentrip_server import node
from greentrip_server.cities import FOLDER, Cities
from greentrip_server.errors import StateError, status_of, status_to_json

POLL_S = 0.3  # how often running tasks are asked for news
SIZE_S = 3.0  # how often the cluster is asked how large it is
JOIN_S = 60.0  # that a node may take to say what it has
SURE_S = 25.0  # in which Ray notices that a node is gone; until then a dead task may be a dead node's


def bridge(control: Connection, about: dict[str, Any]) -> None:
    """Serve the workers whose pipes come over `control` until it closes; say ("size" | "gone", data) over it."""
    try:
        link = Link(about)
        control.send(("size", link.size()))
    except Exception as error:  # noqa: BLE001 - whatever Ray raises, it is why there is no cluster
        control.send(("gone", _words(error)))
        return
    workers: list[Connection] = []
    try:
        while True:
            for ready in wait([control, *workers], POLL_S if link.tasks else SIZE_S):
                assert isinstance(ready, Connection)
                try:
                    message = ready.recv()
                except (EOFError, OSError):
                    if ready is control:
                        return
                    link.cancel(ready)
                    workers.remove(ready)
                    continue
                if ready is control:
                    workers.append(message)
                else:
                    link.submit(ready, message)
            link.relay()
            size = link.size_if_new()
            if size is not None:
                control.send(("size", size))
    except Exception as error:  # noqa: BLE001 - the server hears why and joins again
        with contextlib.suppress(OSError):
            control.send(("gone", _words(error)))
    finally:
        link.leave()


@dataclass
class Task:
    """One order on its way."""

    worker: Connection
    order: dict[str, Any]
    ref: Any
    node: str = ""  # empty until it has begun
    ended: float | None = None  # when its process was found dead
    reason: str = ""


class Board:
    """An actor that holds the latest news of each task until they are fetched."""

    def __init__(self) -> None:
        self._news: dict[int, dict[str, Any]] = {}

    def tell(self, key: int, news: dict[str, Any]) -> None:
        """Add a task's news; later ones replace earlier ones of the same name."""
        self._news.setdefault(key, {}).update(news)

    def take(self) -> dict[int, dict[str, Any]]:
        """Return the news and forget them."""
        news, self._news = self._news, {}
        return news


def run_task(
    key: int, board: Any, order: dict[str, Any], shipped: dict[str, Any] | None, day: list[Any], keep_s: float
) -> tuple[str, dict[str, Any], dict[str, bytes]]:
    """Do an order on a node; what is large came as references and is fetched only where it is needed."""
    import ray

    board.tell.remote(key, {"node": ray.get_runtime_context().get_node_id()})
    source = None if shipped is None else {**shipped, "files": lambda: ray.get(shipped["files"])}

    def say(progress: dict[str, Any], kept: bytes | None) -> None:
        board.tell.remote(key, {"progress": progress, **({"day": kept} if kept is not None else {})})

    return node.compute(order, source, ray.get(day[0]) if day else None, say, keep_s)


class Link:
    """One connection with a cluster and the tasks that are under way there."""

    def __init__(self, about: dict[str, Any]) -> None:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray, self._about = ray, about
        ray.init(about["address"], logging_level=logging.ERROR, log_to_driver=False, namespace="greentrip")
        self._facts = node.facts()
        self._known: set[str] = set()
        self._size: dict[str, Any] = {}
        self._looked = 0.0
        self._cities = Cities(Path(about["results"]))
        self._shipped: dict[str, Any] = {}
        self._keys = 0
        self.tasks: dict[int, Task] = {}
        self._check_nodes()
        self._board = ray.remote(num_cpus=0, max_restarts=0)(Board).remote()
        self._run = ray.remote(num_cpus=about["threads"], max_retries=0, max_calls=0)(run_task)

    def size(self) -> dict[str, Any]:
        """Return how many runs the cluster takes together, and its nodes' addresses."""
        self._looked = time.monotonic()
        alive = [n for n in self._ray.nodes() if n["Alive"]]
        slots = sum(int(n["Resources"].get("CPU", 0) // self._about["threads"]) for n in alive)
        self._size = {"slots": slots, "nodes": sorted(n["NodeManagerAddress"] for n in alive)}
        return self._size

    def size_if_new(self) -> dict[str, Any] | None:
        """Look at the cluster now and then; return its size when it has changed."""
        before = self._size
        if time.monotonic() - self._looked < SIZE_S or self.size() == before:
            return None
        return self._size

    def submit(self, worker: Connection, order: dict[str, Any]) -> None:
        """Send an order to the cluster."""
        self._keys += 1
        kept = Path(order["checkpoint"]) / DAY
        day = [self._ray.put(kept.read_bytes())] if kept.is_file() else []
        full = {**order, "threads": self._about["threads"], "facts": self._facts}
        shipped = self._ship(order["input"]["network"])
        ref = self._run.remote(self._keys, self._board, full, shipped, day, self._about["keep_s"])
        self.tasks[self._keys] = Task(worker, order, ref)

    def _ship(self, network: str) -> dict[str, Any] | None:
        """Return what a node needs to fetch an imported network; its files are put into the object store once."""
        if not self._cities.imported(network):
            return None
        assert self._cities.store is not None
        name, content = network.rpartition("/")[2], self._cities.content(network)
        if content not in self._shipped:
            folder = Path(self._about["results"]) / FOLDER / name
            files = {p.name: p.read_bytes() for p in sorted(folder.iterdir())}
            self._shipped[content] = self._ray.put(files)
        return {"name": name, "content": content, "files": self._shipped[content]}

    def cancel(self, worker: Connection) -> None:
        """Stop the task of a worker whose pipe was closed."""
        for key in [k for k, t in self.tasks.items() if t.worker is worker]:
            task = self.tasks.pop(key)
            with contextlib.suppress(Exception):  # it may have ended, with its node
                self._ray.cancel(task.ref, force=True)

    def relay(self) -> None:
        """Pass on what tasks say, and how they ended."""
        if not self.tasks:
            return
        for key, news in self._ray.get(self._board.take.remote(), timeout=JOIN_S).items():
            task = self.tasks.get(key)
            if task is None:
                continue
            task.node = news.get("node", task.node)
            if "day" in news:
                _keep(Path(task.order["checkpoint"]), news["day"])
            if "progress" in news:
                self._answer(task, ("progress", news["progress"]))
        waiting = {t.ref: k for k, t in self.tasks.items() if t.ended is None}
        ready, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=0) if waiting else ([], [])
        for ref in ready:
            self._end(waiting[ref])
        self._judge()

    def _end(self, key: int) -> None:
        """Take what a task returned, or note that its process died."""
        from ray.exceptions import RayTaskError

        task = self.tasks[key]
        try:
            kind, data, files = self._ray.get(task.ref)
        except RayTaskError as error:  # raised by our own code there: a node that is not as it must be
            status = status_to_json(status_of(StateError(_words(error), "mend that node, then run it again")))
            kind, data, files = "failed", {"status": status, "trace": str(error)}, {}
        except self._ray.exceptions.RayError as error:
            task.ended, task.reason = time.monotonic(), _words(error)
            return
        aside = Path(task.order["aside"])
        if files:
            aside.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (aside / Path(name).name).write_bytes(content)
        del self.tasks[key]
        self._answer(task, (kind, {**data, "node": self._address(task.node)}))

    def _judge(self) -> None:
        """Say of each task whose process died whether its node did, too: only then the run is not to blame."""
        dead = {k: t for k, t in self.tasks.items() if t.ended is not None}
        if not dead:
            return
        alive = {n["NodeID"] for n in self._ray.nodes() if n["Alive"]}
        for key, task in dead.items():
            assert task.ended is not None
            lost = task.node not in alive
            if lost or time.monotonic() - task.ended > SURE_S:
                del self.tasks[key]
                where = self._address(task.node)
                reason = f"its node {where} was lost" if lost else f"its process on {where} died: {task.reason}"
                self._answer(task, ("lost" if lost else "died", {"reason": reason[:400]}))

    def _address(self, node_id: str) -> str:
        """Return a node's address."""
        found = [n["NodeManagerAddress"] for n in self._ray.nodes() if n["NodeID"] == node_id]
        return str(found[0]) if found else node_id

    def _answer(self, task: Task, message: tuple[str, dict[str, Any]]) -> None:
        """Tell the server; one that has closed the pipe meanwhile is heard of in a moment."""
        with contextlib.suppress(OSError):
            task.worker.send(message)

    def _check_nodes(self) -> None:
        """Ask every node what it has; raise NodeError at the first that differs from this server."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        check = self._ray.remote(num_cpus=0, max_retries=0)(node.check)
        asked = {
            n["NodeManagerAddress"]: check.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(n["NodeID"], soft=False)
            ).remote(self._facts)
            for n in self._ray.nodes()
            if n["Alive"]
        }
        for address, ref in asked.items():
            try:
                self._ray.get(ref, timeout=JOIN_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, the node cannot be used
                raise node.NodeError(f"node {address} cannot take runs: {_words(error)}") from None

    def leave(self) -> None:
        """Cancel what is under way and disconnect."""
        for task in list(self.tasks.values()):
            self.cancel(task.worker)
        with contextlib.suppress(Exception):
            self._ray.shutdown()


def _keep(folder: Path, day: bytes) -> None:
    """Keep the last day of a run that is under way elsewhere, in place of the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{DAY}.part"
    aside.write_bytes(day)
    sync(aside)
    aside.replace(folder / DAY)
    sync(folder)


def _words(error: BaseException) -> str:
    """Return what an error says in one line: the first of its own, and the last, where Ray puts what happened there."""
    lines = [line.strip() for line in str(getattr(error, "cause", None) or error).splitlines() if line.strip()]
    return " ".join(dict.fromkeys((lines[0], lines[-1]))) if lines else type(error).__name__
