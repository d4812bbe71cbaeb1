"""Small problems: the evaluator, the routes and the plan beside brute force written in plain Python."""

import heapq
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer import FeederOptions, design
from greentrip_optimizer.area import station_area
from greentrip_optimizer.evaluate import evaluate
from greentrip_optimizer.label import grow_routes
from greentrip_optimizer.listing import list_routes, price_routes, stops_of
from greentrip_optimizer.streets import bus_streets, legs_between
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SMALL = FeederOptions(vehicles=6, max_stops=6, stop_spacing_m=700.0, headways_min=(5.0, 10.0))
FACTORS = replace(SMALL, off_peak_factors=(1.0, 2.0, 12.0))
CLASSES = replace(
    SMALL, headway_classes=((4.0, 60.0, 5.0), (5.0, 15.0, 8.0), (10.0, 5.0, 20.0), (10.0, 20.0, 5.0), (12.0, 6.0, 12.0))
)
OFFERS = pytest.mark.parametrize("offer", [SMALL, FACTORS, CLASSES], ids=["one factor", "factors", "classes"])


@pytest.fixture(scope="module")
def small(city, demands):
    streets = bus_streets(city.compiled.roads, SMALL)
    area = station_area(demands[1], city, streets, SMALL)
    assert len(area.stop_node) == 7
    return area


def area_of(small, city, demand, offer):
    """The small area with other headways on offer; its stops are the same."""
    made = station_area(demand, city, bus_streets(city.compiled.roads, offer), offer)
    assert made.stop_node.tolist() == small.stop_node.tolist()
    return made


def path_nodes(area, i, j):
    leg = i * len(area.stop_node) + j
    return area.leg_node[area.leg_first[leg] : area.leg_first[leg + 1]].tolist()


def admissible(area, options, route):
    """Check one route (from the station outwards) against the rules, written apart from the product."""
    n = len(area.stop_node) - 1
    direct = [area.drive_s[s, n] for s in route]
    if any(b <= a for a, b in itertools.pairwise([0.0, *direct])):
        return False
    chain = [n, *route]
    if not all(
        math.isfinite(area.drive_s[a, b]) and math.isfinite(area.drive_s[b, a]) for a, b in itertools.pairwise(chain)
    ):
        return False
    inbound = [int(area.stop_node[route[-1]])]
    for a, b in itertools.pairwise(chain[::-1]):
        inbound += path_nodes(area, a, b)
    outbound = [int(area.stop_node[n])]
    for a, b in itertools.pairwise(chain):
        outbound += path_nodes(area, a, b)
    if len(set(inbound)) < len(inbound) or len(set(outbound)) < len(outbound):
        return False
    ride = 0.0
    for k, s in enumerate(route):
        ride += area.drive_s[s, chain[k]] + (options.dwell_s if k else 0.0)
        if ride > options.detour_factor * direct[k] + options.detour_extra_s:
            return False
    lengths = [
        sum(area.length_m[b, a] for a, b in itertools.pairwise(chain)),
        sum(area.length_m[a, b] for a, b in itertools.pairwise(chain)),
    ]
    return max(lengths) <= options.max_length_m and len(route) <= options.max_route_stops


def brute_routes(area, options):
    n = len(area.stop_node) - 1
    return [r for k in range(1, n + 1) for r in itertools.permutations(range(n), k) if admissible(area, options, r)]


def brute_column(city, demand, area, options, route, minutes):
    """Worth of each cell, the cost, buses and bus type of a route, straight from the definitions.

    `minutes` are the headways of the morning peak, between the peaks and of the evening peak.
    """
    n = len(area.stop_node) - 1
    roads, cells = city.compiled.roads, city.cells
    rides, ride, out, metres = {}, 0.0, 0.0, 0.0
    chain = [n, *route]
    for k, s in enumerate(route):
        ride += area.drive_s[s, chain[k]] + (options.dwell_s if k else 0.0)
        out += area.drive_s[chain[k], s] + options.dwell_s
        metres += area.length_m[s, chain[k]] + area.length_m[chain[k], s]
        rides[s] = ride
    value_min, fare = options.value_cny_h / 60, city.fares.feeder_cny
    worth, load = {}, [0.0, 0.0, 0.0]
    parts, hours = (0.25, 0.5, 0.25), (2, 13, 2)  # of riders, of service
    between = (0.5 / 13) / (0.5 / 4)  # the mean hour between the peaks beside that in them
    busiest = [options.peak_hour_direction_share * k for k in (1.0, between, 1.0)]
    for row, c in enumerate(demand.cells):
        costs = []
        for s, seconds in rides.items():
            node = area.stop_node[s]
            crow = math.hypot(cells.x_m[c] - roads.x_m[node], cells.y_m[c] - roads.y_m[node])
            if crow <= options.stop_walk_m:
                costs.append(2.0 * crow * 1.3 / 1.2 / 60 + seconds / 60)
        if not costs:
            continue
        base = demand.base_min[row]
        below = demand.levels_min < base
        xs = np.append(demand.levels_min[below], base)
        total = 0.0
        for t, headway in enumerate(minutes):
            g = min(costs) + 2.0 * headway / 2 + fare / value_min
            if g >= base:
                continue
            saved = np.interp(g, xs, np.append(demand.benefit_min[row][below], 0.0))
            here = np.interp(base, demand.levels_min, demand.riders[row])
            riders = np.interp(g, xs, np.append(demand.riders[row][below], here)) * min(
                1.0, (base - g) / options.shift_min
            )
            total += parts[t] * (saved * value_min + riders * fare)
            load[t] += riders * busiest[t]
        worth[int(c)] = total
    running = ride + options.dwell_s + out
    cycle = running + max(300.0, 0.1 * running)
    buses = [math.ceil(cycle / (headway * 60) - 1e-9) for headway in minutes]
    trips = sum(60 / headway * h for headway, h in zip(minutes, hours, strict=True))
    for bus in options.bus_types:
        if all(people <= 60 / headway * bus.capacity for people, headway in zip(load, minutes, strict=True)):
            cost = (
                sum(n * h for n, h in zip(buses, hours, strict=True)) * bus.cny_vehicle_hour
                + trips * metres / 1000 * bus.cny_km
                + max(buses) * bus.cny_vehicle_day
            )
            return worth, cost, max(buses)
    return worth, math.inf, max(buses)


def test_all_routes_are_listed(city, small):
    listed, complete = list_routes(small, 5000, len(city.compiled.roads.nodes))
    first, stop = stops_of(listed, np.arange(len(listed.stop), dtype=np.int32))
    found = {tuple(stop[first[r] : first[r + 1]].tolist()) for r in range(len(first) - 1)}
    assert complete
    assert found == set(brute_routes(small, SMALL))
    assert not list_routes(small, 2, len(city.compiled.roads.nodes))[1]


@OFFERS
@pytest.mark.parametrize("bus", [0.0, 150.0])
def test_pricing_all_routes_at_once_equals_pricing_each(city, demands, small, bus, offer):
    small = area_of(small, city, demands[1], offer)
    listed, _ = list_routes(small, 5000, len(city.compiled.roads.nodes))
    first, stop = stops_of(listed, np.arange(len(listed.stop), dtype=np.int32))
    made = evaluate(small, first, stop)
    price = np.linspace(0.0, 400.0, len(small.cell))
    profit = np.array(
        [
            max(
                np.maximum(made.worth[h, a:b] - price[made.cell[a:b]], 0.0).sum()
                - 1.2 * made.cost[r, h]
                - bus * made.vehicles[r, h]
                - 10.0
                for h in range(len(offer.classes_min))
            )
            for r, (a, b) in enumerate(itertools.pairwise(made.first))
        ]
    )
    floor = float(np.median(profit))
    priced = price_routes(small, listed, price, 1.2, bus, 10.0, 4, floor, 0, 1000)
    assert priced.row.tolist() == np.flatnonzero(profit > floor).tolist()
    assert priced.profit == pytest.approx(profit[priced.row])
    assert priced.top == pytest.approx(np.sort(profit)[::-1][:4])
    best = price_routes(small, listed, price, 1.2, bus, 10.0, 4, floor, 1, 1000)
    last = stop[first[1:] - 1]
    assert {int(last[r]): p for r, p in zip(best.row, best.profit, strict=True)} == pytest.approx(
        {int(s): profit[last == s].max() for s in set(last) if profit[last == s].max() > floor}
    )


@OFFERS
def test_columns_equal_the_definitions(city, demands, small, offer):
    small = area_of(small, city, demands[1], offer)
    routes = brute_routes(small, SMALL)
    first = np.append(0, np.cumsum([len(r) for r in routes])).astype(np.int32)
    made = evaluate(small, first, np.array([s for r in routes for s in r], np.int32))
    for k, route in enumerate(routes):
        for h, minutes in enumerate(offer.classes_min):
            worth, cost, buses = brute_column(city, demands[1], small, offer, route, minutes)
            at = slice(made.first[k], made.first[k + 1])
            seen = dict(zip(small.cell[made.cell[at]].tolist(), made.worth[h][at].tolist(), strict=True))
            assert seen == pytest.approx(worth, rel=1e-9, abs=1e-9)
            assert made.cost[k, h] == pytest.approx(cost)
            assert made.vehicles[k, h] == buses


@OFFERS
def test_labels_find_the_best_route(city, demands, small, offer):
    small = area_of(small, city, demands[1], offer)
    routes = brute_routes(small, SMALL)
    first = np.append(0, np.cumsum([len(r) for r in routes])).astype(np.int32)
    made = evaluate(small, first, np.array([s for r in routes for s in r], np.int32))
    for h in range(len(offer.classes_min)):
        total = np.diff(np.append(0.0, np.cumsum(made.worth[h]))[made.first])
        best = (total - made.cost[:, h] - 100.0 * made.vehicles[:, h]).max()
        profit, *_ = grow_routes(
            small, h, np.zeros(len(small.cell)), 1.0, 100.0, 20, 20, len(city.compiled.roads.nodes)
        )
        assert profit.max() == pytest.approx(best, abs=1e-6)


def brute_plan(columns, vehicles):
    """Best value of any set of columns, one headway a route, by trying all of up to three."""
    best = 0.0
    for count in (1, 2, 3):
        for group in itertools.combinations(columns, count):
            if sum(c[2] for c in group) > vehicles or len({c[3] for c in group}) < count:
                continue
            gain = {}
            for worth, *_ in group:
                for cell, w in worth.items():
                    gain[cell] = max(gain.get(cell, 0.0), w)
            best = max(best, sum(gain.values()) - sum(c[1] for c in group))
    return best


@OFFERS
@pytest.mark.parametrize("vehicles", [3, 6, 9])
def test_small_plans_equal_brute_force(city, demands, small, vehicles, offer):
    columns = []
    for route in brute_routes(small, SMALL):
        for minutes in offer.classes_min:
            worth, cost, buses = brute_column(city, demands[1], small, offer, route, minutes)
            if math.isfinite(cost) and sum(worth.values()) > cost:
                columns.append((worth, cost, buses, route))
    columns.sort(key=lambda c: c[1] - sum(c[0].values()))
    plan = design([demands[1]], city, replace(offer, vehicles=vehicles))
    assert plan.bound_kind == "proved"
    assert len(plan.routes) <= 3
    assert plan.objective == pytest.approx(brute_plan(columns[:60], vehicles), abs=0.5)
    assert plan.gap < 1e-4


def scaled(demand: CatchmentDemand, factors: list[float]) -> CatchmentDemand:
    weight = np.array(factors)[np.arange(len(demand.cells)) % len(factors)][:, None]
    return replace(demand, riders=demand.riders * weight, benefit_min=demand.benefit_min * weight)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(factors=st.lists(st.floats(0.05, 2.0), min_size=7, max_size=7), more=st.integers(1, 5))
def test_more_buses_never_lower_the_objective(city, demands, factors, more):
    demand = scaled(demands[1], factors)
    few = design([demand], city, replace(SMALL, vehicles=4))
    many = design([demand], city, replace(SMALL, vehicles=4 + more))
    assert few.bound_kind == many.bound_kind == "proved"
    assert many.objective >= few.objective - 0.05
    assert few.objective <= few.bound + 1e-6


def turns_of(area, route):
    """Return the turns (nodes before, at, after) of a route, out and back."""
    n = len(area.stop_node) - 1
    chain = [n, *route]
    out = [int(area.stop_node[n])]
    for a, b in itertools.pairwise(chain):
        out += path_nodes(area, a, b)
    back = [int(area.stop_node[route[-1]])]
    for a, b in itertools.pairwise(chain[::-1]):
        back += path_nodes(area, a, b)
    return {t for way in (out, back) for t in zip(way, way[1:], way[2:], strict=False)}


def test_banned_turns_are_not_made_and_cost_a_detour(city, demands, small):
    nodes = city.compiled.roads.nodes
    free = design([demands[1]], city, SMALL)
    used = [(a, b, c) for r in free.routes for a, b, c in zip(r.path, r.path[1:], r.path[2:], strict=False)]
    banned = tuple(sorted({*used[::2], *((c, b, a) for a, b, c in used[1::3])}))
    assert len(banned) > 5
    limited = replace(city, extra={**city.extra, "banned_turns": banned})
    streets = bus_streets(city.compiled.roads, SMALL, None, banned)
    area = station_area(demands[1], limited, streets, SMALL)
    rows = {tuple(nodes.index(k) for k in turn) for turn in banned}
    listed, _ = list_routes(area, 5000, len(nodes))
    first, stop = stops_of(listed, np.arange(len(listed.stop), dtype=np.int32))
    found = {tuple(stop[first[r] : first[r + 1]].tolist()) for r in range(len(first) - 1)}
    assert found == {r for r in brute_routes(area, SMALL) if not turns_of(area, r) & rows}
    assert found
    assert any(turns_of(small, r) & rows for r in brute_routes(small, SMALL))
    plan = design([demands[1]], limited, SMALL)
    assert plan.bound_kind == "proved"
    assert plan.objective < free.objective
    for route in plan.routes:
        assert not {*zip(route.path, route.path[1:], route.path[2:], strict=False)} & {*banned}


def test_without_bans_ways_by_links_and_by_nodes_are_the_same(city, small):
    nodes = city.compiled.roads.nodes
    far = max(range(len(nodes)), key=lambda k: city.compiled.roads.x_m[k])  # a turn that no way here makes
    streets = bus_streets(city.compiled.roads, SMALL, None, ((nodes[far],) * 3,))
    assert len(streets.banned)
    legs = legs_between(streets, small.stop_node, SMALL.max_length_m / 2.5)
    same = np.isfinite(small.drive_s)
    assert legs.time_s[same] == pytest.approx(small.drive_s[same])
    assert legs.length_m[same] == pytest.approx(small.length_m[same], rel=0.2)


def test_a_range_adds_buses_until_batteries_last_the_day(city, demands):
    options = replace(SMALL, range_km=120.0, charge_km_h=30.0)
    area = station_area(demands[1], city, bus_streets(city.compiled.roads, options), options)
    routes = brute_routes(area, options)[:40]
    first = np.append(0, np.cumsum([len(r) for r in routes])).astype(np.int32)
    made = evaluate(area, first, np.array([s for r in routes for s in r], np.int32))
    more = 0
    for k, route in enumerate(routes):
        for h, minutes in enumerate(options.classes_min):
            headway = minutes[0]
            _, _, peak = brute_column(city, demands[1], area, options, route, minutes)
            chain = [len(area.stop_node) - 1, *route]
            km = sum(area.length_m[a, b] + area.length_m[b, a] for a, b in itertools.pairwise(chain)) / 1000
            ride = sum(area.drive_s[a, b] + area.drive_s[b, a] for a, b in itertools.pairwise(chain))
            ride += 2 * len(route) * options.dwell_s
            trips = 60 / headway * 4 + 60 / (2 * headway) * 13
            charged = 30.0 * max(300.0, 0.1 * ride) / 3600
            need = max(peak, math.ceil(trips * (km - charged) / 120.0 - 1e-9))
            assert made.vehicles[k, h] == need
            more += need > peak
    assert more


def way_round(area, streets, city, a, b, most):
    """Seconds and metres of the shortest way round at b for a bus from a, searched in plain Python."""
    first, head, metres, seconds = streets.first_out, streets.head, streets.length_m, streets.time_s.data
    links = {
        v: [(int(head[e]), metres[e], seconds[e]) for e in range(first[v], first[v + 1])] for v in range(len(first) - 1)
    }
    there, back = path_nodes(area, a, b), path_nodes(area, b, a)
    here = int(area.stop_node[b])
    before = there[-2] if len(there) > 1 else int(area.stop_node[a])
    if before != back[0]:
        return 0.0, 0.0
    heap, best = [(0.0, 0.0, before, here)], {}
    while heap:
        m, s, came, at = heapq.heappop(heap)
        if at == here and m > 0 and came != before:
            return s, m
        if m > most or best.get((came, at), math.inf) <= m:
            continue
        best[came, at] = m
        for to, long, took in links[at]:
            if to != came:
                heapq.heappush(heap, (m + long, s + took, at, to))
    return math.inf, math.inf


def test_buses_turn_by_the_shortest_way_round_and_it_costs_what_it_takes(city, demands):
    options = replace(SMALL, turn_m=2500.0)
    streets = bus_streets(city.compiled.roads, options)
    area = station_area(demands[1], city, streets, options)
    n = len(area.stop_node) - 1
    lengths = []
    for a, b in itertools.product(range(n + 1), range(n)):
        if a != b and path_nodes(area, a, b) and path_nodes(area, b, a):
            _, metres = way_round(area, streets, city, a, b, options.turn_m)
            if metres <= options.turn_m:
                assert area.turn_m[a, b] == pytest.approx(metres)
                lengths.append(metres)
            else:
                assert np.isinf(area.turn_m[a, b])
    assert max(lengths) > 0
    routes = brute_routes(area, options)[:40]
    first = np.append(0, np.cumsum([len(r) for r in routes])).astype(np.int32)
    made = evaluate(area, first, np.array([s for r in routes for s in r], np.int32))
    on_the_spot = evaluate(
        area._replace(turn_s=0 * area.drive_s, turn_m=0 * area.drive_s),
        first,
        np.array([s for r in routes for s in r], np.int32),
    )
    for k, route in enumerate(routes):
        last = ([n, *route][-2], route[-1])
        if np.isinf(area.turn_m[last]):
            assert np.isinf(made.cost[k]).all()
        else:
            trips = 60 / 10.0 * 4 + 60 / 20.0 * 13
            least = trips * area.turn_m[last] / 1000 * options.bus_types[0].cny_km
            assert made.cost[k, 1] >= on_the_spot.cost[k, 1] + least - 1e-9
    plan = design(demands, city, options)
    free = design(demands, city, SMALL)
    assert plan.objective < free.objective
    with pytest.raises(ScenarioError, match="turn_m: saw 1, but no stop around Wangjing West"):
        design(demands, city, replace(SMALL, turn_m=1.0))


def test_no_route_ends_where_a_bus_cannot_turn(city, demands):
    options = replace(SMALL, turn_m=1700.0)
    area = station_area(demands[1], city, bus_streets(city.compiled.roads, options), options)
    barred = np.isinf(area.turn_s)
    assert barred.any()
    row = {int(node): k for k, node in enumerate(area.stop_node)}
    nodes = {name: k for k, name in enumerate(city.compiled.roads.nodes)}
    plan = design(demands[1:2], city, options)
    assert plan.routes
    for route in plan.routes:
        chain = [len(area.stop_node) - 1, *(row[nodes[s]] for s in reversed(route.stops))]
        assert not barred[chain[-2], chain[-1]]
    nowhere = area._replace(turn_s=np.full_like(area.turn_s, np.inf))
    first, stop = np.array([0, 1], np.int32), np.zeros(1, np.int32)
    assert np.isinf(evaluate(nowhere, first, stop).cost).all()
