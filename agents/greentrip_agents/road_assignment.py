"""Cars on roads in one period of the day: an equilibrium of routes kept warm from day to day.

Each day takes its demand onto yesterday's paths, puts the trees of cheapest paths right, and shifts drivers a round
further towards them. Delay follows the Bureau of Public Roads' formula.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greentrip_networks.compiled import RoadArrays
from greentrip_networks.hierarchy import Hierarchy
from numpy.typing import NDArray

from greentrip_agents.equilibrium import RoadEquilibrium
from greentrip_agents.equilibrium_delay import bpr
from greentrip_agents.equilibrium_problem import Links, VehicleClass
from greentrip_agents.street_access import StreetAccess

Floats = NDArray[np.float64]

SETTLED = 0.1  # of a round's gap: more shifting between two sets of trees is lost when tomorrow's demand comes
ASKED = 1e-4  # gap at which a day's shifting stops; beyond it a day's routes are as good as the costs they rest on
EVENED = 5e-4  # of a day's cost lies beyond the cheapest of the paths in use when drivers stop shifting between them
KEEP = 4  # days that a path without drivers is kept


@dataclass
class RoadPeriod:
    """The state of one period's traffic: paths, flows (vehicles in the period) and link times (seconds)."""

    roads: RoadArrays
    access: StreetAccess
    hours: float
    alpha: float
    beta: float
    signal_s: Floats | float  # what the signal at each link's end takes on an empty road, seconds (links,)
    background: float  # share of capacity used by traffic outside the model
    hierarchy: Hierarchy | None = None  # of another period on the same streets; made if none is given
    demand: Floats = field(init=False)  # (zones, zones) vehicles
    skim_s: Floats = field(init=False)
    skim_m: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the links, with a start and an end node a zone, and no traffic."""
        r, access = self.roads, self.access
        self.usable = np.flatnonzero(r.auto)
        keep, nodes, zones = self.usable, len(r.nodes), len(access.x_m)
        self.start, self.end, tail, head = access.joined(nodes, r.tail[keep], r.head[keep])
        extra = np.full(2 * len(access.zone), np.inf)
        self.length = np.concatenate([r.length_m[keep], access.metres, access.metres])
        self.free = np.concatenate([(r.free_s + self.signal_s)[keep], access.seconds, access.seconds])
        self.capacity = np.concatenate([r.capacity_veh_h[keep] * self.hours, extra])
        limited = np.isfinite(self.capacity)  # connectors delay nobody
        room = np.where(limited, self.capacity, 0.0)
        delays = bpr(self.free, room, np.where(limited, self.alpha, 0.0), self.beta)
        self.outside = self.background * room
        links = Links(nodes + 2 * zones, tail, head, delays, preload=self.outside)
        self.demand = np.zeros((zones, zones))
        self.traffic = RoadEquilibrium(links, [self._cars()], keep=KEEP, hierarchy=self.hierarchy)
        self.hierarchy = self.traffic.roads.hierarchy
        self.beyond = self.total = 0.0
        self.expected: Floats | None = None  # vehicles on each link before the first day, those outside the model too
        self.skim_s, self.skim_m = np.zeros((zones, zones)), np.zeros((zones, zones))

    def _cars(self) -> VehicleClass:
        """Return the demand as a class of vehicles; every zone gets a tree of cheapest paths."""
        o, d = np.nonzero(self.demand)
        return VehicleClass(self.start[o], self.end[d], self.demand[o, d], sources=self.start)

    @property
    def flow(self) -> Floats:
        """Return the vehicles on each link, traffic outside the model aside."""
        return np.maximum(self.traffic.on_links(self.traffic.volume) - self.outside, 0.0)

    @property
    def seconds(self) -> Floats:
        """Return each link's time."""
        return self.traffic.on_links(self.traffic.time)

    def state(self) -> dict[str, Any]:
        """Return the arrays that the next day depends on."""
        return {"demand": self.demand, "skim_s": self.skim_s, "skim_m": self.skim_m, "traffic": self.traffic.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self.demand, self.skim_s, self.skim_m = state["demand"], state["skim_s"], state["skim_m"]
        self.traffic.change(classes=[self._cars()])
        self.traffic.restore(state["traffic"])

    def expect(self, over_free: Floats | None = None) -> None:
        """Start from link times known before the first day, as multiples of the free times of the usable links.

        Without them links take their free times.
        """
        times = self.free.copy()
        self.expected = None
        if over_free is not None:
            times[: len(over_free)] *= over_free
        if over_free is not None and self.alpha > 0 and self.beta > 0:  # what traffic takes so long
            self.expected = np.where(np.isfinite(self.capacity), self.capacity, 0.0)
            self.expected[: len(over_free)] *= (np.maximum(over_free - 1, 0.0) / self.alpha) ** (1 / self.beta)
        self.traffic.expect(times)

    def begin(self, demand: Floats) -> None:
        """Put the first day's demand of vehicles (zones, zones) on first paths, with the expected traffic in view."""
        self.demand = demand.copy()
        self.traffic.change(classes=[self._cars()])
        self.traffic.begin(self.expected)

    def load(self, demand: Floats) -> None:
        """Put a demand of vehicles (zones, zones) on the paths in use, which those of the last trees join."""
        self.demand = demand.copy()
        self.traffic.change(classes=[self._cars()])
        self.traffic.load()

    def measure(self) -> None:
        """Price the links and find the shortest paths; `beyond` of `total` vehicle-seconds are spent beyond them."""
        gap, self.total = self.traffic.measure()
        self.beyond = max(gap, 0.0) * self.total

    def skim(self) -> None:
        """Take the seconds and metres between all zones along the shortest paths last found."""
        self.skim_s = self.traffic.skim(self.end)
        self.skim_m = self.traffic.skim(self.end, self.length)

    def settle(self) -> None:
        """Let drivers shift between the paths in use, the last trees' among them, without finding new ones."""
        self.traffic.settle(EVENED)

    def equilibrate(self, asked: float = ASKED) -> None:
        """Let drivers shift towards the shortest paths last found, as closely as a gap asks for."""
        self.traffic.shift(self.beyond / max(self.total, 1e-9), asked, self.total, SETTLED)

    def on_links(self, values: Floats) -> Floats:
        """Return values of this period's graph for the usable links of the network, connectors left out."""
        return values[: len(self.usable)]

    def all_links(self, values: Floats, otherwise: Floats) -> Floats:
        """Return values for all links of the network; those closed to cars take the other values."""
        out = otherwise.copy()
        out[self.usable] = self.on_links(values)
        return out
