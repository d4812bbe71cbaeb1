"""Loops: listed, valued and chosen as plain Python does it, and shown as one trip round and back."""

import itertools
import math
import zipfile
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import gtfs_guru
import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, tiny
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Buses
from greentrip_optimizer import FeederOptions, Plan, design
from greentrip_optimizer.area import Area, station_area
from greentrip_optimizer.evaluate import evaluate
from greentrip_optimizer.keep import demand_beside
from greentrip_optimizer.listing import list_routes, stops_of
from greentrip_optimizer.loop_routes import Loops, loops_of, price_loops
from greentrip_optimizer.streets import bus_streets

STATION = "old-ferry"
RING = ("n0403", "n0402", "n0502", "n0602", "n0603", "n0604", "n0504", "n0404")  # the station's street node first
RINGED = FeederOptions(vehicles=12, headways_min=(5.0, 10.0), max_routes_station=2, loops=True)
GRID = replace(RINGED, max_stops=6, stop_spacing_m=700.0, detour_factor=3.0)
Route = tuple[int, ...]
Around = Callable[[Network, str], CatchmentDemand]


@pytest.fixture(scope="module")
def ring() -> Network:
    """A city where cars and buses may use one street only: a ring, one way, past the station."""
    city = tiny()
    roads = city.roads.copy()
    allowed = {*itertools.pairwise((*RING, RING[0]))}
    for u, v, data in roads.edges(data=True):
        if (u, v) not in allowed:
            data["uses"] = data["uses"] - {"auto"}
    none = np.zeros(0, np.int64)
    return city.with_(roads=roads, buses=Buses((), none, (), np.zeros(0), generated=True))


@pytest.fixture(scope="module")
def demand(ring: Network, demand_around: Around) -> CatchmentDemand:
    return demand_around(ring, STATION)


@pytest.fixture(scope="module")
def plan(ring: Network, demand: CatchmentDemand) -> Plan:
    return design([demand], ring, RINGED)


def area_of(city: Network, demand: CatchmentDemand, options: FeederOptions, banned: tuple[object, ...] = ()) -> Area:
    return station_area(demand, city, bus_streets(city.compiled.roads, options, None, banned), options)


def nodes_of(area: Area, way: Route) -> list[int]:
    """Every street node passed by a way from place to place."""
    found = [int(area.stop_node[way[0]])]
    for a, b in itertools.pairwise(way):
        leg = a * len(area.stop_node) + b
        found += area.leg_node[area.leg_first[leg] : area.leg_first[leg + 1]].tolist()
    return found


def rides(area: Area, options: FeederOptions, order: Route) -> tuple[list[float], list[float], float, float]:
    """Each stop's ride out and in, and the loop's seconds and metres, leg by leg."""
    n = len(area.stop_node) - 1
    way = (n, *order, n)
    legs = [float(area.drive_s[a, b]) for a, b in itertools.pairwise(way)]
    out = [sum(legs[: k + 1]) + k * options.dwell_s for k in range(len(order))]
    back = [sum(legs[k + 1 :]) + (len(order) - 1 - k) * options.dwell_s for k in range(len(order))]
    metres = sum(float(area.length_m[a, b]) for a, b in itertools.pairwise(way))
    return out, back, sum(legs) + len(order) * options.dwell_s, metres


def admissible(area: Area, options: FeederOptions, order: Route, banned: Collection[Route] = ()) -> bool:
    """Check one loop against the rules, written apart from the product."""
    n = len(area.stop_node) - 1
    way = (n, *order, n)
    if not all(math.isfinite(area.drive_s[a, b]) for a, b in itertools.pairwise(way)):
        return False
    nodes = nodes_of(area, way)
    if len(set(nodes)) < len(nodes) - 1 or nodes[0] != nodes[-1] or len(nodes) < 4:
        return False
    if {*zip(nodes, nodes[1:], nodes[2:], strict=False)} & {*banned}:
        return False
    out, back, _, metres = rides(area, options, order)
    limit = options.detour_factor, options.detour_extra_s
    return metres <= 2 * options.max_length_m and all(
        out[k] <= limit[0] * area.drive_s[n, s] + limit[1] and back[k] <= limit[0] * area.drive_s[s, n] + limit[1]
        for k, s in enumerate(order)
    )


def every_loop(area: Area, options: FeederOptions, banned: Collection[Route] = ()) -> list[Route]:
    n = len(area.stop_node) - 1
    orders = (o for k in range(1, n + 1) for o in itertools.permutations(range(n), k))
    return [(*o, n) for o in orders if admissible(area, options, o, banned)]


def listed(loops: Loops) -> list[Route]:
    return [tuple(loops.stop[a:b].tolist()) for a, b in itertools.pairwise(loops.first)]


def flat(routes: list[Route]) -> Loops:
    first = np.append(0, np.cumsum([len(r) for r in routes])).astype(np.int32)
    return Loops(first, np.array([s for r in routes for s in r], np.int32))


def column(
    city: Network, demand: CatchmentDemand, area: Area, options: FeederOptions, order: Route, headway: float
) -> tuple[dict[int, float], float, int]:
    """Worth of each cell, cost and buses of a loop, straight from the definitions."""
    roads, cells = city.compiled.roads, city.cells
    out, back, around, metres = rides(area, options, order)
    value_min, fare = options.value_cny_h / 60, city.fares.feeder_cny
    worth: dict[int, float] = {}
    load = 0.0
    for row, c in enumerate(demand.cells):
        access = []
        for k, s in enumerate(order):
            node = area.stop_node[s]
            crow = math.hypot(cells.x_m[c] - roads.x_m[node], cells.y_m[c] - roads.y_m[node])
            if crow <= options.stop_walk_m:
                access.append(2.0 * crow * 1.3 / 1.2 / 60 + (out[k] + back[k]) / 2 / 60)
        if not access:
            continue
        base = demand.base_min[row]
        below = demand.levels_min < base
        xs = np.append(demand.levels_min[below], base)
        worth[int(c)] = 0.0
        for factor in (1.0, 2.0):
            g = min(access) + headway * factor + fare / value_min
            if g < base:
                saved = np.interp(g, xs, np.append(demand.benefit_min[row][below], 0.0))
                today = np.interp(base, demand.levels_min, demand.riders[row])
                riders = np.interp(g, xs, np.append(demand.riders[row][below], today))
                riders *= min(1.0, (base - g) / options.shift_min)
                worth[int(c)] += 0.5 * (saved * value_min + riders * fare)
                load += riders * options.peak_hour_direction_share if factor == 1.0 else 0.0
    cycle = around + max(options.layover_min_s, options.layover_share * around)
    peak, off = math.ceil(cycle / (headway * 60) - 1e-9), math.ceil(cycle / (headway * 120) - 1e-9)
    km = (60 / headway * 4 + 60 / (2 * headway) * 13) * metres / 1000
    for bus in options.bus_types:
        if load <= 60 / headway * bus.capacity:
            hours = (peak * 4 + off * 13) * bus.cny_vehicle_hour
            return worth, hours + km * bus.cny_km + peak * bus.cny_vehicle_day, peak
    return worth, math.inf, peak


@pytest.mark.parametrize("place", ["ring", "grid"])
def test_all_loops_are_listed_and_worth_what_the_definitions_say(
    place: str, ring: Network, demand: CatchmentDemand, demand_around: Around
) -> None:
    city, options = (ring, RINGED) if place == "ring" else (tiny(), GRID)
    asked = demand if place == "ring" else demand_around(city, "scholars")
    area = area_of(city, asked, options)
    loops, complete = loops_of(area, 10_000, len(city.compiled.roads.nodes))
    expected = every_loop(area, options)
    assert complete
    assert sorted(listed(loops)) == sorted(expected)
    assert len(expected) > 10
    made = evaluate(area, *loops)
    for k, route in enumerate(listed(loops)):
        for h, headway in enumerate(options.headways_min):
            worth, cost, peak = column(city, asked, area, options, route[:-1], headway)
            at = slice(made.first[k], made.first[k + 1])
            seen = dict(zip(area.cell[made.cell[at]].tolist(), made.worth[h][at].tolist(), strict=True))
            assert seen == pytest.approx(worth, rel=1e-9, abs=1e-9)
            assert made.cost[k, h] == pytest.approx(cost)
            assert made.vehicles[k, h] == peak


def test_pricing_all_loops_at_once_equals_pricing_each(ring: Network, demand: CatchmentDemand) -> None:
    area = area_of(ring, demand, RINGED)
    loops, _ = loops_of(area, 10_000, len(ring.compiled.roads.nodes))
    made = evaluate(area, *loops)
    price = np.linspace(0.0, 400.0, len(area.cell))
    profit = np.array([
        max(
            np.maximum(made.worth[h, a:b] - price[made.cell[a:b]], 0.0).sum()
            - 1.2 * made.cost[r, h] - 150.0 * made.vehicles[r, h] - 10.0
            for h in range(2)
        )
        for r, (a, b) in enumerate(itertools.pairwise(made.first))
    ])  # fmt: skip
    floor = float(np.median(profit))
    priced = price_loops(area, loops, price, 1.2, 150.0, 10.0, 4, floor, 0, 1000)
    assert priced.row.tolist() == np.flatnonzero(profit > floor).tolist()
    assert priced.profit == pytest.approx(profit[priced.row])
    assert priced.top == pytest.approx(np.sort(profit)[::-1][:4])
    best = price_loops(area, loops, price, 1.2, 150.0, 10.0, 4, floor, 1, 1000)
    last = loops.stop[loops.first[1:] - 2]
    assert {int(last[r]): p for r, p in zip(best.row, best.profit, strict=True)} == pytest.approx(
        {int(s): profit[last == s].max() for s in set(last) if profit[last == s].max() > floor}
    )


@pytest.mark.parametrize("vehicles", [2, 4, 12])
def test_on_a_one_way_ring_the_best_loop_is_found(ring: Network, demand: CatchmentDemand, vehicles: int) -> None:
    area = area_of(ring, demand, RINGED)
    columns = [
        (*column(ring, demand, area, RINGED, route[:-1], headway), route)
        for route in every_loop(area, RINGED)
        for headway in RINGED.headways_min
    ]
    tree, _ = list_routes(area, 1000, len(ring.compiled.roads.nodes))
    first, stop = stops_of(tree, np.arange(len(tree.stop), dtype=np.int32))
    made = evaluate(area, first, stop)  # there and back; held against plain Python in test_exact.py
    for r in range(len(first) - 1):
        at = slice(made.first[r], made.first[r + 1])
        for h in range(2):
            worth = dict(zip(area.cell[made.cell[at]].tolist(), made.worth[h][at].tolist(), strict=True))
            columns.append((worth, made.cost[r, h], made.vehicles[r, h], tuple(stop[first[r] : first[r + 1]].tolist())))
    best = 0.0
    for group in itertools.chain(((c,) for c in columns), itertools.combinations(columns, 2)):
        if sum(c[2] for c in group) > vehicles or len({c[3] for c in group}) < len(group):
            continue
        gain: dict[int, float] = {}
        for worth, *_ in group:
            for cell, w in worth.items():
                gain[cell] = max(gain.get(cell, 0.0), w)
        best = max(best, sum(gain.values()) - sum(c[1] for c in group))
    plan = design([demand], ring, replace(RINGED, vehicles=vehicles))
    without = design([demand], ring, replace(RINGED, vehicles=vehicles, loops=False))
    assert plan.objective == pytest.approx(best, abs=0.05)
    assert plan.bound_kind == without.bound_kind == "proved"
    assert plan.gap < 1e-4
    assert plan.objective > 1.2 * without.objective
    assert any(r.loop for r in plan.routes)
    assert not any(r.loop for r in without.routes)


def test_a_loops_route_says_where_it_runs_and_how_long_riders_ride(
    ring: Network, demand: CatchmentDemand, plan: Plan
) -> None:
    route = next(r for r in plan.routes if r.loop)
    assert route.path == (*RING, RING[0])
    assert list(route.stops) == [n for n in RING if n in route.stops]
    roads = ring.compiled.roads
    took = {
        (roads.nodes[a], roads.nodes[b]): max(s * RINGED.bus_over_car, m / (RINGED.max_speed_kmh / 3.6))
        for a, b, s, m in zip(roads.tail, roads.head, roads.free_s, roads.length_m, strict=True)
    }
    clock, out = 0.0, {}
    for a, b in itertools.pairwise(route.path):
        clock += took[a, b]
        if b in route.stops:
            out[b] = clock
            clock += RINGED.dwell_s
    assert route.ride_out_s == pytest.approx([out[s] for s in route.stops], abs=0.06)
    assert route.ride_s == pytest.approx([clock - out[s] - RINGED.dwell_s for s in route.stops], abs=0.06)
    assert route.mean_ride_s == pytest.approx([(clock - RINGED.dwell_s) / 2] * len(route.stops), abs=0.06)
    assert route.length_m == pytest.approx(sum(d["length_m"] for u, v, d in ring.roads.edges(data=True)
                                               if (u, v) in {*itertools.pairwise(route.path)}), abs=0.1)  # fmt: skip
    row = next(r for r in plan.explain() if r["id"] == route.id)
    assert row["loop"]
    assert (row["ride_min"], row["ride_out_min"]) == (
        round(route.ride_s[0] / 60, 1),
        round(route.ride_out_s[-1] / 60, 1),
    )
    assert row["cycle_min"] == round(clock / 60, 1)
    assert row["stops"] == len(route.stops)
    cycle = clock + max(300.0, 0.1 * clock)
    assert route.vehicles == math.ceil(cycle / min(route.headways_s) - 1e-9)
    assert sum(r["worth_cny_day"] for r in plan.explain()) == pytest.approx(plan.objective, rel=1e-6)
    assert plan.indicators["loops_listed"] > 0
    assert any("mean of the ride in and the ride out" in text for text in plan.assumptions)


def test_without_loops_nothing_speaks_of_them(ring: Network, demand: CatchmentDemand) -> None:
    plan = design([demand], ring, replace(RINGED, loops=False))
    assert "ride_out_s" not in str(plan.to_dict())
    assert "loop" not in str(plan.to_dict())


def test_a_plan_with_a_loop_survives_json_and_a_scenario(ring: Network, plan: Plan) -> None:
    again = Plan.from_dict(plan.to_dict())
    assert again.routes == plan.routes
    assert again.content_hash == plan.content_hash
    assert plan.intervention().apply(ring).feeders == plan.routes


def test_where_loops_are_too_many_some_are_listed_and_the_bound_is_an_estimate(
    ring: Network, demand: CatchmentDemand, plan: Plan
) -> None:
    some = design([demand], ring, replace(RINGED, exhaustive_loops=10))
    assert some.bound_kind == "estimate"
    assert some.indicators["loops_listed"] <= 10
    assert 0 < some.objective <= plan.objective + 0.01
    grown = design([demand], ring, replace(RINGED, exhaustive_routes=1))
    assert grown.bound_kind == "estimate"
    assert grown.objective == pytest.approx(plan.objective)


def test_loops_make_no_banned_turn_in_the_direction_they_run(demand_around: Around) -> None:
    city = tiny()
    asked = demand_around(city, "scholars")
    free = every_loop(area_of(city, asked, GRID), GRID)
    nodes = city.compiled.roads.nodes
    way = nodes_of(area_of(city, asked, GRID), (free[0][-1], *free[0]))
    banned = (tuple(nodes[k] for k in way[2:5]),)  # over the first stop, in the direction driven alone
    area = area_of(city, asked, GRID, banned)
    rows = {tuple(nodes.index(k) for k in t) for t in banned}
    loops, complete = loops_of(area, 10_000, len(nodes))
    assert complete
    assert sorted(listed(loops)) == sorted(every_loop(area, GRID, rows))
    assert sorted(listed(loops)) != sorted(free)


def test_a_range_counts_once_round(ring: Network, demand: CatchmentDemand) -> None:
    options = replace(RINGED, range_km=60.0)
    area = area_of(ring, demand, options)
    loops, _ = loops_of(area, 10_000, len(ring.compiled.roads.nodes))
    made, more = evaluate(area, *loops), 0
    for k, route in enumerate(listed(loops)):
        for h, headway in enumerate(options.headways_min):
            _, _, peak = column(ring, demand, area, options, route[:-1], headway)
            trips = 60 / headway * 4 + 60 / (2 * headway) * 13
            need = max(peak, math.ceil(trips * rides(area, options, route[:-1])[3] / 1000 / 60.0 - 1e-9))
            assert made.vehicles[k, h] == need
            more += need > peak
    assert more


def test_what_is_left_beside_a_kept_loop_counts_the_mean_of_both_rides(
    ring: Network, demand: CatchmentDemand, plan: Plan
) -> None:
    loop = next(r for r in plan.routes if r.loop)
    both_ways = replace(loop, ride_s=loop.mean_ride_s, ride_out_s=())
    left, same = (demand_beside([demand], ring, [r], RINGED)[0] for r in (loop, both_ways))
    assert left.base_min == pytest.approx(same.base_min)
    assert (left.base_min < demand.base_min).any()


def test_a_loop_exports_as_one_trip_that_starts_and_ends_at_the_station(
    tmp_path: Path, ring: Network, plan: Plan
) -> None:
    path = tmp_path / "plan.zip"
    plan.write_gtfs(path, ring)
    result = gtfs_guru.validate(str(path))
    assert result.error_count == 0, [(n.code, n.file, n.row, n.message) for n in result.errors()]
    with zipfile.ZipFile(path) as feed:
        tables = {n: [line.split(",") for line in feed.read(n).decode().splitlines()[1:]] for n in feed.namelist()}
    for route in plan.routes:
        trips = [row for row in tables["trips.txt"] if row[0] == route.id]
        assert len(trips) == (3 if route.loop else 6)  # am, off and pm
        if not route.loop:
            continue
        for trip in trips:
            calls = [row for row in tables["stop_times.txt"] if row[0] == trip[2]]
            assert [c[3] for c in calls] == [f"S-{STATION}", *(f"N-{s}" for s in route.stops), f"S-{STATION}"]
            arrives, leaves = (
                [sum(int(x) * f for x, f in zip(c[k].split(":"), (3600, 60, 1), strict=True)) for c in calls]
                for k in (1, 2)
            )
            assert [t - leaves[0] for t in arrives[1:-1]] == pytest.approx(route.ride_out_s, abs=1.0)
            assert [arrives[-1] - t for t in leaves[1:-1]] == pytest.approx(route.ride_s, abs=1.0)
            assert [b - a for a, b in zip(arrives[1:-1], leaves[1:-1], strict=True)] == [35] * len(route.stops)
        shape = [row for row in tables["shapes.txt"] if row[0] == trips[0][5]]
        assert shape[0][1:3] == shape[-1][1:3]
        assert len(shape) == len(route.path) + 2


def test_loops_are_asked_for_by_yes_or_no() -> None:
    with pytest.raises(ScenarioError, match="loops: saw 1"):
        FeederOptions(vehicles=1, loops=1)  # type: ignore[arg-type]


def test_a_design_starts_from_loops_if_it_designs_loops(ring: Network, demand: CatchmentDemand, plan: Plan) -> None:
    loops = [r for r in plan.routes if r.loop]
    assert loops
    again = design([demand], ring, replace(RINGED, seconds=1e-3), start=plan.routes)
    assert again.indicators["start_not_used"] == []
    assert again.objective >= plan.objective - 0.01
    turned = replace(loops[0], stops=loops[0].stops[::-1])
    (told,) = design([demand], ring, RINGED, start=[turned]).indicators["start_not_used"]
    assert told["reason"] == "it breaks a rule for loops, or is none of the loops listed"
