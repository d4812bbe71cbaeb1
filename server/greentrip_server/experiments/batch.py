"""Starts an experiment's runs a few at a time, so that it can be paused, stopped and shared with other work."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from greentrip_networks.errors import GreentripError

from greentrip_server.cities import Cities
from greentrip_server.directory import DataDirectory
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import status_of, status_to_json
from greentrip_server.experiments import store
from greentrip_server.experiments.members import DONE, EXPERIMENTS, PAUSED, WAITING, Member, Members, content_of, ended
from greentrip_server.jobs import Jobs, digest, queued_run, run_hash
from greentrip_server.kinds import RUNS
from greentrip_server.tables import CANCELLED, QUEUED, RUNNING, SUCCEEDED, ExperimentRow, JobRow, ScenarioRow

_TICK_S = 0.2  # between two looks at least
_LOOK_S = 2.0  # after which a batch looks although no job of this server has ended: another server's may have


class Batches:
    """The one place that starts experiments' runs; `feed` and what it calls run off the event loop."""

    def __init__(
        self,
        jobs: Jobs,
        members: Members,
        cities: Cities,
        dispatcher: Dispatcher,
        directory: DataDirectory,
    ) -> None:
        self._jobs, self._members, self._cities, self._directory = jobs, members, cities, directory
        self._laid: dict[str, set[tuple[str, int, str]]] = {}
        self._keys: dict[int, str] = {}  # of members that wait
        self._dispatcher = dispatcher
        self._lock = asyncio.Lock()
        self._log = structlog.get_logger("batches")

    def root(self, name: str) -> Path:
        """Return the folder of an experiment's data set."""
        return self._directory.path / EXPERIMENTS / name

    def begin(self, row: ExperimentRow) -> None:
        """Lay an experiment's data set anew; finished runs come back as it is fed."""
        store.clear(self.root(row.id), row.points)
        self._laid[row.id] = set()

    def start(self) -> None:
        """Feed running experiments for as long as the event loop lives; one of a server that ended goes on."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        seen, looked = -1, 0.0
        async for _ in self._dispatcher.changes():
            ended = self._dispatcher.ended
            if ended == seen and time.monotonic() - looked < _LOOK_S:  # days go by, and nothing is to be started
                continue
            seen, looked = ended, time.monotonic()
            try:
                await self.step()
            except Exception:  # noqa: BLE001 - one bad look must not stop every later one
                self._log.exception("experiments not fed")
            await asyncio.sleep(_TICK_S)

    async def step(self) -> None:
        """Start the runs that there is room for."""
        async with self._lock:
            started = await asyncio.to_thread(self._feed)
        if started:
            self._dispatcher.wake()

    async def pause(self, name: str) -> None:
        """Start no further run, and take back those that wait for a worker; what has begun goes on to its end."""
        async with self._lock:
            await asyncio.to_thread(self._members.set_state, name, PAUSED, only=(RUNNING,))
            await self._stop(name, await self._in_state(name, QUEUED))
            await asyncio.to_thread(self._members.retry, name)

    async def resume(self, name: str) -> None:
        """Go on; runs that were cancelled are started again."""
        async with self._lock:
            await asyncio.to_thread(self._members.retry, name)
            await asyncio.to_thread(self._members.set_state, name, RUNNING)
        await self.step()

    async def cancel(self, name: str) -> None:
        """Stop an experiment's runs, but none that another experiment waits for."""
        async with self._lock:
            await asyncio.to_thread(self._members.set_state, name, CANCELLED, only=(RUNNING, PAUSED))
            await self._stop(name, await self._in_state(name, QUEUED, RUNNING))

    async def drop(self, name: str, members: Sequence[Member]) -> None:
        """Stop runs that an experiment no longer asks for, but none that another experiment waits for."""
        async with self._lock:
            await self._stop(name, members)

    async def _in_state(self, name: str, *states: str) -> list[Member]:
        """Return an experiment's runs that are in one of the states."""
        return [m for m in await asyncio.to_thread(self._members.of, name) if m.state in states]

    async def _stop(self, name: str, members: Sequence[Member]) -> None:
        """Cancel an experiment's own runs, but none that another experiment waits for."""
        for member in members:
            if not member.reused and not await asyncio.to_thread(self._members.used_elsewhere, member.run, name):
                await self._dispatcher.cancel(await asyncio.to_thread(self._jobs.get, JobRow, member.run, RUNS))

    async def lay(self, name: str) -> None:
        """Add what has finished to an experiment's data set, whatever its state."""
        async with self._lock:
            await asyncio.to_thread(lambda: self._lay(name, self._members.of(name)))

    def seconds_left(self, members: list[Member], forecast_s: float) -> float:
        """Return in how many seconds an experiment's last run is expected to end.

        A run is taken to last as long as the finished ones did, or, before there are any, as long as was forecast.
        """
        waiting = sum(m.state in (QUEUED, WAITING) for m in members)
        live = [m for m in members if m.state == RUNNING]
        took = [m.ended - m.started for m in members if m.state == SUCCEEDED and m.ended and m.started and not m.reused]
        known = [m.ended - m.started for m in members if m.state == SUCCEEDED and m.ended and m.started]
        left = 0.0
        for member in live:
            progress = self._dispatcher.progress(self._jobs.get(JobRow, member.run, RUNS))
            left += float(progress.get("seconds_left", 0.0))
            if not (took or known):
                known.append(float(progress.get("seconds_left", 0.0)))
        mean = sum(took or known) / len(took or known) if took or known else forecast_s
        return (left + waiting * mean) / self._dispatcher.runs_at_a_time

    def _feed(self) -> bool:
        """Keep as many runs queued or running as there are workers, and one more; return whether any was started."""
        started = False
        for row in self._members.running():
            try:
                started |= self._feed_one(row)
            except Exception:  # noqa: BLE001 - a fault of one experiment, its disk or its data must not stop others
                self._log.exception("experiment not fed", experiment=row.id)
        return started

    def _feed_one(self, row: ExperimentRow) -> bool:
        """Start one experiment's runs and lay what has finished; return whether any was started."""
        members, fed = self._members.of(row.id), False
        live = sum(m.state in (QUEUED, RUNNING) for m in members)
        points = {p["name"]: p for p in row.points}
        waiting = [(m, self._key(row, points[m.scenario], m)) for m in members if m.state == WAITING]
        known = self._jobs.reusable({key for _, key in waiting})
        for member, key in waiting:
            if key not in known and live > self._dispatcher.runs_at_a_time:
                continue
            if key in known:
                earlier = known[key]
                self._members.assign(member.number, earlier.name, reused=earlier.state == SUCCEEDED)
            else:
                self._start(row, points[member.scenario], member, key)
                known |= self._jobs.reusable({key})  # the same content may wait under another name
                live += 1
            self._keys.pop(member.number)
            fed = True
        members = self._members.of(row.id) if fed else members
        self._lay(row.id, members)
        if ended(members):
            self._members.set_state(row.id, DONE, only=(RUNNING,))
            self._log.info("experiment done", experiment=row.id)
        return fed

    def _key(self, row: ExperimentRow, point: Mapping[str, Any], member: Member) -> str:
        """Return the hash of what a member's run is computed from."""
        if member.number not in self._keys:
            self._keys[member.number] = run_hash(content_of(point, row.spec, member.seed))
        return self._keys[member.number]

    def _lay(self, name: str, members: Sequence[Member]) -> None:
        """Add runs that have finished to the data set."""
        laid = self._laid.setdefault(name, set())
        for member in members:
            key = (member.scenario, member.seed, member.run)
            if member.state == SUCCEEDED and key not in laid:
                row = self._jobs.get(JobRow, member.run, RUNS)
                folder = self._directory.folder(row.id)
                store.add(self.root(name), member.scenario, member.seed, folder, row.result or {})
                laid.add(key)

    def _start(self, row: ExperimentRow, point: Mapping[str, Any], member: Member, key: str) -> None:
        """Queue one run; what forbids it is the member's error and the rest goes on."""
        try:
            self._cities.build(point["network"], row.spec["placement"], point["interventions"])
            run = queued_run(
                content_of(point, row.spec, member.seed),
                parent=self._scenario(point),
                request_id=f"content-{key[:40]}-{self._jobs.tries(key)}",  # two servers make one run
                request_hash=key,
            )
            self._members.assign(member.number, self._jobs.add(run, "", "run_id").name, reused=False)
        except GreentripError as error:
            self._log.warning("run refused", experiment=row.id, scenario=member.scenario, error=str(error))
            self._members.refuse(member.number, status_to_json(status_of(error)))

    def _scenario(self, point: Mapping[str, Any]) -> str:
        """Return the resource that a point's runs belong to: its network, or the stored scenario of its content."""
        if not point["interventions"]:
            return str(point["network"])
        content = {"network": point["network"], "interventions": point["interventions"]}
        row = ScenarioRow(
            network=point["network"],
            interventions=point["interventions"],
            description=point["description"],
            content_hash=digest(content),
            request_id=f"content-{digest(content)[:48]}",
            request_hash=digest(content),
            created=time.time(),
        )
        return f"scenarios/{self._jobs.add(row, '', 'scenario_id').id}"
