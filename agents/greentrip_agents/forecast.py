"""What a run will take, known before it starts: residents, tours, memory and time; and the limits it must keep.

Memory follows from the arrays that a run holds. Time is the work to be done over rates measured on one core of an
x86-64 server (benchmarks/day.py prints both forecasts beside what it took); progress corrects it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from greentrip_networks.errors import LimitError
from greentrip_networks.network import PERIODS, Network

from greentrip_agents.parameters import Parameters

_BYTES_PER_RESIDENT = 210  # their columns, and what is held while they are drawn
_BYTES_PER_TOUR = 200  # columns of tours and plans, and what is held while demand is gathered
_BYTES_PER_TREE_NODE = 4
_BYTES_PER_PAIR = 400  # skims, paths and their links, by pair of zones and period
_BASE_MB = 450.0  # Python, its packages and the kernels
_TOURS_PER_SECOND = 0.9e6  # planned in a day, on one core
_TREE_LINKS_PER_SECOND = 35e6
_DRAWN_PER_SECOND = 0.35e6  # residents drawn with their tours
_DAYS = 12  # until a run has usually settled


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to take."""

    residents: int
    tours: int
    memory_mb: float
    seconds: float


def forecast(network: Network, *, sample: float, parameters: Parameters, max_days: int = _DAYS) -> Forecast:
    """Return what a run of a network at a sample rate is expected to take on this machine's cores."""
    z, roads = len(network.zones), network.compiled.roads
    residents = int(np.ceil(network.zones.residents.sum() * sample))
    tours = int(np.ceil(residents * parameters["population.trips_per_resident"] / 2))
    nodes, links = len(roads.nodes) + 2 * z, int(roads.auto.sum())
    stops = len(network.compiled.buses.stop_node)
    memory = residents * _BYTES_PER_RESIDENT + tours * _BYTES_PER_TOUR
    memory += len(PERIODS) * z * (nodes * _BYTES_PER_TREE_NODE + z * _BYTES_PER_PAIR + stops * 16)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    day = tours / _TOURS_PER_SECOND + 2 * len(PERIODS) * z * links / _TREE_LINKS_PER_SECOND
    seconds = residents / _DRAWN_PER_SECOND + min(max_days, _DAYS) * day / (1 + 0.6 * (cores - 1))
    return Forecast(residents, tours, _BASE_MB + memory / 1e6, seconds)


def check_limits(expected: Forecast, *, memory_mb: float | None = None, hours: float | None = None) -> None:
    """Raise LimitError when a run would need more than it may; without a memory limit, more than the machine has."""
    allowed = memory_mb if memory_mb is not None else free_memory_mb()
    if expected.memory_mb > allowed:
        raise LimitError("memory", round(expected.memory_mb), round(allowed), "MB; lower the sample")
    if hours is not None and expected.seconds > hours * 3600:
        raise LimitError("time", round(expected.seconds / 3600, 2), hours, "hours; lower the sample or the days")


def seconds_left(days: Sequence[tuple[int, float]], max_days: int) -> float:
    """Return the seconds until a run ends at the pace of its last days; days: (day, when it was over), two or more.

    A run that is not over when runs usually are is expected to take two days more.
    """
    (first, began), (last, now) = days[-min(len(days), 4)], days[-1]
    pace = (now - began) / max(last - first, 1)
    return min(max(_DAYS - last, 2), max_days - last) * pace


def free_memory_mb() -> float:
    """Return how much memory a process can still take on this machine; infinite where the system does not say."""
    found = float("inf")
    try:
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                found = float(line.split()[1]) / 1024
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text(encoding="utf-8").strip()
        if limit != "max":
            used = float((group / "memory.current").read_text(encoding="utf-8"))
            found = min(found, (float(limit) - used) / 1e6)
    except (OSError, ValueError):
        pass
    return found
