"""A scenario: a base network and an ordered list of typed interventions, each one change.

To add an intervention, add one frozen dataclass below with an `apply` method; `INTERVENTIONS` finds it by itself, and
the service carries it as the message of the same name and fields (a test says so when that message is missing).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, ClassVar, Protocol, get_type_hints

import numpy as np

from greentrip_networks.demand import BACKGROUND, POLICIES
from greentrip_networks.errors import ScenarioError, UnknownNameError
from greentrip_networks.network import PERIODS, FeederRoute, Line, Network


class Intervention(Protocol):
    """One typed change to a network."""

    def apply(self, network: Network) -> Network:
        """Return the changed network; raise ScenarioError or UnknownNameError when the change makes no sense."""
        ...


@dataclass(frozen=True)
class RailOfYear:
    """Run the rail lines and stations open at the end of another year."""

    year: int

    def apply(self, network: Network) -> Network:
        """Take rail graph and lines from the same city of that year."""
        from greentrip_networks.read import rail_of_year

        return rail_of_year(network, self.year)


@dataclass(frozen=True)
class AddFeeders:
    """Run the feeder routes of a plan."""

    routes: tuple[FeederRoute, ...]

    def apply(self, network: Network) -> Network:
        """Add the routes to those that run already."""
        known = {f.id for f in network.feeders}
        for i, route in enumerate(self.routes):
            if route.id in known:
                raise ScenarioError(
                    f"routes[{i}].id", f"feeder {route.id!r} is already in the network; give it another id"
                )
            known.add(route.id)
            network.station(route.station)
            for node in (*route.stops, *route.path):
                if node not in network.roads:
                    raise UnknownNameError("street node", node, ())
            if len(route.ride_s) != len(route.stops) or not route.stops:
                raise ScenarioError(f"routes[{i}].ride_s", "one running time to the station is needed for each stop")
            _check_headways(route, f"routes[{i}].headways_s")
            if not (route.capacity > 0 and route.vehicles > 0):
                raise ScenarioError(f"routes[{i}]", "capacity and vehicles must be positive")
            if route.loop:
                _check_loop(route, f"routes[{i}]")
        return network.with_(feeders=(*network.feeders, *self.routes))


def _check_headways(route: FeederRoute, where: str) -> None:
    """Raise ScenarioError unless a route has a headway of each period."""
    if len(route.headways_s) != len(PERIODS):
        raise ScenarioError(where, f"saw {route.headways_s}; expected seconds in each period: {', '.join(PERIODS)}")
    for k, (period, headway_s) in enumerate(zip(PERIODS, route.headways_s, strict=True)):
        if not headway_s > 0:
            raise ScenarioError(f"{where}[{k}]", f"saw {headway_s:g} ({period}); expected seconds, more than 0")


_MOST_PAUSE_S = 120.0  # by which once round may differ between a loop's stops: buses stand longer at some


def _check_loop(route: FeederRoute, where: str) -> None:
    """Raise ScenarioError for a loop whose times or path make no sense."""
    out, back = route.ride_out_s, route.ride_s
    if len(out) != len(route.stops):
        raise ScenarioError(f"{where}.ride_out_s", "a loop needs one running time from the station for each stop")
    if min(*out, *back) < 0 or list(out) != sorted(out) or list(back) != sorted(back, reverse=True):
        raise ScenarioError(
            f"{where}.ride_out_s",
            "a loop's stops stand in the order served: from stop to stop ride_out_s rises and ride_s falls, 0 or more",
        )
    around = [a + b for a, b in zip(out, back, strict=True)]
    if max(around) - min(around) > _MOST_PAUSE_S:
        raise ScenarioError(
            f"{where}.ride_out_s",
            f"a stop's ride out and ride in make once round together; saw {min(around):g} to {max(around):g} s, more "
            f"apart than {_MOST_PAUSE_S:g} s of standing",
        )
    if len(route.path) < 2 or route.path[0] != route.path[-1]:
        raise ScenarioError(f"{where}.path", "a loop begins and ends at the same street node, the station's")


@dataclass(frozen=True)
class SetHeadway:
    """Change a rail or bus line's headway, in all periods or in one (am, off, pm)."""

    line: str
    headway_s: float
    period: str = ""

    def apply(self, network: Network) -> Network:
        """Replace the line's headway."""
        if not 30 <= self.headway_s <= 7200:
            raise ScenarioError("headway_s", f"saw {self.headway_s:g}; expected 30 to 7200 seconds")
        if self.period and self.period not in PERIODS:
            raise UnknownNameError("period", self.period, PERIODS)
        found = network.line(self.line)
        changed = tuple(
            self.headway_s if self.period in ("", p) else old for p, old in zip(PERIODS, found.headway_s, strict=True)
        )
        new = replace(found, headway_s=(changed[0], changed[1], changed[2]))
        lines = tuple(new if x is found else x for x in network.lines)
        buses = replace(network.buses, lines=tuple(new if x is found else x for x in network.buses.lines))
        return network.with_(lines=lines, buses=buses)


@dataclass(frozen=True)
class SetFare:
    """Multiply the fares of one system: metro, bus, feeder or taxi."""

    system: str
    factor: float
    SYSTEMS: ClassVar[tuple[str, ...]] = ("metro", "bus", "feeder", "taxi", "fuel")

    def apply(self, network: Network) -> Network:
        """Scale every price of the system."""
        if not 0 <= self.factor <= 20:
            raise ScenarioError("factor", f"saw {self.factor:g}; expected 0 to 20")
        f, k = network.fares, self.factor
        if self.system == "metro":
            new = replace(
                f, metro_card_factor=f.metro_card_factor * k, special={n: p * k for n, p in f.special.items()}
            )
        elif self.system == "bus":
            new = replace(f, bus_card_factor=f.bus_card_factor * k)
        elif self.system == "feeder":
            new = replace(f, feeder_cny=f.feeder_cny * k)
        elif self.system == "taxi":
            new = replace(
                f,
                taxi_base_cny=f.taxi_base_cny * k,
                taxi_km_cny=f.taxi_km_cny * k,
                taxi_surcharge_cny=f.taxi_surcharge_cny * k,
            )
        elif self.system == "fuel":
            new = replace(f, fuel_cny_km=f.fuel_cny_km * k)
        else:
            raise UnknownNameError("fare system", self.system, self.SYSTEMS)
        return network.with_(fares=new)


@dataclass(frozen=True)
class SetParkingPrice:
    """Set what visitors' cars pay for parking in zones, a district or a named area (CNY an hour)."""

    place: str
    cny_h: float

    def apply(self, network: Network) -> Network:
        """Replace the price in every zone of the place."""
        if not 0 <= self.cny_h <= 1000:
            raise ScenarioError("cny_h", f"saw {self.cny_h:g}; expected 0 to 1000 CNY an hour")
        price = np.where(zones_of(network, self.place), self.cny_h, network.zones.parking_cny_h)
        return network.with_(zones=replace(network.zones, parking_cny_h=price))


@dataclass(frozen=True)
class MoveResidents:
    """Move a number of residents from one place to another, in proportion to those who live there."""

    from_place: str
    to_place: str
    residents: float

    def apply(self, network: Network) -> Network:
        """Take residents away there and add them here."""
        if network.demand.trips:
            raise ScenarioError("residents", "this network's demand is observed trips, which moving residents keeps")
        source, target = zones_of(network, self.from_place), zones_of(network, self.to_place)
        if (source & target).any():
            raise ScenarioError(
                "to_place", f"{self.to_place!r} and {self.from_place!r} share zones; name two separate places"
            )
        living = network.zones.residents
        there, here = living[source].sum(), living[target].sum()
        if not 0 < self.residents <= there:
            raise ScenarioError(
                "residents",
                f"saw {self.residents:g}; expected more than 0 and at most the {there:.0f} "
                f"who live in {self.from_place}",
            )
        moved = living * np.where(source, 1 - self.residents / there, 1.0)
        moved = np.where(target, living * (1 + self.residents / here), moved)
        return network.with_(zones=replace(network.zones, residents=moved))


@dataclass(frozen=True)
class SwitchOff:
    """Switch off a policy or offer of the base year: plate_restriction, licence_lottery, ebikes, shared_bicycles ..."""

    policy: str

    def apply(self, network: Network) -> Network:
        """Note that it is off; the model's table of parameters says what that changes."""
        if self.policy not in POLICIES:
            raise UnknownNameError("policy", self.policy, POLICIES)
        off = network.demand.switched_off
        if self.policy in off:
            raise ScenarioError("policy", f"{self.policy} is switched off already")
        return network.with_(
            demand=replace(network.demand, switched_off=(*off, self.policy)),
            assumptions=(*network.assumptions, f"switched off: {self.policy}"),
        )


@dataclass(frozen=True)
class SetBackground:
    """Multiply traffic that no resident makes: freight, visitors, through, empty_taxis or all; 0 leaves it out."""

    traffic: str
    factor: float

    def apply(self, network: Network) -> Network:
        """Scale the class in all periods."""
        if self.traffic not in (*BACKGROUND, "all"):
            raise UnknownNameError("background traffic", self.traffic, (*BACKGROUND, "all"))
        if not 0 <= self.factor <= 10:
            raise ScenarioError("factor", f"saw {self.factor:g}; expected 0 to 10")
        demand, scaled = network.demand, BACKGROUND if self.traffic == "all" else (self.traffic,)
        changed = {name: demand.background_factor(name) * self.factor for name in scaled}
        return network.with_(
            demand=replace(demand, background={**demand.background, **changed}),
            assumptions=(*network.assumptions, f"background traffic, {self.traffic}: times {self.factor:g}"),
        )


@dataclass(frozen=True)
class WithdrawLines:
    """Stop running bus lines, by id or name."""

    lines: tuple[str, ...]

    def apply(self, network: Network) -> Network:
        """Take the lines and their calls out."""
        buses = network.buses
        gone = {bus_row(network, name, f"lines[{i}]") for i, name in enumerate(self.lines)}
        left = [k for k in range(len(buses.lines)) if k not in gone]
        call = np.flatnonzero(np.isin(buses.line, left))
        new = replace(
            buses,
            lines=tuple(buses.lines[k] for k in left),
            line=np.searchsorted(np.array(left, np.int64), buses.line[call]),
            node=tuple(buses.node[c] for c in call),
            position_m=buses.position_m[call],
        )
        return network.with_(buses=new)


@dataclass(frozen=True)
class RunBusLine:
    """Run a bus line over these stops (street nodes) in both directions: a line of that id changed, or else a new one.

    `headway_s` is one for all periods, or one each for am, off and pm; a `capacity` of 0 keeps the line's.
    """

    line: str
    stops: tuple[str, ...]
    headway_s: tuple[float, ...]
    capacity: int = 0

    def apply(self, network: Network) -> Network:
        """Replace the line's calls and headways, or add the line."""
        buses, roads = network.buses, network.roads
        if len(self.stops) < 2 or any(a == b for a, b in pairwise(self.stops)):
            raise ScenarioError(
                "stops", f"saw {len(self.stops)}; expected at least two, each other than the one before"
            )
        for node in self.stops:
            if node not in roads:
                raise UnknownNameError("street node", node, ())
        if len(self.headway_s) not in (1, 3) or not all(30 <= h <= 7200 for h in self.headway_s):
            raise ScenarioError("headway_s", f"saw {self.headway_s}; expected one or three, each 30 to 7200 seconds")
        am, off, pm = self.headway_s * (3 if len(self.headway_s) == 1 else 1)
        x, y = (np.array([roads.nodes[n][k] for n in self.stops], np.float64) for k in ("x_m", "y_m"))
        metres = np.append(0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
        known = {line.id: k for k, line in enumerate(buses.lines)}
        row = known.get(self.line, len(buses.lines))
        if row < len(buses.lines):
            old = buses.lines[row]
            line = replace(old, headway_s=(am, off, pm), capacity=self.capacity or old.capacity)
        elif any(self.line == rail.id for rail in network.lines):
            raise ScenarioError("line", f"{self.line!r} is a rail line; give the bus line another id")
        elif self.capacity <= 0:
            raise ScenarioError("capacity", f"saw {self.capacity}; expected persons a bus, for a new line")
        else:
            line = Line(
                self.line, self.line, self.line, "bus", "bus", False, self.capacity, (am, off, pm), network.year
            )
        before, after = np.flatnonzero(buses.line < row), np.flatnonzero(buses.line > row)
        new = replace(
            buses,
            lines=(*buses.lines[:row], line, *buses.lines[row + 1 :]),
            line=np.concatenate([buses.line[before], np.full(len(self.stops), row), buses.line[after]]),
            node=(*(buses.node[c] for c in before), *self.stops, *(buses.node[c] for c in after)),
            position_m=np.concatenate([buses.position_m[before], metres, buses.position_m[after]]),
        )
        return network.with_(buses=new)


INTERVENTIONS: Mapping[str, type[Any]] = {
    c.__name__: c
    for c in list(globals().values())
    if isinstance(c, type) and c.__module__ == __name__ and "apply" in vars(c) and c is not Intervention
}


def bus_row(network: Network, name: str, place: str) -> int:
    """Return the row of a bus line by id or name; raise ScenarioError for one of rail."""
    line = network.line(name)
    for k, bus in enumerate(network.buses.lines):
        if bus is line:
            return k
    raise ScenarioError(place, f"{name!r} is a rail line; expected a bus line")


def zones_of(network: Network, place: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Return which zones a place means: a named area, a district or one zone, in Chinese or English."""
    zones = network.zones
    if place in zones.areas:
        return zones.areas[place]
    for districts in (zones.district_en, zones.district_zh):
        if place in districts:
            return np.array([d == place for d in districts])
    try:
        one = zones.find(place)
    except UnknownNameError:
        known = (
            *zones.areas,
            *dict.fromkeys(zones.district_en),
            *dict.fromkeys(zones.district_zh),
            *zones.name_en,
            *zones.name_zh,
        )
        raise UnknownNameError("place", place, known) from None
    chosen = np.zeros(len(zones), bool)
    chosen[one] = True
    return chosen


@dataclass(frozen=True)
class Scenario:
    """A base network's name and an ordered list of interventions."""

    name: str
    base: str
    interventions: tuple[Intervention, ...] = ()

    def build(self, base: Network) -> Network:
        """Apply the interventions in order; an error names the one that failed by its position."""
        network = base
        for i, step in enumerate(self.interventions):
            try:
                network = step.apply(network)
            except (ScenarioError, UnknownNameError) as error:
                raise ScenarioError(f"interventions[{i}] ({type(step).__name__})", str(error)) from error
        return network


def intervention_to_dict(step: Intervention) -> dict[str, Any]:
    """Return an intervention as plain data: its kind and its fields."""
    values = {f.name: getattr(step, f.name) for f in fields(step)}  # type: ignore[arg-type]
    if isinstance(step, AddFeeders):
        values["routes"] = [route.to_dict() for route in step.routes]
    return {"kind": type(step).__name__, **values}


def intervention_from_dict(data: Mapping[str, Any]) -> Intervention:
    """Build an intervention from plain data; raise ScenarioError naming the field that is wrong."""
    kind = data.get("kind", "")
    if kind not in INTERVENTIONS:
        raise UnknownNameError("intervention", kind, INTERVENTIONS)
    values = {k: v for k, v in data.items() if k != "kind"}
    made: Intervention = _from_dict(INTERVENTIONS[kind], values, "")
    return made


def _from_dict(cls: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """Build a frozen dataclass from plain data, checking names and types."""
    hints = {f.name: get_type_hints(cls)[f.name] for f in fields(cls)}
    for name in values:
        if name not in hints:
            raise UnknownNameError(f"field of {cls.__name__}", name, hints)
    made: dict[str, Any] = {}
    for f in fields(cls):
        if f.name not in values:
            continue
        value, hint = values[f.name], hints[f.name]
        place = f"{where}{f.name}"
        if hint == tuple[FeederRoute, ...]:
            made[f.name] = tuple(_from_dict(FeederRoute, v, f"{place}[{i}].") for i, v in enumerate(value))
        elif hint == tuple[str, ...]:
            made[f.name] = tuple(str(v) for v in value)
        elif hint in (tuple[float, ...], tuple[float, float, float]):
            if not isinstance(value, list | tuple):
                raise ScenarioError(place, f"saw {value!r}; expected a list of numbers")
            made[f.name] = tuple(_number(v, f"{place}[{i}]") for i, v in enumerate(value))
        elif hint is float:
            made[f.name] = _number(value, place)
        elif hint is int:
            number = _number(value, place)
            if number != int(number):
                raise ScenarioError(place, f"saw {value!r}; expected a whole number")
            made[f.name] = int(number)
        else:
            if not isinstance(value, str):
                raise ScenarioError(place, f"saw {value!r}; expected text")
            made[f.name] = value
    try:
        return cls(**made)
    except TypeError as error:
        raise ScenarioError(where.rstrip("."), f"{cls.__name__}: {error}") from None


def _number(value: Any, place: str) -> float:
    """Return a finite number or raise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ScenarioError(place, f"saw {value!r}; expected a finite number")
    return float(value)
