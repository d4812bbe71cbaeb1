"""Frequencies and fleet for any set of lines: where the next bus shortens waiting most.

A line with `v` buses and a cycle of c minutes runs every c / v minutes, and its riders wait half of that. Waiting is a
convex function of whole buses, so giving buses one by one to the line where the next saves most is exact (marginal
analysis, Fox 1966). Without whole buses the optimum is the square-root rule: buses in proportion to the root of riders
times cycle (Newell 1971); it gives the bound and shows what whole buses cost.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import GreentripError


class FleetError(GreentripError):
    """Lines whose loads the fleet cannot carry, or figures that make no sense."""


@dataclass(frozen=True)
class Line:
    """A line to be served.

    `cycle_min` is out and back with layover; `riders` board an hour; `peak_load` pass the fullest point an hour in the
    fuller direction; a bus holds `capacity`; `max_headway_min` is the longest the operator offers.
    """

    name: str
    cycle_min: float
    riders: float
    peak_load: float = 0.0
    capacity: float = 80.0
    max_headway_min: float = 60.0

    @property
    def fewest(self) -> int:
        """Return the fewest buses that carry the peak load and keep the longest headway."""
        for_load = self.peak_load * self.cycle_min / (60 * self.capacity)
        return max(1, int(np.ceil(max(for_load, self.cycle_min / self.max_headway_min) - 1e-9)))

    def waiting(self, buses: float) -> float:
        """Return the rider-minutes waited an hour with that many buses, half a headway each."""
        return self.riders * self.cycle_min / (2 * buses)


@dataclass(frozen=True)
class Fleet:
    """Buses a line, the waiting they leave, and the least that the same fleet could leave if buses could be split.

    `next_bus_saves` is the rider-minutes an hour that one bus more would save: the shadow price of the fleet.
    """

    buses: dict[str, int]
    headway_min: dict[str, float]
    waiting_min: float
    bound_min: float
    next_bus_saves: float


def allocate(lines: Sequence[Line], fleet: int) -> Fleet:
    """Return the buses that keep every line's load and headway and leave the least waiting.

    Raises
    ------
    FleetError
        The lines need more buses than the fleet has (the message says how many), or a figure is out of range.

    """
    _check(lines)
    need = {line.name: line.fewest for line in lines}
    least = sum(need.values())
    if least > fleet:
        worst = max(lines, key=lambda line: line.fewest)
        raise FleetError(
            f"fleet: {fleet} buses; the peak loads and longest headways need {least} (most, {worst.fewest}, on "
            f"{worst.name}); give {least - fleet} more, larger buses or longer headways"
        )
    buses = dict(need)
    queue = [(-_saving(line, buses[line.name]), k) for k, line in enumerate(lines)]
    heapq.heapify(queue)
    for _ in range(fleet - least):
        if not queue:
            break
        _, k = queue[0]
        line = lines[k]
        buses[line.name] += 1
        heapq.heapreplace(queue, (-_saving(line, buses[line.name]), k))
    return Fleet(
        buses,
        {line.name: line.cycle_min / buses[line.name] for line in lines},
        sum(line.waiting(buses[line.name]) for line in lines),
        _bound(lines, fleet),
        -queue[0][0] if queue else 0.0,
    )


def _saving(line: Line, buses: int) -> float:
    """Return what one bus more saves."""
    return line.waiting(buses) - line.waiting(buses + 1)


def _bound(lines: Sequence[Line], fleet: int) -> float:
    """Return the least waiting with buses split at will: the square-root rule above each line's fewest."""
    root = {line.name: float(np.sqrt(line.riders * line.cycle_min / 2)) for line in lines}
    bound_to = {line.name for line in lines if root[line.name] == 0}
    while True:
        free = [line for line in lines if line.name not in bound_to]
        left = fleet - sum(line.fewest for line in lines if line.name in bound_to)
        total = sum(root[line.name] for line in free)
        short = {line.name for line in free if left * root[line.name] < line.fewest * total}
        if not short:
            break
        bound_to |= short
    held = sum(line.waiting(line.fewest) for line in lines if line.name in bound_to)
    return held + (total * total / left if free else 0.0)


def _check(lines: Sequence[Line]) -> None:
    """Raise FleetError where a line's figures make no sense."""
    seen = set()
    for line in lines:
        for name, value, low in (
            ("cycle", line.cycle_min, 0),
            ("capacity", line.capacity, 0),
            ("longest headway", line.max_headway_min, 0),
        ):
            if not low < value < np.inf:
                raise FleetError(f"line {line.name}: a {name} of {value}; expected more than {low}")
        for name, value in (("riders", line.riders), ("peak load", line.peak_load)):
            if not 0 <= value < np.inf:
                raise FleetError(f"line {line.name}: {name} of {value}; expected 0 or more")
        if line.name in seen:
            raise FleetError(f"line {line.name}: named twice; expected one name a line")
        seen.add(line.name)
