"""What an answer that takes long is made from: the stores, opened anew in the process that makes it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from greentrip_server.cities import Cities
from greentrip_server.database import connect_database
from greentrip_server.directory import DataDirectory
from greentrip_server.experiments.members import Members
from greentrip_server.jobs import Jobs
from greentrip_server.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

KEPT = 8  # measurements


class Desk:
    """The stores of a server as one clerk reads them, and what the clerk made a moment ago."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.directory = DataDirectory(settings.data, settings.results)
        self.cities = Cities(self.directory.results)
        self._made: OrderedDict[Hashable, Any] = OrderedDict()

    @cached_property
    def jobs(self) -> Jobs:
        """Rows, read anew each time: the server writes them too."""
        url = self._settings.database
        where: Path | str = url.get_secret_value() if url is not None else self.directory.database
        return Jobs(connect_database(where), shared=True)

    @cached_property
    def members(self) -> Members:
        """The experiments' runs."""
        return Members(self.jobs)

    def remembered(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made under a key, or make it; the last few are kept."""
        if key not in self._made:
            self._made[key] = make()
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]
