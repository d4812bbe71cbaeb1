"""Hands queued jobs to worker processes, renews their leases, records what they find and stops them on request."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog
from google.rpc import code_pb2, status_pb2

from greentrip_server.directory import DataDirectory
from greentrip_server.errors import passing, status_to_json
from greentrip_server.jobs import Jobs, digest
from greentrip_server.kinds import PLANS, RUNS
from greentrip_server.settings import Settings
from greentrip_server.tables import QUEUED, RUNNING, SUCCEEDED, TERMINAL, JobRow, PlanRow
from greentrip_server.workers import Here, Pool, Worker

TICK_S = 0.5  # how soon a job that another server cancelled, or that is over its time, is stopped
_LIVE = (QUEUED, RUNNING)
LONGEST_WAIT_S = 5.0  # between attempts at a store that takes nothing


class Dispatcher:
    """The one place that starts and stops work; all its methods run on the event loop, the database off it."""

    def __init__(self, jobs: Jobs, directory: DataDirectory, settings: Settings, cluster: Pool | None = None) -> None:
        self._jobs, self._directory, self._settings = jobs, directory, settings
        here = Here((RUNS, PLANS) if cluster is None else (PLANS,), settings.workers)
        self._pools: list[Pool] = [here] if cluster is None else [cluster, here]
        self._workers: list[Worker] = []
        self._progress: dict[int, dict[str, Any]] = {}
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("dispatcher")
        self._stopping = False
        self.ended = 0  # attempts at jobs that came to an end here, however
        self._wait_s = 0.0  # how long to leave the store alone, after it refused
        self.told: Callable[[JobRow, str], None] = lambda _job, _event: None  # every start and end of an attempt
        self.waiting_for = ""  # why nothing can be started now, in words; empty when all is well

    async def run(self) -> None:
        """Dispatch until cancelled; a store that refuses for now is tried again."""
        await asyncio.to_thread(self._take_over)
        tended = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout=TICK_S)
            self._wake.clear()
            try:
                if time.monotonic() - tended >= TICK_S:
                    tended = time.monotonic()
                    await self._tend()
                self.waiting_for = await self._fill()
            except Exception as error:
                if passing(error) is None:
                    raise
                await self._hold(error)
            else:
                self._wait_s = 0.0

    async def close(self, drain_s: float = 0.0) -> None:
        """Start nothing more, let running jobs end for a while, then stop every worker; the rest is queued again."""
        self._stopping = True
        until = time.monotonic() + drain_s
        while time.monotonic() < until and any(w.job is not None for w in self._workers):  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.05)
        for worker in self._workers:
            asyncio.get_running_loop().remove_reader(worker.connection.fileno())
            worker.kill()
            if worker.job is not None:
                try:
                    await asyncio.to_thread(self._jobs.release, worker.job.number, "its server stopped")
                except Exception as error:
                    if passing(error) is None:
                        raise
                    # It stays claimed: the next owner, or another server once the lease is over, takes it.
                    self._log.warning("not released", job=worker.job.name, reason=str(error))
        self._workers.clear()

    def wake(self) -> None:
        """Look for queued jobs now."""
        self._wake.set()

    def progress(self, job: JobRow) -> dict[str, Any]:
        """Return the newest progress of a job."""
        return job.progress if job.state in TERMINAL else self._progress.get(job.number, job.progress)

    @property
    def runs_at_a_time(self) -> int:
        """How many runs can be computed together now, at least one."""
        return max(1, sum(pool.most for pool in self._pools if RUNS in pool.kinds))

    def counts(self) -> dict[str, int]:
        """Return how many workers there are and how many are at work."""
        return {"workers": len(self._workers), "busy": sum(w.job is not None for w in self._workers)}

    async def changes(self) -> AsyncIterator[None]:
        """Yield now and whenever some job changes."""
        while True:
            yield
            with contextlib.suppress(TimeoutError):
                async with self._changed:
                    await asyncio.wait_for(self._changed.wait(), timeout=1.0)

    async def cancel(self, job: JobRow) -> None:
        """Cancel a job and, when a worker here does it, kill that worker by its id before returning."""
        if not await asyncio.to_thread(self._jobs.cancel, job.number):
            return
        for worker in [w for w in self._workers if w.job is not None and w.job.number == job.number]:
            await self._stop(worker, "cancelled")
        await asyncio.to_thread(self._clean, job, ended=True)
        self.wake()
        await self.notify()

    async def notify(self) -> None:
        """Tell watchers that something changed."""
        async with self._changed:
            self._changed.notify_all()

    def _take_over(self) -> None:
        """Queue again what a former owner left running, and clear up after it."""
        lost = 0 if self._jobs.shared else self._jobs.requeue_lost()
        kept = {row.id: row.files for row in self._jobs.succeeded(RUNS)}
        self._directory.sweep(self._jobs.unfinished(RUNS), kept)
        if lost:
            self._log.info("requeued", jobs=lost)

    async def _hold(self, error: BaseException) -> None:
        """Leave a store alone that refuses for now."""
        self.waiting_for = str(passing(error))
        self._wait_s = min(LONGEST_WAIT_S, max(0.1, 2 * self._wait_s))
        self._log.warning("waiting", reason=self.waiting_for, seconds=self._wait_s)
        await asyncio.sleep(self._wait_s)

    async def _fill(self) -> str:
        """Give every free slot a job; return what forbids it, in words."""
        reasons = [await self._fill_pool(pool) for pool in self._pools]
        return "; ".join(dict.fromkeys(filter(None, reasons)))

    async def _fill_pool(self, pool: Pool) -> str:
        """Give every free slot of one place a job; return what forbids it."""
        while not self._stopping:
            if pool.trouble:
                return pool.trouble
            if sum(w.pool is pool and w.job is not None for w in self._workers) >= pool.most:
                return ""
            if self._directory.free_mb() < self._settings.free_disk_mb:
                return f"less than {self._settings.free_disk_mb:g} MB are free for results"
            job = await asyncio.to_thread(self._jobs.claim, self._settings.lease_s, pool.kinds)
            if job is None:
                return ""
            if self._stopping:
                await asyncio.to_thread(self._jobs.release, job.number)
                return ""
            if job.deaths >= self._settings.attempts:
                message = f"its worker died {job.deaths} times; perhaps memory ran out: use a smaller sample"
                await self._fail(job, code_pb2.ABORTED, message)
                continue
            free = next((w for w in self._workers if w.pool is pool and w.job is None), None)
            if free is None:
                free = pool.open()
                self._workers.append(free)
                asyncio.get_running_loop().add_reader(free.connection.fileno(), self._read, free)
            free.job, free.ending = job, False
            free.since = free.renewed = time.monotonic()
            order = {
                "name": job.name,
                "kind": job.kind,
                "input": job.input,
                "aside": str(self._directory.aside(job.id, job.attempt)),
                "checkpoint": str(self._directory.days(job.id)),
                "run_folder": str(self._directory.folder(job.parent.removeprefix(f"{RUNS}/"))),
            }
            self._log.info("started", job=job.name, attempt=job.attempt, pid=free.pid, client=job.client)
            self.told(job, "started")
            try:
                free.connection.send(order)
            except OSError:
                self._spawn(self._died(free))
            self._spawn(self.notify())
        return ""

    def _read(self, worker: Worker) -> None:
        """Take what a worker says."""
        try:
            kind, data = worker.connection.recv()
        except (EOFError, OSError):
            self._spawn(self._died(worker))
            return
        job = worker.job
        if job is None:
            return
        if kind == "progress":
            self._progress[job.number] = data
            self._spawn(self.notify())
            return
        if kind in ("lost", "died"):  # a cluster's node, or the process there that did the job
            self._spawn(self._died(worker, data["reason"], died=kind == "died"))
            return
        worker.ending = True
        self._spawn(self._finish(worker, job, kind, data))

    async def _finish(self, worker: Worker, job: JobRow, kind: str, data: dict[str, Any]) -> None:
        """Make a result durable and record it, however long the store refuses, then free the slot."""
        wait_s = 0.1
        while True:
            try:
                recorded = await asyncio.to_thread(self._record, job, kind, data)
                break
            except Exception as error:  # noqa: BLE001 - a job whose result is lost must not stay running
                if passing(error) is None:
                    self._log.exception("not recorded", job=job.name)
                    message = f"its result could not be recorded: {type(error).__name__}: {error}"
                    await self._fail(job, code_pb2.INTERNAL, message)
                    recorded = True
                    break
                self._log.warning("not recorded yet", job=job.name, reason=str(passing(error)))
            if self._stopping or worker.job is not job:
                return  # the row stays claimed, and the days kept: the next owner goes on from there
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, 2 * wait_s)
        told = {name: data[name] for name in ("node", "fetched", "resumed") if name in data}
        self._log.info("ended", job=job.name, attempt=job.attempt, outcome=kind, **told)
        self.told(job, kind)
        if not recorded:
            self._log.warning("given up", job=job.name, attempt=job.attempt)
        await asyncio.to_thread(self._clean, job, ended=recorded and kind != "blocked")
        if worker.job is job:
            worker.job, worker.since = None, time.monotonic()
        if kind == "blocked":
            await asyncio.sleep(1.0)
        self.wake()
        await self.notify()

    def _record(self, job: JobRow, kind: str, data: dict[str, Any]) -> bool:
        """Store how a job ended; False when it is no longer this server's. May be called again after it failed."""
        if kind == "failed":
            self._log.warning("failed", job=job.name, trace=data["trace"])
            return self._jobs.fail(job.number, data["status"])
        if kind == "blocked":  # the worker met a full disk: the run waits, and goes on from its last day
            self._log.warning("blocked", job=job.name, reason=data["reason"])
            self.waiting_for = data["reason"]
            return self._jobs.release(job.number, data["reason"])
        if job.kind == RUNS:
            if not self._jobs.renew(job.number, self._settings.lease_s, self.progress(job)):
                return False  # whoever has it now must not find its tables replaced
            aside, folder = self._directory.aside(job.id, job.attempt), self._directory.folder(job.id)
            files = self._directory.keep(aside, folder)
            if self._jobs.succeed(job.number, data["indicators"], self.progress(job), files=files):
                return True
            if self._jobs.state(job.number) not in (SUCCEEDED, *_LIVE):
                shutil.rmtree(folder, ignore_errors=True)  # cancelled, or deleted, at the last moment
            return False
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
        return self._jobs.succeed(job.number, {}, self.progress(job), plan)

    async def _died(self, worker: Worker, reason: str = "its worker died", *, died: bool | None = None) -> None:
        """Queue a dead worker's job again; died: whether the job may be to blame, by default for a process here."""
        if worker not in self._workers:
            return
        job = worker.job
        if died is None:
            died = worker.process is not None
        await self._stop(worker, reason if job is not None else "worker died")
        if job is not None:
            while True:
                try:
                    await asyncio.to_thread(self._jobs.release, job.number, reason, died=died)
                    break
                except Exception as error:
                    if passing(error) is None:
                        raise
                    await asyncio.sleep(TICK_S)
            await asyncio.to_thread(self._clean, job)
        self.wake()
        await self.notify()

    async def _stop(self, worker: Worker, reason: str) -> None:
        """Forget a worker and end its process."""
        if worker not in self._workers:
            return
        asyncio.get_running_loop().remove_reader(worker.connection.fileno())
        self._workers.remove(worker)
        job, worker.job = worker.job, None
        await asyncio.to_thread(worker.kill)
        if job is not None:
            code = worker.process.exitcode if worker.process is not None else None
            self._log.info(reason, job=job.name, pid=worker.pid, exit_code=code)
            self.told(job, reason)

    async def _tend(self) -> None:
        """Renew leases, stop what is no longer this server's or over its time, end workers idle for long."""
        for worker in list(self._workers):
            job, held_s = worker.job, time.monotonic() - worker.since
            if job is None:
                if held_s > self._settings.idle_s:
                    await self._stop(worker, "retired")
                continue
            mine = True
            if self._jobs.shared or time.monotonic() - worker.renewed > self._settings.lease_s / 3:
                worker.renewed = time.monotonic()
                mine = await asyncio.to_thread(self._jobs.renew, job.number, self._settings.lease_s, self.progress(job))
            if worker.job is not job or worker.ending:
                continue
            limit_s = job.input.get("time_limit_s") or 0.0
            if not mine:
                await self._stop(worker, "no longer ours")
                await asyncio.to_thread(self._clean, job)
                await self.notify()
            elif 0 < limit_s < held_s:
                await self._stop(worker, "over its time")
                message = f"time_limit: computed for {held_s:.1f} s, the limit is {limit_s:g} s"
                await self._fail(job, code_pb2.DEADLINE_EXCEEDED, message)

    async def _fail(self, job: JobRow, code: int, message: str) -> None:
        """Record a failure that did not come from the worker."""
        status = status_to_json(status_pb2.Status(code=code, message=f"{job.name}: {message}"))
        await asyncio.to_thread(self._jobs.fail, job.number, status)
        await asyncio.to_thread(self._clean, job, ended=True)
        await self.notify()

    def _clean(self, job: JobRow, *, ended: bool = False) -> None:
        """Drop what an attempt leaves in memory and aside; the last day kept only goes with the job."""
        self.ended += 1
        self._progress.pop(job.number, None)
        shutil.rmtree(self._directory.aside(job.id, job.attempt), ignore_errors=True)
        if ended:
            shutil.rmtree(self._directory.days(job.id), ignore_errors=True)

    def _spawn(self, work_to_do: Any) -> None:
        """Run a coroutine without waiting, holding a reference until it ends."""
        task = asyncio.get_running_loop().create_task(work_to_do)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Let go of a task, and say when it failed."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("task failed", exc_info=task.exception())
