"""What a server looks after beside work: results that went missing, archives past their time, old audit lines."""

import asyncio
import shutil
import time
from collections.abc import Callable

import structlog
from google.rpc import code_pb2, status_pb2
from sqlalchemy import delete

from greentrip_server.directory import DataDirectory
from greentrip_server.errors import StateError, passing, status_to_json
from greentrip_server.jobs import Jobs
from greentrip_server.kinds import RUNS
from greentrip_server.settings import Settings
from greentrip_server.tables import AuditRow, JobRow

EVERY_S = 3600.0
AUDIT_DAYS = 400


class Housekeeping:
    """Runs at start and every hour."""

    def __init__(self, jobs: Jobs, directory: DataDirectory, settings: Settings) -> None:
        self._jobs, self._directory, self._settings = jobs, directory, settings
        self._log = structlog.get_logger("housekeeping")

    async def run(self) -> None:
        """Look after the store until cancelled."""
        await self._once(self.find_damage)
        while True:
            await self._once(self.tidy)
            await asyncio.sleep(EVERY_S)

    async def _once(self, work: Callable[[], object]) -> None:
        """Do one thing off the event loop; a store that refuses for now is asked again in an hour."""
        try:
            await asyncio.to_thread(work)
        except Exception as error:
            if passing(error) is None:
                raise
            self._log.warning("put off", reason=str(passing(error)))

    def find_damage(self) -> list[str]:
        """Mark runs failed whose tables are gone or of another size; return their names."""
        found = []
        for row in self._jobs.succeeded(RUNS):
            wrong = self._directory.damaged(row.id, row.files)
            if wrong:
                status = status_pb2.Status(
                    code=code_pb2.DATA_LOSS, message=f"{row.name}: {wrong}; retry the run, it gives the same result"
                )
                self._jobs.lose(row.number, status_to_json(status))
                self._log.error("damaged", job=row.name, reason=wrong)
                found.append(row.name)
        return found

    def tidy(self) -> None:
        """Delete what was archived long ago, where the settings say so, and old lines of the audit log."""
        if self._settings.retention_days is not None:
            for row in self._jobs.archived_before(time.time() - 86400 * self._settings.retention_days):
                try:
                    self._jobs.delete(row)
                except StateError:
                    continue  # in use by something that is not archived
                if isinstance(row, JobRow) and row.kind == RUNS:
                    shutil.rmtree(self._directory.folder(row.id), ignore_errors=True)
                self._log.info("retention", deleted=row.id)
        with self._jobs.session(write=True) as session, session.begin():
            session.execute(delete(AuditRow).where(AuditRow.at < time.time() - 86400 * AUDIT_DAYS))
