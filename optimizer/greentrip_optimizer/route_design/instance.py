"""A route design problem: places, links with times, trips between places, and the rules routes must keep.

Files are those of the urban transit routing benchmark (C. L. Mumford, CEC 2013): `NAMETravelTimes.txt` and
`NAMEDemand.txt`, square matrices separated by blanks, `Inf` where no link runs; `NAMECoords.txt` is not needed.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from greentrip_networks.errors import GreentripError, TableError
from numpy.typing import NDArray

_TIMES, _DEMAND = "TravelTimes.txt", "Demand.txt"
_SCALES = (1, 10, 100, 1000)


class InstanceError(GreentripError):
    """A route design problem that cannot be posed: a missing file, or rules nothing can keep."""


@dataclass(frozen=True)
class Rules:
    """What a set of routes must keep.

    `routes` of them, each a simple path over links of `min_nodes` to `max_nodes` nodes, run both ways; a change of
    vehicle costs `transfer_min` minutes.
    """

    routes: int
    min_nodes: int
    max_nodes: int
    transfer_min: float = 5.0


# Mumford (CEC 2013), table 1; Mandl (1979) with the six routes of the comparisons since.
KNOWN = {
    "Mandl": Rules(6, 2, 8),
    "Mumford0": Rules(12, 2, 15),
    "Mumford1": Rules(15, 10, 30),
    "Mumford2": Rules(56, 10, 22),
    "Mumford3": Rules(60, 12, 25),
}


@dataclass(frozen=True, eq=False)
class Instance:
    """A problem of route design.

    `time_min` (n, n) is the minutes of the link between two nodes, infinity where none runs, 0 on the diagonal, the
    same both ways; `demand` (n, n) is trips from row to column.
    """

    name: str
    time_min: NDArray[np.float64]
    demand: NDArray[np.float64]
    rules: Rules

    @property
    def nodes(self) -> int:
        """Return the number of nodes."""
        return int(self.time_min.shape[0])

    @cached_property
    def scale(self) -> int:
        """Return the number of time units in a minute that makes every time and the transfer whole."""
        finite = self.time_min[np.isfinite(self.time_min)]
        values = np.append(finite, self.rules.transfer_min)
        for scale in _SCALES:
            if np.allclose(values * scale, np.rint(values * scale), rtol=0, atol=1e-6):
                return scale
        raise InstanceError(f"{self.name}: times need at most three decimals; round them to thousandths of a minute")

    @cached_property
    def links(self) -> NDArray[np.int64]:
        """Return link times in units of 1 / `scale` minutes, shape (n, n); -1 where none runs and on the diagonal."""
        with np.errstate(invalid="ignore"):
            whole = np.where(np.isfinite(self.time_min), np.rint(self.time_min * self.scale), -1)
        out = whole.astype(np.int64)
        np.fill_diagonal(out, -1)
        return out

    @cached_property
    def transfer(self) -> int:
        """Return the cost of a transfer in units of 1 / `scale` minutes."""
        return round(self.rules.transfer_min * self.scale)

    @cached_property
    def shortest(self) -> NDArray[np.int64]:
        """Return the time of the shortest road path between nodes in units of 1 / `scale` minutes, shape (n, n)."""
        far = np.int64(1) << 40
        out = np.where(self.links < 0, far, self.links)
        np.fill_diagonal(out, 0)
        for k in range(self.nodes):
            np.minimum(out, out[:, k, None] + out[None, k, :], out=out)
        return out


def read(place: str | Path, rules: Rules | None = None) -> Instance:
    """Read an instance from `DIR/NAME` (files `DIR/NAMETravelTimes.txt`, ...) or from a folder that holds its files.

    Parameters
    ----------
    place
        A prefix of the files or a folder with one instance in it.
    rules
        What routes must keep; needed where the name is not one of the benchmark's.

    Raises
    ------
    InstanceError
        Files are missing, or the rules cannot be kept.
    TableError
        A matrix is not square, not symmetric, negative, not a number, or the roads fall apart.

    """
    times, demand, name = _find(Path(place))
    known = rules or KNOWN.get(name)
    if known is None:
        raise InstanceError(
            f"{name}: the number of routes and their nodes are known only for {', '.join(KNOWN)}; "
            "state --routes, --min-nodes and --max-nodes"
        )
    time_min = _matrix(times)
    trips = _matrix(demand)
    if trips.shape != time_min.shape:
        raise TableError(str(demand), f"{time_min.shape[0]} rows and columns, as in {times.name}", value=trips.shape[0])
    if not np.isfinite(trips).all():
        row, column = (int(v) for v in np.argwhere(~np.isfinite(trips))[0])
        raise TableError(str(demand), "a finite number of trips", row=row + 1, column=str(column + 1), value="Inf")
    np.fill_diagonal(time_min, 0.0)
    np.fill_diagonal(trips, 0.0)
    if not np.array_equal(time_min, time_min.T):
        row, column = (int(v) for v in np.argwhere(time_min != time_min.T)[0])
        raise TableError(
            str(times),
            f"the time back, {time_min[column, row]:g}, since routes run both ways in the same time",
            row=row + 1,
            column=str(column + 1),
            value=float(time_min[row, column]),
        )
    return checked(Instance(name, time_min, trips, known), str(times))


def checked(instance: Instance, place: str = "") -> Instance:
    """Return the instance, or raise InstanceError where no set of routes can keep its rules."""
    place, rules, n = place or instance.name, instance.rules, instance.nodes
    if not 2 <= rules.min_nodes <= rules.max_nodes:
        raise InstanceError(
            f"{place}: routes of {rules.min_nodes} to {rules.max_nodes} nodes; expected 2 <= min <= max"
        )
    if rules.routes < 1:
        raise InstanceError(f"{place}: {rules.routes} routes; expected at least 1")
    if rules.transfer_min < 0:
        raise InstanceError(f"{place}: a transfer of {rules.transfer_min:g} minutes; expected 0 or more")
    if rules.min_nodes > n:
        raise InstanceError(f"{place}: routes of at least {rules.min_nodes} nodes on {n} nodes; lower --min-nodes")
    # A connected union of routes: each after the first shares a node with the others.
    most = 1 + rules.routes * (rules.max_nodes - 1)
    if most < n:
        raise InstanceError(
            f"{place}: {rules.routes} connected routes of at most {rules.max_nodes} nodes reach {most} of {n} nodes; "
            "raise --routes or --max-nodes"
        )
    cut = np.flatnonzero(instance.shortest[0] >= np.int64(1) << 40)
    if cut.size:
        raise InstanceError(f"{place}: node {int(cut[0])} cannot be reached from node 0; add a link")
    if not instance.demand.any():
        raise InstanceError(f"{place}: no trips at all; expected demand between at least two nodes")
    return instance


def with_rules(
    instance: Instance, *, routes: int | None = None, min_nodes: int | None = None, max_nodes: int | None = None
) -> Instance:
    """Return the instance under other rules; what is None stays."""
    old = instance.rules
    rules = Rules(routes or old.routes, min_nodes or old.min_nodes, max_nodes or old.max_nodes, old.transfer_min)
    return checked(replace(instance, rules=rules))


def _find(place: Path) -> tuple[Path, Path, str]:
    """Return the files of times and demand and the instance's name."""
    prefix = place.parent / (place.name + _TIMES)
    if prefix.is_file():
        times, name = prefix, place.name
    elif place.is_dir():
        found = sorted(place.glob("*" + _TIMES))
        if len(found) != 1:
            names = ", ".join(f.name for f in found) or "none"
            raise InstanceError(f"{place}: expected one file *{_TIMES}, saw {names}; give DIR/NAME")
        times = found[0]
        name = times.name.removesuffix(_TIMES) or place.name
    else:
        raise InstanceError(f"{place}: neither a file {prefix} nor a folder; give DIR/NAME or the instance's folder")
    demand = times.parent / (times.name.removesuffix(_TIMES) + _DEMAND)
    if not demand.is_file():
        raise InstanceError(f"{demand}: the demand beside {times.name} is missing")
    return times, demand, name


def _matrix(file: Path) -> NDArray[np.float64]:
    """Read a square matrix of numbers of 0 or more and `Inf`, blank lines skipped."""
    rows: list[list[float]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        row = []
        for column, word in enumerate(words, 1):
            try:
                value = float(word)
            except ValueError:
                value = -1.0
            if not value >= 0:
                raise TableError(str(file), "a number of 0 or more, or Inf", row=number, column=str(column), value=word)
            row.append(value)
        if rows and len(row) != len(rows[0]):
            raise TableError(str(file), f"{len(rows[0])} columns", row=number, value=len(row))
        rows.append(row)
    if not rows or len(rows) != len(rows[0]) or len(rows) < 2:
        raise TableError(
            str(file), "a square matrix of at least 2 rows", value=(len(rows), len(rows[0]) if rows else 0)
        )
    return np.array(rows)
