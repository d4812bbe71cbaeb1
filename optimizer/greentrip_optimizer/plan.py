"""A plan: the routes a design chose, how good they are, what they do, and what was assumed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from greentrip_networks.errors import ScenarioError, UnknownNameError
from greentrip_networks.network import FeederRoute, Network
from greentrip_networks.scenario import AddFeeders, Intervention, RunBusLine, WithdrawLines

SCHEMA = 1


@dataclass(frozen=True)
class LineChange:
    """What becomes of one bus line; stops are street nodes, headways of am, off and pm, none where it does not run."""

    line: str
    action: str  # withdraw, shorten, reroute, strengthen or new
    stops_before: tuple[str, ...]
    stops: tuple[str, ...]
    headway_s_before: tuple[float, ...]
    headway_s: tuple[float, ...]
    capacity: int
    vehicles_before: int
    vehicles: int
    station: str = ""  # where riders change now
    label: str = ""  # that the line is no timetable's, if so

    def intervention(self) -> Intervention:
        """Return the change as one of a scenario."""
        if not self.stops:
            return WithdrawLines((self.line,))
        return RunBusLine(self.line, self.stops, self.headway_s, self.capacity)


def gap_of(objective: float, bound: float) -> float:
    """Return (bound - objective) / bound to six digits, 0 where there is nothing to gain."""
    return max(0.0, round((bound - objective) / bound, 6)) if bound > 0 else 0.0


@dataclass(frozen=True)
class Plan:
    """Feeder routes with headways and vehicles, and changes of bus lines.

    `objective` is what the plan is worth in CNY a day: time saved by passengers at their value of time, plus the
    fares they pay (a transfer: already subtracted from what they save), less operating cost and less penalties where
    limits have prices (`indicators["penalties_cny_day"]` and `["overlap_cny_day"]`). `bound` is the most that
    any plan could be worth. It is `proved` if it holds over every route that the options admit, and an `estimate` if it
    holds over the routes or changes that were generated: there may be others nobody looked at, so that even a choice
    proved best among them is not proved best. Plans of bus lines and of customised buses are always of the second kind.
    `gap` is (bound - objective) / bound.
    """

    name: str
    routes: tuple[FeederRoute, ...]
    objective: float
    bound: float
    gap: float
    bound_kind: str  # proved or estimate; empty for a plan written by hand
    stations: tuple[str, ...]
    indicators: Mapping[str, Any] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    lines: tuple[LineChange, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data that JSON can hold."""
        data = {**asdict(self), "routes": [route.to_dict() for route in self.routes], "schema": SCHEMA}
        if not self.lines:  # as plans were before they could hold any
            del data["lines"]
        return json.loads(json.dumps(data))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Plan":
        """Build a plan from plain data; raise ScenarioError naming the field that is missing or unknown."""
        if data.get("schema", SCHEMA) != SCHEMA:
            raise ScenarioError(
                "schema", f"saw {data['schema']!r}; expected {SCHEMA}: design the plan again with this version"
            )
        known = {f.name for f in fields(cls)}
        for name in data:
            if name not in known | {"schema"}:
                raise UnknownNameError("field of a plan", name, sorted(known))
        for name in ("name", "routes", "objective", "bound", "gap", "bound_kind", "stations"):
            if name not in data:
                raise ScenarioError(name, "missing from the plan")
        values = {k: v for k, v in data.items() if k != "schema"}
        values["routes"] = tuple(_route(r, i) for i, r in enumerate(data["routes"]))
        values["stations"] = tuple(data["stations"])
        values["assumptions"] = tuple(data.get("assumptions", ()))
        values["lines"] = tuple(_line(r, i) for i, r in enumerate(data.get("lines", ())))
        return cls(**values)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the plan's data, the same for the same plan on any machine."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def vehicles(self) -> int:
        """Buses in all, each route's in the period that needs most."""
        return sum(r.vehicles for r in self.routes)

    @property
    def cost_cny_day(self) -> float:
        """What a weekday's operation costs more than without the plan; negative where changed bus lines save money."""
        i = self.indicators
        lines = i.get("cost_cny_day_after", 0.0) - i.get("cost_cny_day_before", 0.0) if self.lines else 0.0
        return float(sum(r.cost_cny_day for r in self.routes) + lines)

    def intervention(self) -> AddFeeders:
        """Return the plan's routes as a change of a scenario."""
        return AddFeeders(self.routes)

    def interventions(self) -> tuple[Intervention, ...]:
        """Return everything the plan changes, as changes of a scenario in order."""
        feeders = (self.intervention(),) if self.routes else ()
        return (*feeders, *(line.intervention() for line in self.lines))

    def explain(self) -> list[dict[str, Any]]:
        """Return one row a route or changed line: where, how often, who gains, what it costs, what would replace it.

        Rows stand in the plan's order. Of bus lines and customised buses only the most valuable have a `next_best`.
        """
        kinds = ("routes", "changes", "commuter_routes")
        return [dict(row) for kind in kinds for row in self.indicators.get(kind, ())]

    def summary(self) -> list[tuple[str, str]]:
        """Return the plan's figures as rows of name and text, for tables."""
        i = self.indicators
        rows = [
            (
                "routes",
                f"{len(self.routes)} at {len({r.station for r in self.routes})} of {len(self.stations)} stations",
            ),
            ("buses in the peak", f"{self.vehicles}"),
            ("cost", f"{self.cost_cny_day:,.0f} CNY a day"),
            (
                "worth",
                (
                    f"{self.objective:,.0f} CNY a day net, "
                    f"at most {self.bound:,.0f} ({self.bound_kind}), gap {self.gap:.2%}"
                ),
            ),
        ]
        paid = i.get("penalties_cny_day", 0.0) + i.get("overlap_cny_day", 0.0)
        if paid:
            what = dict.fromkeys(r["limit"] for r in i.get("limits_exceeded", ()))
            shared = ["shared streets"] * bool(i.get("overlap_cny_day"))
            rows.append(("penalties", f"{paid:,.0f} CNY a day, subtracted above: {', '.join([*what, *shared])}"))
        if "riders_day" in i:
            rows.append(("riders", f"{i['riders_day']:,.0f} a day"))
            rows.append(("time saved", f"{i['minutes_saved_day'] / 60:,.0f} person-hours a day"))
        rows += [("no route", f"{s['name_en']}: {s['reason']}") for s in i.get("stations_without_route", ())]
        return rows

    def write_gtfs(self, path: str | Path, network: Network) -> None:
        """Write the plan as a zipped GTFS feed."""
        from greentrip_optimizer.gtfs import write_gtfs

        write_gtfs(self, network, path)


def _route(data: Any, i: int) -> FeederRoute:
    """Build a route from plain data or raise ScenarioError."""
    if isinstance(data, FeederRoute):
        return data
    values = dict(data)
    for name in ("stops", "path", "ride_s", "headways_s", "ride_out_s"):
        if name in values:
            values[name] = tuple(values[name])
    try:
        return FeederRoute(**values)
    except TypeError as error:
        raise ScenarioError(f"routes[{i}]", str(error)) from None


def _line(data: Any, i: int) -> LineChange:
    """Build a line's change from plain data or raise ScenarioError."""
    if isinstance(data, LineChange):
        return data
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    try:
        return LineChange(**values)
    except TypeError as error:
        raise ScenarioError(f"lines[{i}]", str(error)) from None
