"""How the model reacts to prices and times: elasticities beside the ranges of published reviews.

Each is an arc elasticity from a rise of a tenth, of the sum of choice probabilities over everybody's tours, so no luck
is in it. Roads, destinations and trip rates hold still; rail and bus journeys are found anew. The reviews' figures
hold more reactions than that, so a model should lie nearer their short run.
"""

import math
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray

from greentrip_agents import choice
from greentrip_agents.definitions import BUS, CAR, METRO, PR

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Floats = NDArray[np.float64]
RISE = 1.1


@dataclass(frozen=True)
class Reaction:
    """One elasticity of the model and the range that reviews report for it."""

    name: str
    of: str
    elasticity: float
    low: float
    high: float
    source: str

    @property
    def inside(self) -> bool:
        """Whether the model's elasticity lies in the published range."""
        return self.low <= self.elasticity <= self.high

    def to_dict(self) -> dict[str, Any]:
        """Return the reaction as plain data."""
        return {**asdict(self), "inside": self.inside}


def reactions(model: "CommuterModel") -> list[Reaction]:
    """Return every elasticity of a model that has lived its days, at the costs it expects now."""
    found = []
    before = _demand(model, model.costs, model.taste)
    for name, row in _ranges().items():
        after = _CHANGES[name](model)
        of = row["of"]
        value = math.log(after[of] / before[of]) / math.log(RISE) if before[of] > 0 and after[of] > 0 else 0.0
        found.append(Reaction(name, of, value, float(row["low"]), float(row["high"]), row["source"]))
    return found


@cache
def _ranges() -> dict[str, dict[str, Any]]:
    """Read the shipped table of published ranges."""
    return tomllib.loads(files("greentrip_agents").joinpath("reaction_ranges.toml").read_text(encoding="utf-8"))


def _demand(model: "CommuterModel", costs: choice.Costs, taste: choice.Taste, parking: float = 1.0) -> dict[str, float]:
    """Return expected trips a day by metro, bus and car, and car-km, at some costs."""
    speed = np.empty_like(model.local_speed)
    choice.local_speeds(costs.car_min, costs.car_km, speed)
    who = model.travellers._replace(parking_cny=model.travellers.parking_cny * parking)
    trips, km = expected(who, model.weight, speed, costs, taste)
    return {
        "metro": float(trips[METRO] + trips[PR]), "bus": float(trips[BUS]), "car": float(trips[CAR]),
        "car km": float(km[CAR]),
    }  # fmt: skip


def _metro_fare(model: "CommuterModel") -> dict[str, float]:
    return _demand(model, model.costs._replace(rail_fare=model.costs.rail_fare * RISE), model.taste)


def _bus_fare(model: "CommuterModel") -> dict[str, float]:
    return _demand(model, model.costs, model.taste._replace(bus_factor=model.taste.bus_factor * RISE))


def _metro_headway(model: "CommuterModel") -> dict[str, float]:
    return _rail_changed(model, "wait")


def _metro_ride_time(model: "CommuterModel") -> dict[str, float]:
    return _rail_changed(model, "ride_minutes")


def _rail_changed(model: "CommuterModel", name: str) -> dict[str, float]:
    """Return demand when every platform's wait, or every ride, takes longer."""
    periods = model.rail_operator.periods
    cost = []
    for period in periods:
        held = getattr(period, name)
        setattr(period, name, held * RISE)
        period.skim()
        cost.append(period.cost.copy())
        setattr(period, name, held)
        period.skim()
    return _demand(model, model.costs._replace(rail_cost=np.stack(cost)), model.taste)


def _bus_headway(model: "CommuterModel") -> dict[str, float]:
    """Return demand when every bus comes later: the expected wait grows with the headway."""
    fixed, ride, km = [], [], []
    for period in model.bus_operator.periods:
        held = period.parameters
        period.parameters = held.with_({"speed.bus_bunching": held["speed.bus_bunching"] * RISE})
        period.skim()
        fixed.append(period.fixed.copy())
        ride.append(period.ride.copy())
        km.append(period.km.copy())
        period.parameters = held
        period.skim()
    changed = model.costs._replace(
        bus_fixed=np.stack(fixed),
        bus_ride=np.stack(ride),
        bus_km=np.stack(km),
        bus_wait_min=model.costs.bus_wait_min * RISE,
    )
    return _demand(model, changed, model.taste)


def _bus_ride_time(model: "CommuterModel") -> dict[str, float]:
    likes = model.taste._replace(local_bus_km_min=model.taste.local_bus_km_min / RISE)
    return _demand(model, model.costs._replace(bus_ride=model.costs.bus_ride * RISE), likes)


def _car_time(model: "CommuterModel") -> dict[str, float]:
    return _demand(model, model.costs._replace(car_min=model.costs.car_min * RISE), model.taste)


def _fuel_price(model: "CommuterModel") -> dict[str, float]:
    return _demand(model, model.costs, model.taste._replace(fuel_km=model.taste.fuel_km * RISE))


def _parking_price(model: "CommuterModel") -> dict[str, float]:
    return _demand(model, model.costs, model.taste, parking=RISE)


_CHANGES: dict[str, Callable[["CommuterModel"], dict[str, float]]] = {
    "metro_fare": _metro_fare,
    "bus_fare": _bus_fare,
    "metro_headway": _metro_headway,
    "bus_headway": _bus_headway,
    "metro_ride_time": _metro_ride_time,
    "bus_ride_time": _bus_ride_time,
    "car_time": _car_time,
    "fuel_price": _fuel_price,
    "parking_price": _parking_price,
}


def expected(
    who: choice.Travellers, weight: Floats, local_speed: Floats, costs: choice.Costs, taste: choice.Taste
) -> tuple[Floats, Floats]:
    """Return expected trips and street km a day by mode, both shape (modes,): sums of choice probabilities."""
    blocks = (len(weight) + choice.BLOCK - 1) // choice.BLOCK
    trips, km = np.zeros((blocks, choice.N_MODES)), np.zeros((blocks, choice.N_MODES))
    _expect(who, weight, local_speed, costs, taste, trips, km)
    return trips.sum(axis=0), km.sum(axis=0)


@njit(parallel=True)
def _expect(
    v: choice.Travellers,
    weight: Floats,
    local_speed: Floats,
    c: choice.Costs,
    t: choice.Taste,
    trips: Floats,
    km: Floats,
) -> None:
    """Add two trips a tour by the probability of each mode, block by block."""
    for b in prange(trips.shape[0]):
        cost = np.empty((4, choice.N_MODES))
        minutes = np.empty((4, choice.N_MODES))
        pick = np.empty((4, 4), np.int32)
        utility = np.empty(choice.N_MODES)
        chance = np.empty(choice.N_MODES)
        for i in range(b * choice.BLOCK, min((b + 1) * choice.BLOCK, weight.shape[0])):
            choice.utilities(i, v, local_speed, c, t, cost, minutes, pick, utility)
            choice.probabilities(utility, t, chance)
            street = np.hypot(v.home_x[i] - v.x[i], v.home_y[i] - v.y[i]) / 1000.0 * t.detour
            for m in range(choice.N_MODES):
                trips[b, m] += 2.0 * weight[i] * chance[m]
                km[b, m] += 2.0 * weight[i] * chance[m] * street
