"""When a search ends before it is done: near enough to its bound, out of time, or asked to stop."""

import time
from collections.abc import Callable

import numpy as np

Stop = Callable[[], bool]


class Ending:
    """What may end a search early, and what did; once there is a reason it stays the reason.

    `gap` is the share of the bound that a plan may be worth less than it (0: none ends the search), `seconds` the wall
    time from now on (none: no limit), and `stop` says when to end; it may be asked from another thread.
    """

    def __init__(self, gap: float = 0.0, seconds: float | None = None, stop: Stop | None = None) -> None:
        self.gap = gap
        self.reason = ""  # gap, time or stop
        self._until = np.inf if seconds is None else time.monotonic() + seconds
        self._stop = stop

    @property
    def asked(self) -> Stop | None:
        """`over` if time or a caller may end the search, else nothing: what works is then never interrupted."""
        return None if self._stop is None and self._until == np.inf else self.over

    @property
    def early(self) -> bool:
        """Whether anything may end the search."""
        return self.gap > 0 or self.asked is not None

    def over(self) -> bool:
        """Say whether the search is to end now."""
        if not self.reason and time.monotonic() >= self._until:
            self.reason = "time"
        if not self.reason and self._stop is not None and self._stop():
            self.reason = "stop"
        return bool(self.reason)

    def near(self, value: float, bound: float) -> bool:
        """Say whether a plan's value is near enough to the bound; the search then ends."""
        if self.gap > 0 and not self.reason and bound - value <= self.gap * bound:
            self.reason = "gap"
        return self.reason == "gap"
