"""Limits that may be exceeded at a price, and the price of shared streets: plans beside brute force in plain Python."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, tiny
from greentrip_networks.errors import GreentripError
from greentrip_networks.network import Buses
from greentrip_optimizer import FeederOptions, design
from greentrip_optimizer.area import station_area
from greentrip_optimizer.evaluate import evaluate
from greentrip_optimizer.limits import Limits, Used
from greentrip_optimizer.listing import list_routes, stops_of
from greentrip_optimizer.master import best_start, choose
from greentrip_optimizer.pool import Pool
from greentrip_optimizer.relax import Relaxation, relax
from greentrip_optimizer.rules import rules_of
from greentrip_optimizer.street_limit import StreetLimit, Ways, line_buses
from greentrip_optimizer.streets import bus_streets
from hypothesis import given, settings
from hypothesis import strategies as st

OPTIONS = FeederOptions(
    vehicles=4, headways_min=(5.0, 10.0), max_stops=3, stop_spacing_m=900.0, detour_factor=3.0, max_routes_station=2
)
Around = Callable[[Network, str], CatchmentDemand]
prices = st.sampled_from([np.inf, 0.0, 3.7, 25.0, 1e3])


def made_up(seed: int, limits: Limits, limit: float) -> tuple[Pool, StreetLimit]:
    """Seven columns of four routes at two stations, eight cells and three streets; all of it random."""
    random = np.random.default_rng(seed)
    route = np.array([0, 0, 1, 2, 2, 3, 3], np.int32)
    headway = np.array([0, 1, 0, 0, 1, 0, 1], np.int32)
    cells = [np.sort(random.choice(8, 4, replace=False)) for _ in range(4)]
    streets = StreetLimit(limit, np.zeros(3), np.zeros(3), np.array([12.0, 6.0]), (), np.zeros((2, 3)), soft=True)
    streets = replace(streets, soft=limits.over_street < np.inf)
    link = [np.sort(random.choice(3, 2, replace=False)) for _ in range(4)]
    ways = Ways(
        np.arange(0, 9, 2, np.int32),
        np.concatenate(link).astype(np.int32),
        random.integers(1, 3, 8).astype(float),
        streets.buses_h,
        streets.room,
    )
    pool = Pool(
        np.array([0, 0, 0, 1, 1, 1, 1], np.int32),
        route,
        headway,
        random.uniform(5.0, 30.0, 7).round(2),
        random.integers(1, 4, 7).astype(float),
        np.zeros(7, np.int32),
        np.zeros(7),
        np.arange(0, 29, 4, np.int32),
        np.concatenate([cells[r] for r in route]).astype(np.int32),
        random.uniform(5.0, 40.0, 28).round(2),
        random.uniform(0.0, 5.0, 7).round(2),
        tuple((int(s), (k,)) for k, s in enumerate((0, 0, 1, 1))),
        limits,
        ways,
    )
    return pool, streets


def value_of(pool: Pool, group: Sequence[int], streets: StreetLimit) -> float:
    """What some columns are worth less what they pay, minus infinity where a hard limit is broken."""
    limits, best, used = pool.limits, {}, Counter()
    if len({int(pool.route[i]) for i in group}) < len(group):
        return -np.inf
    for i in group:
        for c, w in zip(pool.cell[pool.entries(i)], pool.worth[pool.entries(i)], strict=True):
            best[c] = max(best.get(c, 0.0), w)
        r = int(pool.route[i])
        for k in range(2 * r, 2 * r + 2):
            used[int(pool.ways.link[k])] += pool.ways.times[k] * streets.buses_h[pool.headway[i]]
    value = sum(best.values()) - sum(pool.cost[i] + pool.toll[i] for i in group)
    at = Counter(int(pool.station[i]) for i in group)
    for price, over in (
        (limits.over_vehicles, sum(pool.vehicles[i] for i in group) - limits.vehicles),
        (limits.over_budget, sum(pool.cost[i] for i in group) - limits.budget),
        *((limits.over_bays, n - limits.bays[s]) for s, n in at.items()),
        *((limits.over_street, n - streets.limit) for n in used.values()),
    ):
        if over > 1e-9:
            value -= price * over
    return value


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    each=st.tuples(prices, prices, prices, prices),
    vehicles=st.integers(0, 7),
    budget=st.sampled_from([10.0, 33.3, 60.0, np.inf]),
    bays=st.tuples(st.integers(0, 2), st.integers(1, 2)),
    limit=st.sampled_from([8.0, 12.0, 20.0, 50.0]),
)
def test_choices_bounds_and_prices_beside_brute_force(seed, each, vehicles, budget, bays, limit) -> None:
    limits = Limits(float(vehicles), budget, np.array(bays, np.int32), *each)
    pool, streets = made_up(seed, limits, limit)
    groups = [g for n in range(5) for g in itertools.combinations(range(7), n)]
    values = {g: value_of(pool, g, streets) for g in groups}
    best = max(values.values())
    for g in groups:
        if np.isfinite(values[g]):
            assert pool.value(g) == pytest.approx(values[g], abs=1e-9)
    for g in groups[:29]:  # what one more column would pay is what the plan with it pays more
        more = Used(pool, g).surcharge()
        for i in set(range(7)) - set(g):
            if np.isfinite(values[g]) and len({int(pool.route[k]) for k in (*g, i)}) == len(g) + 1:
                paid = Used(pool, (*g, i)).paid() - Used(pool, g).paid()
                assert more[i] == (pytest.approx(paid) if np.isfinite(value_of(pool, (*g, i), streets)) else np.inf)
    relaxation = Relaxation(8, limits, streets)
    upper, asked, profit = relax(pool, relaxation)
    assert upper >= best - 1e-6
    for seen in (asked, relaxation.prices):
        assert relaxation.bound(pool, seen) >= best - 1e-6
        assert 0 <= seen.vehicle <= limits.over_vehicles
        assert 0 <= seen.budget <= limits.over_budget
        assert (seen.bay <= limits.over_bays).all()
        if limits.over_street < np.inf:
            assert (seen.street <= limits.over_street * streets.buses_h[:, None] + 1e-9).all()
    options = FeederOptions(vehicles=1)
    start, value = best_start(pool, asked, options, relaxation.packed)
    assert value == pytest.approx(values[start])
    choice = choose(pool, profit, max(upper, value), options, start, value)
    assert choice.value == pytest.approx(best, abs=0.1)
    assert choice.complete
    assert choice.bound >= best - 0.1
    assert values[choice.columns] == pytest.approx(choice.value)


@pytest.fixture(scope="module")
def city() -> Network:
    """The tiny city with its bus lines."""
    return tiny()


@pytest.fixture(scope="module")
def demands(city: Network, demand_around: Around) -> list[CatchmentDemand]:
    return [demand_around(city, "scholars")]


@pytest.fixture(scope="module")
def columns(city: Network, demands: list[CatchmentDemand]) -> list[tuple]:
    """Route, worth by cell, cost, buses and bus-km a day in streets of lines, and buses an hour by street."""
    area = station_area(demands[0], city, bus_streets(city.compiled.roads, OPTIONS), OPTIONS)
    listed, complete = list_routes(area, 5000, len(city.compiled.roads.nodes))
    assert complete
    first, stop = stops_of(listed, np.arange(len(listed.stop), dtype=np.int32))
    made, found, n = evaluate(area, first, stop), [], len(area.stop_node) - 1
    roads, lines = city.compiled.roads, city.compiled.buses.path_link
    metres = {(int(a), int(b)): m for a, b, m in zip(roads.tail, roads.head, roads.length_m, strict=True)}
    lined = {(int(roads.tail[k]), int(roads.head[k])) for k in lines}
    for r, (a, b) in enumerate(itertools.pairwise(first)):
        way, streets = [n, *stop[a:b].tolist()], Counter()
        for u, v in (*itertools.pairwise(way), *itertools.pairwise(way[::-1])):
            leg = u * (n + 1) + v
            passed = area.leg_node[area.leg_first[leg] : area.leg_first[leg + 1]].tolist()
            streets.update(itertools.pairwise([int(area.stop_node[u]), *passed]))
        km = sum(times * metres[k] / 1000 for k, times in streets.items() if k in lined)
        for h, minutes in enumerate(OPTIONS.headways_min):
            worth = np.zeros(len(city.cells.x_m))
            at = slice(made.first[r], made.first[r + 1])
            worth[area.cell[made.cell[at]]] = made.worth[h][at]
            trips = 60 / minutes * 4 + 60 / (2 * minutes) * 13
            if np.isfinite(made.cost[r, h]) and worth.sum() > made.cost[r, h]:
                runs = Counter({k: times * 60 / minutes for k, times in streets.items()})
                found.append((r, worth, made.cost[r, h], made.vehicles[r, h], km * trips, runs))
    return found


def best_of(columns: Sequence[tuple], options: FeederOptions, room: Mapping[tuple[int, int], float]) -> float:
    """The best value of up to five columns, penalties paid, all tried; `room` is what lines leave of streets."""
    o, best = options, 0.0

    def paid(beyond: float, price: float | None) -> float:
        return 0.0 if beyond <= 1e-9 else np.inf if price is None else beyond * price

    for count in range(1, 6):
        for group in itertools.combinations(columns, count):
            if len({c[0] for c in group}) < count:
                continue
            cost = sum(c[2] for c in group)
            value = np.maximum.reduce([c[1] for c in group]).sum() - cost
            value -= o.overlap_cny_km * sum(c[4] for c in group)
            value -= paid(sum(c[3] for c in group) - o.vehicles, o.over_vehicles_cny_day)
            value -= paid(cost - (o.budget_cny_day or np.inf), o.over_budget)
            value -= paid(count - o.max_routes_station, o.over_bays_cny_day)
            if o.street_buses_h is not None:
                for street, buses_h in sum((c[5] for c in group), Counter()).items():
                    value -= paid(buses_h - max(room[street], 0.0), o.over_street_cny_day)
            best = max(best, value)
    return best


@pytest.mark.parametrize(
    "rules",
    [
        {"over_vehicles_cny_day": 300.0},
        {"over_vehicles_cny_day": 0.0, "vehicles": 0},
        {"budget_cny_day": 3000.0, "over_budget": 0.4},
        {"max_routes_station": 1, "over_bays_cny_day": 200.0, "vehicles": 20},
        {"overlap_cny_km": 1.5, "vehicles": 20},
        {"street_buses_h": 20.0, "over_street_cny_day": 9.0},
        {"street_buses_h": 38.0, "over_street_cny_day": 2.5, "over_vehicles_cny_day": 50.0, "overlap_cny_km": 0.5},
        {"overlap_cny_km": 4.0, "over_vehicles_cny_day": 100.0, "over_bays_cny_day": 50.0},
    ],
)
def test_designs_equal_brute_force(city: Network, demands: list[CatchmentDemand], columns, rules) -> None:
    options = replace(OPTIONS, **rules)
    roads, lines = city.compiled.roads, line_buses(city)  # which test_street_limit.py holds against plain Python
    limit = options.street_buses_h or 0.0
    room = {(int(a), int(b)): limit - n for a, b, n in zip(roads.tail, roads.head, lines, strict=True)}
    plan, best = design(demands, city, options), best_of(columns, options, room)
    assert plan.bound_kind == "proved"
    assert plan.objective == pytest.approx(best, abs=0.1)
    assert plan.bound >= best - 0.1
    assert plan.gap < 1e-4
    told, rows = plan.indicators, plan.indicators.get("limits_exceeded", [])
    if "overlap_cny_km" not in rules:
        assert told["penalties_cny_day"] == pytest.approx(sum(r["cny_day"] for r in rows), abs=0.05)
        assert plan.objective == pytest.approx(
            sum(r["worth_cny_day"] for r in plan.explain()) - told["penalties_cny_day"], abs=0.1
        )
    assert any("prices that the user set" in text for text in plan.assumptions)
    shadow = told["shadow_prices"]
    assert shadow["bus_cny_day"] <= rules.get("over_vehicles_cny_day", np.inf)


def test_where_routes_are_grown_they_pay_too(city: Network, demands: list[CatchmentDemand]) -> None:
    options = replace(
        OPTIONS, street_buses_h=38.0, over_street_cny_day=2.0, over_bays_cny_day=30.0, overlap_cny_km=0.5, loops=True
    )
    listed, grown = (design(demands, city, replace(options, exhaustive_routes=n)) for n in (120_000, 1))
    assert (listed.bound_kind, grown.bound_kind) == ("proved", "estimate")
    assert 0 < grown.objective <= listed.objective + 0.1
    for plan in (listed, grown):
        paid = plan.indicators["penalties_cny_day"] + plan.indicators["overlap_cny_day"]
        assert plan.objective == pytest.approx(sum(r["worth_cny_day"] for r in plan.explain()) - paid, abs=0.1)
        shared = sum(r["overlap_cny_day"] for r in plan.explain())
        assert plan.indicators["overlap_cny_day"] == pytest.approx(shared, abs=0.05)


def test_no_price_and_a_huge_one(city: Network, demands: list[CatchmentDemand]) -> None:
    hard = design(demands, city, replace(OPTIONS, budget_cny_day=4000.0, street_buses_h=40.0))
    high = replace(
        OPTIONS,
        budget_cny_day=4000.0,
        street_buses_h=40.0,
        over_vehicles_cny_day=1e6,
        over_budget=1e3,
        over_bays_cny_day=1e6,
        over_street_cny_day=1e6,
    )
    dear = design(demands, city, high)
    assert dear.objective == pytest.approx(hard.objective, abs=0.1)
    assert dear.indicators["limits_exceeded"] == []
    free = design(demands, city, replace(OPTIONS, vehicles=500, max_routes_station=50))
    none = replace(high, over_vehicles_cny_day=0, over_budget=0, over_bays_cny_day=0, over_street_cny_day=0)
    assert design(demands, city, none).objective == pytest.approx(free.objective, abs=0.1)


def test_what_kept_routes_exceed_is_paid(city: Network, demands: list[CatchmentDemand]) -> None:
    quiet = city.with_(buses=Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=True))
    kept = [replace(r, id="by-hand", vehicles=7) for r in design(demands, quiet, OPTIONS).routes[:1]]
    tight = replace(OPTIONS, street_buses_h=3.0 + 6.0, budget_cny_day=10.0, max_routes_station=0)
    with pytest.raises(GreentripError, match=r"over_vehicles_cny_day, over_budget, over_bays_cny_day"):
        design(demands, quiet, tight, keep=kept)
    plan = design(
        demands, quiet, replace(tight, over_vehicles_cny_day=100, over_budget=0.5, over_bays_cny_day=20,
                                over_street_cny_day=3), keep=kept,
    )  # fmt: skip
    rows = {r["limit"]: r for r in plan.indicators["limits_exceeded"]}
    assert plan.routes[0] == kept[0]
    assert rows["vehicles"]["beyond_kept"] == 3
    assert rows["max_routes_station"]["beyond_kept"] == 1
    assert rows["budget_cny_day"]["beyond_kept"] == pytest.approx(kept[0].cost_cny_day - 10.0, abs=0.01)
    all_of = sum(r["cny_day"] for r in plan.indicators["limits_exceeded"])
    parts = plan.indicators["penalties_cny_day"] + plan.indicators["penalties_kept_cny_day"]
    assert all_of == pytest.approx(parts, abs=0.1)


@pytest.mark.parametrize(
    "name", ["over_vehicles_cny_day", "over_budget", "over_bays_cny_day", "over_street_cny_day", "overlap_cny_km"]
)
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "5", True, 1e9])
def test_what_is_no_price_is_named(name: str, value: object) -> None:
    with pytest.raises(GreentripError, match=name):
        rules_of({name: value})
    with pytest.raises(GreentripError, match=name):
        replace(OPTIONS, budget_cny_day=1.0, street_buses_h=10.0, **{name: value})


@pytest.mark.parametrize(
    ("name", "limit"), [("over_budget", "budget_cny_day"), ("over_street_cny_day", "street_buses_h")]
)
def test_a_price_of_no_limit_is_named(name: str, limit: str) -> None:
    with pytest.raises(GreentripError, match=f"{name}: saw 5, but no {limit}"):
        replace(OPTIONS, **{name: 5.0})
