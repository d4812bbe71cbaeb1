"""Hold a model against published figures that it was not calibrated on, the misses first."""

import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.errors import ScenarioError, UnknownNameError
from numpy.typing import NDArray

from greentrip_agents.definitions import CAR, METRO, PR, RESIDENT, WALK, WORK
from greentrip_agents.indicators import counted, shares, street_km, trips_per_resident, within

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
WITHIN = 10.0  # percent: how near a figure must come to count as met
_GATES_S = 142.3  # gates to platforms, both ends together; smart-card calibration of 13 May 2019


@dataclass(frozen=True)
class Check:
    """A published figure beside the model's."""

    measure: str
    what: str
    year: int
    published: float
    modelled: float
    used: bool  # something in the model was set with this figure in view
    source: str

    @property
    def off_percent(self) -> float:
        """How far the model is off, percent of the published figure."""
        return 100 * (self.modelled / self.published - 1)

    @property
    def met(self) -> bool:
        """Whether the model comes within `WITHIN` percent."""
        return abs(self.off_percent) <= WITHIN

    def to_dict(self) -> dict[str, Any]:
        """Return the check as plain data."""
        return {**asdict(self), "off_percent": self.off_percent, "met": self.met}


def validate_model(model: "CommuterModel") -> list[Check]:
    """Return every published figure of the model's city beside the model's: misses first, the furthest off first.

    Raises ScenarioError when no figures are known for the city.
    """
    city = model.network.name.split("-", 1)[0]
    file = files("greentrip_agents").joinpath("facts", f"{city}.toml")
    if not file.is_file():
        raise ScenarioError("network", f"no published figures are known for {city!r}; they are for beijing")
    found = []
    for row in tomllib.loads(file.read_text(encoding="utf-8"))["fact"]:
        if row["measure"] not in MEASURES:
            raise UnknownNameError("measure", row["measure"], MEASURES)
        value = MEASURES[row["measure"]](model)
        used = bool(row.get("used", False))
        found.append(Check(row["measure"], row["what"], row["year"], float(row["value"]), value, used, row["source"]))
    return sorted(found, key=lambda c: (c.met, c.used, -abs(c.off_percent)))


def score(checks: list[Check]) -> dict[str, Any]:
    """Return how many of the figures that nothing was set with are met."""
    free = [c for c in checks if not c.used]
    met = sum(c.met for c in free)
    return {"met": met, "of": len(free), "percent": 100 * met / max(len(free), 1), "within_percent": WITHIN}


def _head(model: "CommuterModel") -> Bools:
    """Return which tours count in the headline area."""
    chosen: Bools = (
        counted(model) & (model.plans.mode >= 0) & within(model, model.definition.area, model.definition.base)
    )
    return chosen


def _mean(values: Floats, model: "CommuterModel", chosen: Bools) -> float:
    """Return a weighted mean over chosen tours; 0 where there are none."""
    return float(np.average(values[chosen], weights=model.weight[chosen])) if chosen.any() else 0.0


def _minutes(model: "CommuterModel") -> Floats:
    return np.asarray(model.plans.minutes.mean(axis=1), np.float64)


def _commutes(model: "CommuterModel") -> Bools:
    chosen: Bools = _head(model) & (model.travellers.purpose == WORK)
    return chosen


def _others(model: "CommuterModel") -> Bools:
    chosen: Bools = _head(model) & (model.travellers.purpose != WORK) & (model.plans.mode != WALK)
    return chosen


def _resident_trips(model: "CommuterModel") -> Bools:
    chosen: Bools = counted(model) & (model.plans.mode >= 0) & (model.people.kind[model.tours.person] == RESIDENT)
    return chosen


def _metro_period(model: "CommuterModel", period: int) -> float:
    riders = [r.demand.sum() for r in model.rail_operator.periods]
    return float(100 * riders[period] / max(sum(riders), 1e-9))


def _gate_minutes(model: "CommuterModel") -> float:
    riders = minutes = 0.0
    for r in model.rail_operator.periods:
        ok = (r.demand > 0) & np.isfinite(r.cost)
        riders += float(r.demand[ok].sum())
        minutes += float(r.demand[ok] @ r.minutes[ok])
    return minutes / max(riders, 1e-9) + _GATES_S / 60


def _rail_boardings(model: "CommuterModel") -> float:
    return float(sum(r.boardings.sum() for r in model.rail_operator.periods))


def _rail_transfers(model: "CommuterModel") -> float:
    """Return boardings over entries of line 10."""
    line = _line(model, "10")
    if line < 0:
        return 0.0
    boarded = entered = 0.0
    for r in model.rail_operator.periods:
        on = (r.board >= 0) & (r.rail.platform_line[np.maximum(r.board, 0)] == line)
        boarded += float(r.flow[on].sum())
        entered += float(r.flow[on & (r.is_transfer == 0)].sum())
    return boarded / max(entered, 1e-9)


def _line(model: "CommuterModel", name: str) -> int:
    ids = model.network.compiled.rail.line_ids
    return ids.index(name) if name in ids else -1


def _line_percent(model: "CommuterModel", name: str) -> float:
    rail, line = model.network.compiled.rail, _line(model, name)
    boarded = sum(float(r.boardings[rail.platform_line == line].sum()) for r in model.rail_operator.periods)
    return 100 * boarded / max(_rail_boardings(model), 1e-9)


def _bus_ride_minutes(model: "CommuterModel") -> float:
    """Return minutes on board a boarding."""
    on_board = boarded = 0.0
    for b in model.bus_operator.periods:
        on_board += float(b.load[:-1] @ b.call_minutes[1:])
        boarded += float(b.boarded.sum())
    return on_board / max(boarded, 1e-9)


def _bus_peak_kmh(model: "CommuterModel") -> float:
    """Return the mean speed of buses in the peaks, km run over hours, where stops lie in the headline area."""
    buses, network = model.network.compiled.buses, model.network
    inside = network.zones.areas[model.definition.area]
    zone = _zone_of_stops(model)
    km = hours = 0.0
    first = np.zeros(len(buses.call_stop), bool)
    first[buses.pattern_first[:-1]] = True
    for b in (model.bus_operator.periods[0], model.bus_operator.periods[2]):
        here = inside[zone[buses.call_stop]] & ~first
        per_hour = 3600 / buses.headway_s[b.call_pattern, b.period]
        run = np.diff(buses.call_m, prepend=0.0)
        km += float(run[here] @ per_hour[here]) / 1000
        hours += float(b.call_minutes[here] @ per_hour[here]) / 60
    return km / max(hours, 1e-9)


def _zone_of_stops(model: "CommuterModel") -> NDArray[np.int64]:
    from scipy.spatial import cKDTree

    cells, buses = model.network.cells, model.network.compiled.buses
    near = cKDTree(np.column_stack([cells.x_m, cells.y_m])).query(np.column_stack([buses.x_m, buses.y_m]))[1]
    return np.asarray(cells.zone[np.asarray(near, np.int64)], np.int64)


def _car_km_a_day(model: "CommuterModel") -> float:
    driven = model.plans.mode == CAR
    km = float(2 * model.weight[driven] @ street_km(model)[driven]) / model.parameters["population.car_occupancy"]
    residents = model.people.weight[model.people.kind == RESIDENT].sum()
    return float(km / max(model.parameters["population.cars_per_resident"] * residents, 1e-9))


def _car_short(model: "CommuterModel") -> float:
    cars = counted(model) & (model.plans.mode == CAR)
    return 100 * _mean((street_km(model) <= 5).astype(np.float64), model, cars)


def _central_links(model: "CommuterModel", period: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return flow, seconds, free seconds and metres of the links inside the headline area in a period."""
    from scipy.spatial import cKDTree

    roads, cells = model.network.compiled.roads, model.network.cells
    p = model.road_authority.periods[period]
    at = np.column_stack([roads.x_m[roads.tail[p.usable]], roads.y_m[roads.tail[p.usable]]])
    near = cKDTree(np.column_stack([cells.x_m, cells.y_m])).query(at)[1]
    here = model.network.zones.areas[model.definition.area][cells.zone[np.asarray(near, np.int64)]]
    columns = (p.flow, p.seconds, p.free, p.length)
    flow, seconds, free, metres = (p.on_links(x)[here] for x in columns)
    return flow, seconds, free, metres


def _peak_over_free(model: "CommuterModel") -> float:
    loaded = free = 0.0
    for period in (0, 2):
        flow, seconds, unloaded, _ = _central_links(model, period)
        loaded += float(flow @ seconds)
        free += float(flow @ unloaded)
    return loaded / max(free, 1e-9)


def _peak_car_kmh(model: "CommuterModel") -> float:
    flow, seconds, _, metres = _central_links(model, 0)
    return float(3.6 * (flow @ metres) / max(float(flow @ seconds), 1e-9))


def _trips_million(model: "CommuterModel") -> float:
    return float(shares(model, model.definition.area, model.definition.base).sum() / 1e6)


def _bus_boardings_million(model: "CommuterModel") -> float:
    return float(sum(b.boardings.sum() for b in model.bus_operator.periods) / 1e6)


def _rail_trips_million(model: "CommuterModel") -> float:
    return float(2 * model.weight[np.isin(model.plans.mode, (METRO, PR))].sum() / 1e6)


MEASURES: dict[str, Callable[["CommuterModel"], float]] = {
    "commute_minutes": lambda m: _mean(_minutes(m), m, _commutes(m)),
    "commute_km": lambda m: _mean(street_km(m), m, _commutes(m)),
    "commutes_within_45_min": lambda m: 100 * _mean((_minutes(m) <= 45).astype(np.float64), m, _commutes(m)),
    "other_minutes": lambda m: _mean(_minutes(m), m, _others(m)),
    "other_km": lambda m: _mean(street_km(m), m, _others(m)),
    "trips_million": _trips_million,
    "trips_per_resident": trips_per_resident,
    "trip_km": lambda m: _mean(street_km(m), m, _resident_trips(m)),
    "metro_boardings_million": lambda m: _rail_boardings(m) / 1e6,
    "metro_gate_minutes": _gate_minutes,
    "metro_am_percent": lambda m: _metro_period(m, 0),
    "metro_pm_percent": lambda m: _metro_period(m, 2),
    "boardings_per_rail_journey": _rail_transfers,
    "line_10_percent": lambda m: _line_percent(m, "10"),
    "bus_boardings_million": _bus_boardings_million,
    "bus_ride_minutes": _bus_ride_minutes,
    "bus_peak_kmh": _bus_peak_kmh,
    "car_km_a_day": _car_km_a_day,
    "car_trips_within_5_km": _car_short,
    "peak_time_over_free": _peak_over_free,
    "peak_car_kmh": _peak_car_kmh,
    "rail_trips_million": _rail_trips_million,
}
