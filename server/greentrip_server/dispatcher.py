"""Hands queued jobs to worker processes, renews their leases, records what they find and stops them on request."""

import asyncio
import contextlib
import multiprocessing
import shutil
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import structlog
from google.rpc import code_pb2, status_pb2

from greentrip_server.directory import DataDirectory
from greentrip_server.errors import status_to_json
from greentrip_server.jobs import RUNS, Jobs, digest
from greentrip_server.settings import Settings
from greentrip_server.tables import TERMINAL, JobRow, PlanRow
from greentrip_server.worker import work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

_SPAWN = multiprocessing.get_context("spawn")  # a fork beside gRPC's threads may hang


class Worker:
    """One worker process and the job it does."""

    def __init__(self) -> None:
        self.connection: Connection
        self.connection, theirs = _SPAWN.Pipe()
        self.process: BaseProcess = _SPAWN.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.job: JobRow | None = None
        self.idle_since = time.monotonic()

    def kill(self) -> None:
        """End the process, by its id, and wait until it is gone."""
        self.process.kill()
        self.process.join()
        self.connection.close()


class Dispatcher:
    """The one place that starts and stops work; all its methods run on the event loop."""

    def __init__(self, jobs: Jobs, directory: DataDirectory, settings: Settings) -> None:
        self._jobs, self._directory, self._settings = jobs, directory, settings
        self._workers: list[Worker] = []
        self._progress: dict[int, dict[str, Any]] = {}
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("dispatcher")
        self._stopping = False

    async def run(self) -> None:
        """Dispatch until cancelled."""
        lost = self._jobs.requeue_lost()
        self._directory.sweep(self._jobs.unfinished(RUNS))
        if lost:
            self._log.info("requeued", jobs=lost)
        renewed = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout=min(1.0, self._settings.lease_s / 3))
            self._wake.clear()
            if time.monotonic() - renewed >= min(1.0, self._settings.lease_s / 3):
                renewed = time.monotonic()
                self._renew()
                self._retire()
            self._fill()

    async def close(self) -> None:
        """Stop every worker; their jobs are queued again for the next owner."""
        self._stopping = True
        for worker in self._workers:
            asyncio.get_running_loop().remove_reader(worker.connection.fileno())
            worker.kill()
            if worker.job is not None:
                self._jobs.release(worker.job.number)
        self._workers.clear()

    def wake(self) -> None:
        """Look for queued jobs now."""
        self._wake.set()

    def progress(self, job: JobRow) -> dict[str, Any]:
        """Return the newest progress of a job."""
        return job.progress if job.state in TERMINAL else self._progress.get(job.number, job.progress)

    async def changes(self) -> AsyncIterator[None]:
        """Yield now and whenever some job changes."""
        while True:
            yield
            with contextlib.suppress(TimeoutError):
                async with self._changed:
                    await asyncio.wait_for(self._changed.wait(), timeout=1.0)

    async def cancel(self, job: JobRow) -> None:
        """Cancel a job and, when a worker does it, kill that worker by its id before returning."""
        if not self._jobs.cancel(job.number):
            return
        for worker in [w for w in self._workers if w.job is not None and w.job.number == job.number]:
            self._drop(worker)
            await asyncio.to_thread(worker.kill)
            self._log.info("cancelled", job=job.name, pid=worker.process.pid)
        self._clean(job, ended=True)
        self.wake()
        await self._notify()

    def _fill(self) -> None:
        """Give every free slot a job."""
        while not self._stopping:
            free = next((w for w in self._workers if w.job is None), None)
            if free is None and len(self._workers) >= self._settings.workers:
                return
            job = self._jobs.claim(self._settings.lease_s)
            if job is None:
                return
            if job.attempt > self._settings.attempts:
                self._fail(
                    job,
                    code_pb2.ABORTED,
                    f"its worker died {self._settings.attempts} times; perhaps memory ran out: use a smaller sample",
                )
                continue
            if free is None:
                free = Worker()
                self._workers.append(free)
                asyncio.get_running_loop().add_reader(free.connection.fileno(), self._read, free)
            free.job = job
            order = {
                "kind": job.kind,
                "input": job.input,
                "aside": str(self._directory.aside(job.id, job.attempt)),
                "checkpoint": str(self._directory.days(job.id)),
                "run_folder": str(self._directory.folder(job.parent.removeprefix(f"{RUNS}/"))),
            }
            self._log.info("started", job=job.name, attempt=job.attempt, pid=free.process.pid)
            try:
                free.connection.send(order)
            except OSError:
                self._died(free)
            self._spawn(self._notify())

    def _read(self, worker: Worker) -> None:
        """Take what a worker says."""
        try:
            kind, data = worker.connection.recv()
        except (EOFError, OSError):
            self._died(worker)
            return
        job = worker.job
        if job is None:
            return
        if kind == "progress":
            self._progress[job.number] = data
            self._spawn(self._notify())
            return
        self._spawn(self._finish(worker, job, kind, data))

    async def _finish(self, worker: Worker, job: JobRow, kind: str, data: dict[str, Any]) -> None:
        """Make a result durable and record it, then free the slot."""
        try:
            if kind == "failed":
                self._log.warning("failed", job=job.name, trace=data["trace"])
                self._jobs.fail(job.number, data["status"])
            elif job.kind == RUNS:
                aside = self._directory.aside(job.id, job.attempt)
                await asyncio.to_thread(self._directory.keep, aside, self._directory.folder(job.id))
                self._jobs.succeed(job.number, data["indicators"], self.progress(job))
            else:
                plan = PlanRow(
                    id=job.id,
                    network=job.input["network"],
                    placement=job.input["placement"],
                    run=job.parent,
                    document=data["plan"],
                    request_id=None,
                    request_hash=digest(data["plan"]),
                    created=time.time(),
                )
                self._jobs.succeed(job.number, {}, self.progress(job), plan)
        except Exception as error:  # noqa: BLE001 - a job whose result is lost must not stay running
            self._log.exception("not recorded", job=job.name)
            self._fail(job, code_pb2.INTERNAL, f"its result could not be recorded: {type(error).__name__}: {error}")
        finally:
            self._clean(job, ended=True)
            worker.job, worker.idle_since = None, time.monotonic()
        self.wake()
        await self._notify()

    def _died(self, worker: Worker) -> None:
        """Queue a dead worker's job again."""
        if worker not in self._workers:
            return
        self._drop(worker)
        worker.kill()
        if worker.job is not None:
            self._log.warning("worker died", job=worker.job.name, exit_code=worker.process.exitcode)
            self._jobs.release(worker.job.number)
            self._clean(worker.job)
        self.wake()
        self._spawn(self._notify())

    def _drop(self, worker: Worker) -> None:
        """Forget a worker."""
        asyncio.get_running_loop().remove_reader(worker.connection.fileno())
        self._workers.remove(worker)

    def _retire(self) -> None:
        """End workers that have been idle for long."""
        for worker in [
            w for w in self._workers if w.job is None and time.monotonic() - w.idle_since > self._settings.idle_s
        ]:
            self._drop(worker)
            worker.kill()

    def _renew(self) -> None:
        """Extend the leases of what is running here; stop what is no longer this server's."""
        for worker in list(self._workers):
            job = worker.job
            if (
                job is not None
                and not self._jobs.renew(job.number, self._settings.lease_s, self.progress(job))
                and worker.job is job
            ):
                self._log.warning("lease lost", job=job.name)

    def _fail(self, job: JobRow, code: int, message: str) -> None:
        """Record a failure that did not come from the worker."""
        self._jobs.fail(job.number, status_to_json(status_pb2.Status(code=code, message=f"{job.name}: {message}")))
        self._clean(job, ended=True)
        self._spawn(self._notify())

    def _clean(self, job: JobRow, *, ended: bool = False) -> None:
        """Drop what an attempt leaves in memory and aside; the last day kept only goes with the job."""
        self._progress.pop(job.number, None)
        shutil.rmtree(self._directory.aside(job.id, job.attempt), ignore_errors=True)
        if ended:
            shutil.rmtree(self._directory.days(job.id), ignore_errors=True)

    def _spawn(self, work_to_do: Any) -> None:
        """Run a coroutine without waiting, holding a reference until it ends."""
        task = asyncio.get_running_loop().create_task(work_to_do)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        """Tell watchers that something changed."""
        async with self._changed:
            self._changed.notify_all()
