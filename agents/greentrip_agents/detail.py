"""What a run keeps beside its tables, to answer later questions from: travellers, section loads, drivers' routes."""

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIODS
from numpy.typing import NDArray

from greentrip_agents.choice import Costs, Travellers
from greentrip_agents.indicators import listed_tours
from greentrip_agents.population import ADULT, CHILD, ELDERLY

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

AGES = {CHILD: "under 15", ADULT: "15 to 64", ELDERLY: "65 and over"}
DETAIL = ("travellers", "sections", "routes", "outside")  # names of the tables, each a file of the run


def detail(model: "CommuterModel") -> dict[str, pl.LazyFrame]:
    """Return the tables of DETAIL by name, as a kept run has them: frames to be collected."""
    return {
        "travellers": travellers_table(model).lazy(),
        "sections": sections_table(model).lazy(),
        "routes": routes_table(model).lazy(),
        "outside": outside_table(model).lazy(),
    }


def travellers_table(model: "CommuterModel") -> pl.DataFrame:
    """Return one row a listed tour: the fields of `choice.Travellers`, and weight, age, income and kind of the person.

    The tours are those of the trips table; weights are expanded likewise.
    """
    row, share = listed_tours(model)
    person = model.tours.person[row]
    columns = {name: values[row] for name, values in model.travellers._asdict().items()}
    people = model.people
    return pl.DataFrame(columns).with_columns(
        weight=pl.Series(model.weight[row] / share),
        age=pl.Series(people.age[person]),
        income_cny_year=pl.Series(people.income_cny_year[person]),
        kind=pl.Series(people.kind[person]),
    )


def travellers_of(table: pl.DataFrame) -> Travellers:
    """Return the arrays that choice reads, from a run's travellers table.

    Raises ScenarioError for a run of an older version, which knew less of them.
    """
    _check_complete("travellers", Travellers._fields, table.columns)
    return Travellers(**{name: np.ascontiguousarray(table[name].to_numpy()) for name in Travellers._fields})


def costs_of(costs: Mapping[str, NDArray[Any]]) -> Costs:
    """Return what travel costs at a run's end as choice reads it; raises ScenarioError likewise."""
    _check_complete("costs", Costs._fields, costs)
    return Costs(**{name: np.ascontiguousarray(costs[name]) for name in Costs._fields})


def _check_complete(what: str, needed: Iterable[str], there: Container[str]) -> None:
    """Raise ScenarioError where a run keeps less than this version reads."""
    missing = [name for name in needed if name not in there]
    if missing:
        told = f"keeps {what} without {', '.join(missing)}: an older version made it; simulate it again"
        raise ScenarioError("run", told)


def sections_table(model: "CommuterModel") -> pl.DataFrame:
    """Return one row a section (a ride from a stop to the next), direction and period.

    `section` counts along the direction; `from` and `to` are station ids, or street nodes for buses; `persons` and
    `places` are those of the whole period.
    """
    rail, buses, roads = model.network.compiled.rail, model.network.compiled.buses, model.network.compiled.roads
    stations, nodes = np.array([*rail.stations, ""]), np.array([*roads.nodes, ""])
    parts = []
    order = _places_in_line(rail.ride_line, rail.ride_direction)
    lines = np.array([*rail.line_ids, ""])
    for name, r in zip(PERIODS, model.rail_operator.periods, strict=True):
        parts.append(
            pl.DataFrame({
                "mode": np.full(len(r.load), "rail"),
                "line": lines[rail.ride_line],
                "direction": rail.ride_direction.astype(np.int8),
                "section": order,
                "from": stations[rail.platform_station[rail.ride_from]],
                "to": stations[rail.platform_station[rail.ride_to]],
                "period": np.full(len(r.load), name),
                "persons": r.load,
                "places": r.places,
            })
        )  # fmt: skip
    pattern = np.repeat(np.arange(len(buses.pattern_line)), np.diff(buses.pattern_first))
    leaves = np.flatnonzero(pattern[:-1] == pattern[1:]) if len(pattern) else np.zeros(0, np.int64)
    stop = nodes[buses.stop_node[buses.call_stop]] if len(pattern) else nodes[:0]
    named = np.array([*(line.id for line in model.network.buses.lines), ""])
    for name, b in zip(PERIODS, model.bus_operator.periods, strict=True):
        parts.append(
            pl.DataFrame({
                "mode": np.full(len(leaves), "bus"),
                "line": named[buses.pattern_line[pattern[leaves]]],
                "direction": buses.pattern_direction[pattern[leaves]].astype(np.int8),
                "section": (leaves - buses.pattern_first[pattern[leaves]]).astype(np.int32),
                "from": stop[leaves],
                "to": stop[leaves + 1],
                "period": np.full(len(leaves), name),
                "persons": b.load[leaves],
                "places": b.places[leaves],
            })
        )  # fmt: skip
    return pl.concat(parts)


def _places_in_line(line: NDArray[np.int32], direction: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the place of each ride among those of its line and direction, in the order of the rides."""
    out = np.zeros(len(line), np.int32)
    seen: dict[tuple[int, int], int] = {}
    for i, key in enumerate(zip(line.tolist(), direction.tolist(), strict=True)):
        out[i] = seen.get(key, 0)
        seen[key] = int(out[i]) + 1
    return out


def outside_table(model: "CommuterModel") -> pl.DataFrame:
    """Return the vehicles outside the model that each link of the links table carries in each period, as assumed."""
    return pl.concat([
        pl.DataFrame({
            "link": period.usable.astype(np.int32),
            "period": np.full(len(period.usable), name),
            "vehicles": period.on_links(period.outside),
        })
        for name, period in zip(PERIODS, model.road_authority.periods, strict=True)
    ])  # fmt: skip


def routes_table(model: "CommuterModel") -> pl.DataFrame:
    """Return one row a route that drivers use in a period: its zones, vehicles and street links in driving order.

    `links` are rows of the links table; connectors between zones and streets are left out.
    """
    parts = []
    for name, period in zip(PERIODS, model.road_authority.periods, strict=True):
        used = period.traffic.path_flows()
        zone = np.full(period.traffic.links.nodes, -1, np.int32)
        zone[period.start] = np.arange(len(period.start))
        to = np.full(period.traffic.links.nodes, -1, np.int32)
        to[period.end] = np.arange(len(period.end))
        owner = np.repeat(np.arange(len(used.flow)), np.diff(used.first))
        street = used.link < len(period.usable)
        links = pl.DataFrame({
            "route": owner[street],
            "links": period.usable[used.link[street]].astype(np.int32),
        })  # fmt: skip
        grouped = links.group_by("route", maintain_order=True).agg(pl.col("links"))
        row = grouped["route"].to_numpy()
        ids = np.array([*model.network.zones.id, ""])
        parts.append(
            pl.DataFrame({
                "period": np.full(len(row), name),
                "from_zone": ids[zone[used.origin[row]]],
                "to_zone": ids[to[used.destination[row]]],
                "vehicles": used.flow[row],
            }).with_columns(grouped["links"])
        )  # fmt: skip
    return pl.concat(parts)
