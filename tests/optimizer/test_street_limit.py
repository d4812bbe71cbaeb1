"""A limit on buses an hour through a street: plans, prices and bounds beside brute force in plain Python."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, tiny
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Buses, FeederRoute, Line
from greentrip_optimizer import FeederOptions, Plan, design
from greentrip_optimizer.area import Area, station_area
from greentrip_optimizer.evaluate import evaluate
from greentrip_optimizer.keep import demand_beside
from greentrip_optimizer.label import grow_routes
from greentrip_optimizer.listing import list_routes, price_routes, stops_of
from greentrip_optimizer.loop_routes import loops_of, price_loops
from greentrip_optimizer.street_limit import StationWays, street_limit
from greentrip_optimizer.streets import bus_streets

STATIONS = ("scholars", "willow-bank")  # neighbours: their routes meet in the same streets
OPTIONS = FeederOptions(
    vehicles=14, headways_min=(5.0, 10.0), max_stops=6, stop_spacing_m=700.0, detour_factor=3.0, max_routes_station=3
)
ODD = replace(OPTIONS, headways_min=(7.0, 9.0))  # 60 / 7 buses an hour
RING = ("n0403", "n0402", "n0502", "n0602", "n0603", "n0604", "n0504", "n0404")  # old-ferry's street node first
NOBODY = Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=True)
Street = tuple[str, str]
Route = tuple[int, ...]
Around = Callable[[Network, str], CatchmentDemand]


@pytest.fixture(scope="module")
def quiet() -> Network:
    """The tiny city without bus lines."""
    return tiny().with_(buses=NOBODY)


@pytest.fixture(scope="module")
def served() -> Network:
    """The tiny city with its bus lines."""
    return tiny()


@pytest.fixture(scope="module")
def demands(quiet: Network, demand_around: Around) -> list[CatchmentDemand]:
    return [demand_around(quiet, s) for s in STATIONS]


def areas_of(city: Network, demands: Sequence[CatchmentDemand], options: FeederOptions) -> list[Area]:
    streets = bus_streets(city.compiled.roads, options)
    return [station_area(d, city, streets, options) for d in demands]


def nodes_of(city: Network, area: Area, way: Sequence[int]) -> list[str]:
    """Every street node passed from place to place."""
    names = city.compiled.roads.nodes
    found = [names[area.stop_node[way[0]]]]
    for a, b in itertools.pairwise(way):
        leg = a * len(area.stop_node) + b
        found += [names[k] for k in area.leg_node[area.leg_first[leg] : area.leg_first[leg + 1]]]
    return found


def passes(city: Network, area: Area, route: Route) -> Counter[Street]:
    """How often a bus passes each street, out and back or round."""
    way = (len(area.stop_node) - 1, *route)
    ways = [way] if way[0] == way[-1] else [way, way[::-1]]
    return Counter(street for w in ways for street in itertools.pairwise(nodes_of(city, area, w)))


def lines_in(city: Network) -> dict[Street, float]:
    """Buses an hour of the city's lines through each street in the fuller peak."""
    roads, b = city.compiled.roads, city.compiled.buses
    found: list[Counter[Street]] = [Counter(), Counter()]
    for p in range(len(b.pattern_line)):
        for call in range(b.pattern_first[p], b.pattern_first[p + 1]):
            for link in b.path_link[b.path_first[call] : b.path_first[call + 1]]:
                for count, headway in zip(found, (b.headway_s[p, 0], b.headway_s[p, 2]), strict=True):
                    count[roads.nodes[roads.tail[link]], roads.nodes[roads.head[link]]] += 3600 / headway
    return {street: max(count[street] for count in found) for street in found[0] | found[1]}


def columns_of(city: Network, areas: Sequence[Area], options: FeederOptions) -> list[tuple]:
    """Every column: station, route, headway, worth by cell, cost, buses and buses an hour by street.

    Routes and what they are worth are held against plain Python in test_exact.py and test_loop_routes.py.
    """
    found, nodes = [], len(city.compiled.roads.nodes)
    for s, area in enumerate(areas):
        listed, complete = list_routes(area, 5000, nodes)
        assert complete
        first, stop = stops_of(listed, np.arange(len(listed.stop), dtype=np.int32))
        routes = [tuple(stop[a:b].tolist()) for a, b in itertools.pairwise(first)]
        if options.loops:
            loops, complete = loops_of(area, 5000, nodes)
            assert complete
            routes += [tuple(loops.stop[a:b].tolist()) for a, b in itertools.pairwise(loops.first)]
        first = np.append(0, np.cumsum([len(r) for r in routes])).astype(np.int32)
        made = evaluate(area, first, np.array([k for r in routes for k in r], np.int32))
        for r, route in enumerate(routes):
            at = slice(made.first[r], made.first[r + 1])
            often = passes(city, area, route)
            for h, headway in enumerate(options.headways_min):
                worth = np.zeros(len(city.cells.x_m))
                worth[area.cell[made.cell[at]]] = made.worth[h][at]
                if np.isfinite(made.cost[r, h]) and worth.sum() > made.cost[r, h]:
                    streets = {street: n * 60 / headway for street, n in often.items()}
                    found.append((s, route, h, worth, float(made.cost[r, h]), int(made.vehicles[r, h]), streets))
    return found


def brute_force(
    columns: Sequence[tuple], vehicles: int, bays: Sequence[int], room: Mapping[Street, float], limit: float
) -> float:
    """The best value of any admissible set of columns, all of them tried; `room` is `limit` where nothing is said.

    `bays` are by station.
    """
    streets = sorted({street for c in columns for street in c[6]})
    takes = np.array([[c[6].get(street, 0.0) for street in streets] for c in columns])
    worth = np.array([c[3] for c in columns])

    def best(first: int, chosen: list[tuple], gain: np.ndarray, cost: float, buses: int, left: np.ndarray) -> float:
        value = float(gain.sum()) - cost
        for i in range(first, len(columns)):
            s, route, _, _, price, needed, _ = columns[i]
            if needed > buses or any(c[:2] == (s, route) for c in chosen) or sum(c[0] == s for c in chosen) == bays[s]:
                continue
            if (takes[i] <= left + 1e-6).all():
                more, now = np.maximum(gain, worth[i]), [*chosen, columns[i]]
                value = max(value, best(i + 1, now, more, cost + price, buses - needed, left - takes[i]))
        return value

    return best(0, [], np.zeros(worth.shape[1]), 0.0, vehicles, np.array([room.get(s, limit) for s in streets]))


def streets_of(city: Network, area: Area, route: FeederRoute) -> Counter[Street]:
    """A route's buses an hour by street: in as its path says, out by the quickest ways from stop to stop."""
    found = Counter(itertools.pairwise(route.path))
    if not route.loop:
        names = [city.compiled.roads.nodes[k] for k in area.stop_node]
        out = nodes_of(city, area, [len(names) - 1, *(names.index(s) for s in reversed(route.stops))])
        found += Counter(itertools.pairwise(out))
    return Counter({street: n * 3600 / min(route.headways_s) for street, n in found.items()})


def held(
    city: Network, areas: Sequence[Area], plan: Plan, limit: float, room: Mapping[Street, float]
) -> Counter[Street]:
    """Check that a plan's own routes keep the limit, and return their buses an hour by street."""
    used: Counter[Street] = Counter()
    for route in plan.routes:
        if route.id not in plan.indicators["kept_routes"]:
            used += streets_of(city, areas[plan.stations.index(route.station)], route)
    assert all(used[street] <= room.get(street, limit) + 1e-6 for street in used)
    return used


def test_no_two_streets_join_the_same_nodes(quiet: Network) -> None:
    roads = quiet.compiled.roads  # what is counted here by nodes is counted there by links
    assert len({*zip(roads.tail[roads.auto], roads.head[roads.auto], strict=True)}) == roads.auto.sum()


@pytest.mark.parametrize(
    ("options", "limit", "binds"),
    [(OPTIONS, 6.0, True), (OPTIONS, 12.0, True), (OPTIONS, 18.0, True), (OPTIONS, 24.0, False),
     (ODD, 15.3, True), (ODD, 17.1, True), (ODD, 2 * 60 / 7, False)],
)  # fmt: skip
def test_plans_under_a_limit_equal_brute_force(
    quiet: Network, demands: list[CatchmentDemand], options: FeederOptions, limit: float, *, binds: bool
) -> None:
    areas = areas_of(quiet, demands, options)
    columns = columns_of(quiet, areas, options)
    free = brute_force(columns, options.vehicles, [options.max_routes_station] * 2, {}, np.inf)
    best = brute_force(columns, options.vehicles, [options.max_routes_station] * 2, {}, limit)
    plan = design(demands, quiet, replace(options, street_buses_h=limit))
    assert plan.bound_kind == "proved"
    assert plan.objective == pytest.approx(best, abs=0.05)
    assert plan.bound >= best - 0.01
    assert plan.gap < 1e-4
    assert (best < free) == binds
    told = {(row["from"], row["to"]): row for row in plan.indicators["fullest_streets"]}
    used = held(quiet, areas, plan, limit, {})
    for street, row in told.items():
        assert row["feeder_buses_h"] == pytest.approx(used[street], abs=0.01)
        assert row["share_of_limit"] == pytest.approx(used[street] / limit, abs=1e-4)
    assert max(r["share_of_limit"] for r in told.values()) == pytest.approx(max(used.values()) / limit, abs=1e-4)


@pytest.mark.parametrize(
    ("lined", "limit", "binds"),
    [(False, 33.1, True), (False, 36.0, True), (False, 40.0, True), (False, 44.0, True),
     (True, 24.0, True), (True, 30.0, True), (True, 36.0, True), (True, 48.0, False)],
)  # fmt: skip
def test_lines_that_run_already_count(
    served: Network, demands: list[CatchmentDemand], limit: float, *, lined: bool, binds: bool
) -> None:
    if lined:  # 24 buses an hour through one street, which therefore takes none more within 24
        line = Line("7", "七路", "Seven", "bus", "bus", False, 60, (300.0, 600.0, 150.0), 2010)
        stops = Buses((line,), np.zeros(2, np.int64), ("n0405", "n0406"), np.array([0.0, 700.0]), generated=False)
        served = served.with_(buses=stops)
    lines, areas = lines_in(served), areas_of(served, demands, OPTIONS)
    columns = columns_of(served, areas, OPTIONS)
    room = {street: limit - n for street, n in lines.items()}
    best = brute_force(columns, OPTIONS.vehicles, (3, 3), room, limit)
    plan = design(demands, served, replace(OPTIONS, street_buses_h=limit))
    assert plan.objective == pytest.approx(best, abs=0.05)
    assert plan.bound >= best - 0.01
    assert plan.bound_kind == "proved"
    assert (plan.objective < design(demands, served, OPTIONS).objective) == binds
    used = held(served, areas, plan, limit, room)
    for row in plan.indicators["fullest_streets"]:
        street = row["from"], row["to"]
        assert row["line_buses_h"] == pytest.approx(lines.get(street, 0.0), abs=0.01)
        assert row["share_of_limit"] == pytest.approx((used[street] + lines.get(street, 0.0)) / limit, abs=1e-4)


@pytest.mark.parametrize("limit", [12.0, 18.0])
def test_kept_routes_count(quiet: Network, demands: list[CatchmentDemand], limit: float) -> None:
    kept = design(demands[:1], quiet, replace(OPTIONS, vehicles=4, street_buses_h=12.0)).routes[:1]
    left = demand_beside(demands, quiet, kept, OPTIONS)
    areas = areas_of(quiet, left, OPTIONS)
    room = {
        street: limit - n
        for street, n in streets_of(quiet, areas_of(quiet, demands, OPTIONS)[0], kept[0]).items()
    }  # fmt: skip
    assert min(room.values()) < limit
    columns, vehicles = columns_of(quiet, areas, OPTIONS), OPTIONS.vehicles - kept[0].vehicles
    best = brute_force(columns, vehicles, (2, 3), room, limit)  # the kept route has a bay
    plan = design(demands, quiet, replace(OPTIONS, street_buses_h=limit), keep=kept)
    assert plan.routes[0] == kept[0]
    assert plan.objective == pytest.approx(best, abs=0.05)
    assert plan.bound >= best - 0.01
    assert plan.bound_kind == "proved"
    held(quiet, areas, plan, limit, room)
    running = quiet.with_(feeders=kept)  # the same routes as feeders that the network runs already, which take no bay
    beside = design(left, running, replace(OPTIONS, vehicles=vehicles, street_buses_h=limit))
    assert beside.objective == pytest.approx(brute_force(columns, vehicles, (3, 3), room, limit), abs=0.05)


@pytest.mark.parametrize("limit", [6.0, 12.0, 18.0])
def test_loops_count_once_round(quiet: Network, demands: list[CatchmentDemand], limit: float) -> None:
    options = replace(OPTIONS, loops=True, vehicles=10)
    areas = areas_of(quiet, demands[:1], options)
    columns = columns_of(quiet, areas, options)
    assert any(c[1][-1] == len(areas[0].stop_node) - 1 for c in columns)
    best = brute_force(columns, 10, (3,), {}, limit)
    plan = design(demands[:1], quiet, replace(options, street_buses_h=limit))
    assert plan.objective == pytest.approx(best, abs=0.05)
    assert plan.bound >= best - 0.01
    assert plan.bound_kind == "proved"
    held(quiet, areas, plan, limit, {})


def test_pricing_all_routes_at_once_asks_what_streets_ask(served: Network, demands: list[CatchmentDemand]) -> None:
    options = replace(OPTIONS, street_buses_h=35.0)
    areas = areas_of(served, demands[:1], options)
    streets = street_limit(served, bus_streets(served.compiled.roads, options), areas, (), options)
    roads, area = served.compiled.roads, areas[0]
    price = np.random.default_rng(4).uniform(0.0, 30.0, (2, len(roads.tail)))
    row = {(roads.nodes[a], roads.nodes[b]): k for k, (a, b) in enumerate(zip(roads.tail, roads.head, strict=True))}
    ways = streets.stations[0].prices(streets.room, price)
    lines, nodes = lines_in(served), len(roads.nodes)
    nothing = np.zeros(len(area.cell))

    def profit(made, r: int, route: Route, h: int) -> float:
        asked = {k: n * 60 / options.headways_min[h] for k, n in passes(served, area, route).items()}
        if any(n > 35.0 - lines.get(k, 0.0) + 1e-6 for k, n in asked.items()):
            return -np.inf
        gain = made.worth[h, made.first[r] : made.first[r + 1]].sum()
        toll = sum(price[h, row[k]] * n for k, n in passes(served, area, route).items())
        return gain - 1.2 * made.cost[r, h] - 100.0 * made.vehicles[r, h] - 10.0 - toll

    listed, _ = list_routes(area, 5000, nodes)
    loops, _ = loops_of(area, 5000, nodes)
    for found, walk in ((listed, price_routes), (loops, price_loops)):
        first, stop = stops_of(listed, np.arange(len(listed.stop), dtype=np.int32)) if found is listed else loops
        made = evaluate(area, first, stop)
        routes = [tuple(stop[a:b].tolist()) for a, b in itertools.pairwise(first)]
        by_headway = np.array([[profit(made, r, route, h) for h in range(2)] for r, route in enumerate(routes)])
        assert np.isinf(by_headway).any()
        every = by_headway.max(axis=1)
        floor = float(np.median(every[np.isfinite(every)]))
        priced = walk(area, found, nothing, 1.2, 100.0, 10.0, 4, floor, 0, 1000, ways)
        assert priced.row.tolist() == np.flatnonzero(every > floor).tolist()
        assert priced.profit == pytest.approx(every[priced.row])
        assert priced.top == pytest.approx(np.sort(every)[::-1][:4])
        if found is listed:
            for h in range(2):
                grown, *_ = grow_routes(area, h, nothing, 1.2, 100.0, 40, 20, nodes, ways)
                assert grown.max(initial=-np.inf) == pytest.approx(by_headway[:, h].max() + 10.0)


def test_what_fits_a_street_fits_every_way_of_counting(quiet: Network, demands: list[CatchmentDemand]) -> None:
    options = replace(OPTIONS, headways_min=(4.0, 5.0, 7.0, 8.0, 12.0, 20.0), street_buses_h=26.7)
    limit = street_limit(quiet, bus_streets(quiet.compiled.roads, options), (), (), options)
    for most in (26.7, 120 / 7, 15.0, 24.0, 30.0):
        takes, has = replace(limit, limit=most).rows()
        buses = [60 / h for h in options.headways_min]
        for count in range(1, 6):
            for group in itertools.combinations_with_replacement(range(6), count):
                if sum(buses[h] for h in group) <= most + 1e-6:
                    assert (takes[:, group, 0].sum(axis=1) <= has[:, 0] + 1e-6).all()
    takes, has = limit.rows()  # 15 and 12 buses an hour are 27: only one of them
    assert takes[1, :2, 0].tolist() == [1.0, 0.0]
    assert takes[2, :2, 0].tolist() == [1.0, 1.0]
    assert has[:, 0].tolist() == [26.7, 1.0, 2.0, 3.0, 4.0]


def test_where_routes_are_grown_the_limit_holds_too(quiet: Network, demands: list[CatchmentDemand]) -> None:
    listed = design(demands, quiet, replace(OPTIONS, street_buses_h=12.0))
    grown = design(demands, quiet, replace(OPTIONS, street_buses_h=12.0, exhaustive_routes=1))
    assert grown.bound_kind == "estimate"
    assert 0 < grown.objective <= listed.objective + 0.05
    held(quiet, areas_of(quiet, demands, OPTIONS), grown, 12.0, {})


def test_a_wide_limit_changes_no_route_and_none_leaves_no_trace(quiet: Network, demands: list[CatchmentDemand]) -> None:
    free, wide = design(demands, quiet, OPTIONS), design(demands, quiet, replace(OPTIONS, street_buses_h=500.0))
    assert wide.routes == free.routes
    assert wide.objective == free.objective
    assert wide.indicators["shadow_prices"]["street_cny_day"] == []
    assert "street" not in str(free.indicators)
    assert "shared_share" not in str(free.to_dict())


def test_streets_at_their_limit_have_a_price(quiet: Network, demands: list[CatchmentDemand]) -> None:
    plan = design(demands, quiet, replace(OPTIONS, street_buses_h=12.0))
    dear = plan.indicators["shadow_prices"]["street_cny_day"]
    assert dear
    assert [r["cny_day"] for r in dear] == sorted((r["cny_day"] for r in dear), reverse=True)
    # 13 admits no other headway than 12, so what more room is worth is what the prices say, at most
    more = design(demands, quiet, replace(OPTIONS, street_buses_h=13.0))
    assert more.objective <= plan.indicators["relaxation_bound"] + sum(r["cny_day"] for r in dear) + 0.05
    assert more.objective >= plan.objective - 0.05


def test_a_route_says_what_it_shares(served: Network, demands: list[CatchmentDemand]) -> None:
    lines, areas = lines_in(served), areas_of(served, demands, OPTIONS)
    plan = design(demands, served, replace(OPTIONS, street_buses_h=max(lines.values()) + 12.0))
    metres = {(u, v): d["length_m"] for u, v, d in served.roads.edges(data=True) if "auto" in d["uses"]}
    assert len(plan.routes) > 1
    for row, route in zip(plan.explain(), plan.routes, strict=True):
        own = streets_of(served, areas[plan.stations.index(route.station)], route)
        others = {*lines}
        for other in plan.routes:
            if other.id != route.id:
                others |= {*streets_of(served, areas[plan.stations.index(other.station)], other)}
        share = sum(n * metres[k] for k, n in own.items() if k in others) / sum(n * metres[k] for k, n in own.items())
        assert row["shared_share"] == pytest.approx(share, abs=1e-4)
    assert any("buses run through one direction of a street" in text for text in plan.assumptions)


@pytest.mark.parametrize("limit", [0.0, -3.0, float("nan"), float("inf")])
def test_a_senseless_limit_is_refused(limit: float) -> None:
    with pytest.raises(ScenarioError, match="street_buses_h: saw"):
        FeederOptions(vehicles=1, street_buses_h=limit)
    with pytest.raises(ScenarioError, match=r"saw 5.9; expected at least 6, .*longest headway"):
        replace(OPTIONS, street_buses_h=5.9)


def asked_for(error: pytest.ExceptionInfo[ScenarioError]) -> float:
    """The least limit that an error says works."""
    return float(re.search(r"expected at least ([0-9.]+),", str(error.value))[1])


def test_kept_routes_beyond_the_limit_are_named_with_the_least_that_works(
    served: Network, demands: list[CatchmentDemand]
) -> None:
    kept = design(demands[:1], served, replace(OPTIONS, vehicles=6)).routes
    lines, area = lines_in(served), areas_of(served, demands, OPTIONS)[0]
    used: Counter[Street] = Counter()
    for route in kept:
        used += streets_of(served, area, route)
    with pytest.raises(ScenarioError, match=r"saw 6, but kept routes run .* from n\d+ to n\d+ beside") as error:
        design(demands, served, replace(OPTIONS, street_buses_h=6.0), keep=kept)
    least = asked_for(error)
    assert least == pytest.approx(max(n + lines.get(k, 0.0) for k, n in used.items()), abs=0.011)
    with pytest.raises(ScenarioError, match="kept routes run"):
        design(demands, served, replace(OPTIONS, street_buses_h=least - 0.02), keep=kept)
    plan = design(demands, served, replace(OPTIONS, street_buses_h=least), keep=kept)
    assert plan.routes[: len(kept)] == kept


@pytest.mark.parametrize("loops", [False, True])
def test_lines_that_fill_the_only_street_of_a_station_are_named(demand_around: Around, *, loops: bool) -> None:
    city = tiny()
    roads, ring = city.roads.copy(), {*itertools.pairwise((*RING, RING[0]))}
    for u, v, data in roads.edges(data=True):
        if (u, v) not in ring:
            data["uses"] = data["uses"] - {"auto"}
    line = Line("7", "七路", "Seven", "bus", "bus", False, 60, (150.0, 600.0, 300.0), 2010)
    buses = Buses((line,), np.zeros(2, np.int64), (RING[0], RING[4]), np.array([0.0, 2000.0]), generated=False)
    city = city.with_(roads=roads, buses=buses)
    demand = [demand_around(city, "old-ferry")]
    options = replace(OPTIONS, loops=loops, detour_factor=9.0)
    with pytest.raises(ScenarioError, match=r"saw 20, but lines run 24 buses an hour through .*old-ferry") as error:
        design(demand, city, replace(options, street_buses_h=20.0))
    assert asked_for(error) == 30.0  # a bus every ten minutes beside the line's every two and a half
    assert design(demand, city, replace(options, street_buses_h=30.0)).routes
    with pytest.raises(ScenarioError, match="expected at least 30"):
        design(demand, city, replace(options, street_buses_h=29.9))


def test_where_kept_routes_fill_the_streets_the_plan_says_so(quiet: Network, demands: list[CatchmentDemand]) -> None:
    kept = design(demands[:1], quiet, replace(OPTIONS, max_routes_station=8, street_buses_h=6.0)).routes
    plan = design(demands[:1], quiet, replace(OPTIONS, street_buses_h=6.0), keep=kept)
    assert {r.id for r in kept} <= {r.id for r in plan.routes}
    areas = areas_of(quiet, demands[:1], OPTIONS)
    used: Counter[Street] = Counter()
    for route in plan.routes:
        used += streets_of(quiet, areas[0], route)
    assert max(used.values()) <= 6.0 + 1e-6


def test_turning_round_the_block_counts(quiet: Network, demands: list[CatchmentDemand]) -> None:
    options = replace(OPTIONS, turn_m=3000.0, street_buses_h=12.0)
    streets, roads = bus_streets(quiet.compiled.roads, options), quiet.compiled.roads
    area = station_area(demands[0], quiet, streets, options)
    ways, turned = StationWays(area, streets, options.turn_m), 0
    for s in np.flatnonzero(np.isfinite(area.turn_m[-1, :-1])).tolist():
        links = ways.links((s,))
        there = sum(passes(quiet, area, (s,)).values())
        around = links[there:]
        assert roads.length_m[around].sum() == pytest.approx(area.turn_m[-1, s])
        ends = Counter(roads.head[around].tolist())
        ends.subtract(roads.tail[around].tolist())
        assert not any(ends.values())
        turned += len(around) > 0
    assert turned
    limit = street_limit(quiet, streets, [area], (), options)
    plan = design(demands[:1], quiet, options)
    again = street_limit(quiet.with_(feeders=plan.routes), streets, [area], (), options)
    assert plan.routes
    assert limit.lines.max() == 0.0
    assert 6.0 <= again.lines.max() <= 12.0 + 1e-6
    assert max(r["feeder_buses_h"] for r in plan.indicators["fullest_streets"]) == pytest.approx(again.lines.max())
