"""The figures a run reports: shares on every base, times, distances, loads, and what was assumed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from greentrip_networks.network import PERIODS
from numpy.typing import NDArray

from greentrip_agents import draws
from greentrip_agents.access import KINDS
from greentrip_agents.definitions import BASES, MODES, PURPOSES, RESIDENT

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TOURS_LISTED = 1_000_000  # more would take more memory than the model itself


def street_km(model: "CommuterModel") -> Floats:
    """Return each tour's one-way street distance in km: as the crow flies times the stated detour."""
    t = model.travellers
    return np.hypot(t.home_x - t.x, t.home_y - t.y) / 1000 * model.parameters["distance.street_detour"]


def counted(model: "CommuterModel") -> Bools:
    """Return which tours are long enough to count as trips."""
    return street_km(model) * 1000 >= model.definition.minimum_m


def within(model: "CommuterModel", area: str, base: str) -> Bools:
    """Return which tours belong to a base of an area; both trips of a tour have the same ends."""
    inside = model.network.zones.areas[area]
    home, away = inside[model.travellers.home_zone], inside[model.travellers.zone]
    lives = home & (model.people.kind[model.tours.person] == RESIDENT)
    bases: dict[str, Bools] = {"one_end": home | away, "both_ends": home & away, "residents": lives}
    return bases[base]


def shares(model: "CommuterModel", area: str, base: str) -> Floats:
    """Return trips a day by mode in an area and base, shape (modes,); a tour is two trips."""
    mode = model.plans.mode
    ok = counted(model) & within(model, area, base) & (mode >= 0)
    return _by_mode(mode[ok], 2 * model.weight[ok])


def _by_mode(mode: NDArray[np.integer[Any]], weight: Floats) -> Floats:
    """Return the weights added up by mode, shape (modes,)."""
    return np.asarray(np.bincount(mode, weights=weight, minlength=len(MODES)), np.float64)


def _percent(trips: Floats) -> dict[str, float]:
    """Return trips by mode as percent."""
    total = max(trips.sum(), 1e-9)
    return {name: float(100 * n / total) for name, n in zip(MODES, trips, strict=True)}


def by_class(percent: dict[str, float], classes: dict[str, str]) -> dict[str, float]:
    """Sum percent by mode up by published class."""
    out: dict[str, float] = {}
    for mode, value in percent.items():
        out[classes[mode]] = out.get(classes[mode], 0.0) + value
    return out


def indicators(model: "CommuterModel") -> dict[str, Any]:
    """Gather a run's figures as plain data."""
    d, z = model.definition, model.network.zones
    green = np.array([d.green[m] for m in MODES])
    mode, weight = model.plans.mode, model.weight
    ok = counted(model) & (mode >= 0)
    km, minutes = street_km(model), model.plans.minutes.mean(axis=1)
    trips = {a: {b: shares(model, a, b) for b in BASES} for a in d.areas}
    head = within(model, d.area, d.base) & ok
    home = model.travellers.home_zone
    districts = {}
    for name in dict.fromkeys(z.district_en):
        here = np.array([n == name for n in z.district_en])[home] & ok
        if here.any():
            districts[name] = _percent(_by_mode(mode[here], weight[here]))
    purposes = {}
    for i, name in enumerate(PURPOSES):
        here = head & (model.travellers.purpose == i)
        if here.any():
            purposes[name] = _percent(_by_mode(mode[here], weight[here]))
    mean_km, mean_minutes = {}, {}
    for i, name in enumerate(MODES):
        here = head & (mode == i)
        if here.any():
            mean_km[name] = float(np.average(km[here], weights=weight[here]))
            mean_minutes[name] = float(np.average(minutes[here], weights=weight[here]))
    percent = {a: {b: _percent(t) for b, t in bases.items()} for a, bases in trips.items()}
    commute = head & (model.travellers.purpose == 0)
    return {
        "network": model.network.name,
        "year": model.network.year,
        "seed": model.key,
        "sample": model.sample,
        "residents": len(model.people),
        "residents_represented": float(model.people.weight[model.people.kind == RESIDENT].sum()),
        "visitors_represented": float(model.people.weight[model.people.kind != RESIDENT].sum()),
        "tours": len(model.tours),
        "tours_listed_share": trips_kept(model),
        "days": model.day,
        "gap": float(model.gap),
        "served": model.served(),
        "definition": d.to_dict(),
        "calibrated_on": model.parameters.calibrated_on,
        "response": {
            "tested": len(model.parameters.response),
            "outside": model.parameters.response_outside(),
        },
        "green_share": {
            a: {b: float(100 * t[green].sum() / max(t.sum(), 1e-9)) for b, t in bases.items()}
            for a, bases in trips.items()
        },
        "mode_share": percent,
        "class_share": {
            a: {b: by_class(s, dict(d.mode_class)) for b, s in bases.items()} for a, bases in percent.items()
        },
        "trips_million": {a: {b: float(t.sum() / 1e6) for b, t in bases.items()} for a, bases in trips.items()},
        "by_district": districts,
        "car_share_by_district": {name: s["car"] + s["taxi"] for name, s in districts.items()},
        "by_purpose": purposes,
        "mean_km": mean_km,
        "mean_minutes": mean_minutes,
        "mean_trip_km": float(np.average(km[head], weights=weight[head])) if head.any() else 0.0,
        "mean_commute_km": float(np.average(km[commute], weights=weight[commute])) if commute.any() else 0.0,
        "mean_commute_minutes": float(np.average(minutes[commute], weights=weight[commute])) if commute.any() else 0.0,
        "metro_boardings_million": float(sum(r.boardings.sum() for r in model.rail_operator.periods) / 1e6),
        "bus_boardings_million": float(sum(b.boardings.sum() for b in model.bus_operator.periods) / 1e6),
        "trips_per_resident": trips_per_resident(model),
        "street_speed_kmh": _speeds(model),
        "assumptions": [*model.network.assumptions, *model.parameters.assumed()],
    }


def trips_per_resident(model: "CommuterModel") -> float:
    """Return the counted trips a resident makes on a day."""
    people, who = model.people, model.tours.person
    theirs = counted(model) & (people.kind[who] == RESIDENT)
    return float(2 * model.weight[theirs].sum() / people.weight[people.kind == RESIDENT].sum())


def _speeds(model: "CommuterModel") -> dict[str, float]:
    """Return the mean speed of cars on the streets by period, vehicle-km over vehicle-hours."""
    out = {}
    for name, period in zip(PERIODS, model.road_authority.periods, strict=True):
        flow = period.on_links(period.flow)
        hours = float(flow @ period.on_links(period.seconds)) / 3600
        out[name] = float(flow @ period.on_links(period.length)) / 1000 / hours if hours > 0 else 0.0
    return out


def trips_kept(model: "CommuterModel") -> float:
    """Return the share of persons whose trips the table lists: all, or so many that it stays within its limit."""
    return min(1.0, TOURS_LISTED / max(len(model.tours), 1))


def listed_tours(model: "CommuterModel") -> tuple[NDArray[np.int64], float]:
    """Return the rows of the tours that tables list, and the share of all persons whose tours these are."""
    key, share = model.travellers.key, trips_kept(model)
    listed = draws.uniforms(0, key, draws.LISTED, 0) < share if share < 1 else np.ones(len(key), bool)
    return np.flatnonzero(listed), share


def trips_table(model: "CommuterModel") -> pl.DataFrame:
    """Return one row a trip: who, from where to where, when, how, how long, and the rail access at both ends.

    Where there are more than TOURS_LISTED tours, those of a keyed share of the persons are listed, the same persons in
    every scenario, and their weights are expanded.
    """
    t, plans = model.travellers, model.plans
    row, share = listed_tours(model)
    z = model.network.zones
    parts = []
    access = model.bus_operator.access
    stations = [*model.network.compiled.rail.stations, ""]
    kinds = [*KINDS, ""]
    km, long = street_km(model)[row], counted(model)[row]
    mode, key = plans.mode[row], t.key[row]
    income = model.people.income_cny_year[model.tours.person[row]]
    for d in range(2):
        period = plans.period[row, d]
        home, away = (t.home_zone[row], t.home_cell[row]), (t.zone[row], t.cell[row])
        (origin, co), (destination, cd) = (home, away) if d == 0 else (away, home)
        board, leave = plans.board[row, d], plans.leave[row, d]
        rail = board >= 0
        first = np.where(rail, access.kind[period, co, np.maximum(plans.board_slot[row, d], 0)], len(KINDS))
        last = np.where(rail, access.kind[period, cd, np.maximum(plans.leave_slot[row, d], 0)], len(KINDS))
        drives = mode == MODES.index("pr")
        first, last = np.where(drives & (d == 0), 4, first), np.where(drives & (d == 1), 4, last)
        parts.append(
            pl.DataFrame({
                "person": key,
                "tour": t.number[row].astype(np.int16),
                "direction": pl.repeat("out" if d == 0 else "home", len(key), eager=True),
                "purpose": _named(PURPOSES, t.purpose[row]),
                "period": _named(PERIODS, period),
                "home_zone": _named(z.id, t.home_zone[row]),
                "from_zone": _named(z.id, origin),
                "to_zone": _named(z.id, destination),
                "mode": _named([*MODES, "unserved"], mode),
                "minutes": plans.minutes[row, d],
                "cost_min": plans.cost[row, d],
                "km": km,
                "counted": long,
                "weight": model.weight[row] / share,
                "income_cny_year": income,
                "has_car": t.has_car[row],
                "board": _named(stations, board),
                "leave": _named(stations, leave),
                "access": _named(kinds, first),
                "egress": _named(kinds, last),
            })
        )  # fmt: skip
    return pl.concat(parts).sort("person", "tour", "direction", descending=[False, False, True])


def _named(names: Sequence[str], rows: NDArray[np.integer[Any]]) -> pl.Series:
    """Return names by row; -1 is the last."""
    return pl.Series(list(names), dtype=pl.String).gather(np.where(rows < 0, len(names) - 1, rows))


def links_table(model: "CommuterModel") -> pl.DataFrame:
    """Return one row a street link and period: vehicles, capacity, seconds free and loaded."""
    roads = model.network.compiled.roads
    parts = []
    for name, period in zip(PERIODS, model.road_authority.periods, strict=True):
        keep = period.usable
        parts.append(
            pl.DataFrame({
                "link": keep.astype(np.int32),
                "from_node": np.array(roads.nodes)[roads.tail[keep]],
                "to_node": np.array(roads.nodes)[roads.head[keep]],
                "period": np.full(len(keep), name),
                "facility": np.array(roads.facility)[keep],
                "vehicles": period.on_links(period.flow),
                "capacity": period.on_links(period.capacity),
                "free_s": period.on_links(period.free),
                "seconds": period.on_links(period.seconds),
            })
        )  # fmt: skip
    return pl.concat(parts)


def lines_table(model: "CommuterModel") -> pl.DataFrame:
    """Return one row a line and period: boardings, highest section load and its share of the places offered."""
    rows: list[dict[str, Any]] = []
    rail, net = model.network.compiled.rail, model.network
    for name, r in zip(PERIODS, model.rail_operator.periods, strict=True):
        boarded = np.bincount(rail.platform_line, weights=r.boardings, minlength=len(rail.line_ids))
        for i, line_id in enumerate(rail.line_ids):
            line, here = net.line(line_id), rail.ride_line == i
            peak = float(r.load[here].max()) if here.any() else 0.0
            full = float((r.load[here] / r.places[here]).max()) if here.any() else 0.0
            rows.append({
                "line": line_id, "name_en": line.name_en, "name_zh": line.name_zh, "mode": line.mode, "period": name,
                "boardings": float(boarded[i]), "highest_load": peak, "load_factor": full,
            })  # fmt: skip
    buses = net.compiled.buses
    for name, b in zip(PERIODS, model.bus_operator.periods, strict=True):
        boarded = np.bincount(buses.pattern_line, weights=b.boardings, minlength=len(net.buses.lines))
        factor, load = np.zeros(len(net.buses.lines)), np.zeros(len(net.buses.lines))
        of_line = buses.pattern_line[b.call_pattern]
        np.maximum.at(load, of_line, b.load)
        np.maximum.at(factor, of_line, b.load / b.places)
        rows.extend(
            {"line": line.id, "name_en": line.name_en, "name_zh": line.name_zh, "mode": line.mode, "period": name,
             "boardings": float(boarded[i]), "highest_load": float(load[i]), "load_factor": float(factor[i])}
            for i, line in enumerate(net.buses.lines)
        )  # fmt: skip
    return pl.DataFrame(rows)
