"""Headways by period: classes on offer, what they cost and carry, and the plans that they make."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, tiny
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer import FeederOptions, Plan, design
from greentrip_optimizer.area import Area, station_area
from greentrip_optimizer.evaluate import evaluate, route_times
from greentrip_optimizer.gtfs import gtfs_tables
from greentrip_optimizer.headways import Service, service
from greentrip_optimizer.keep import demand_beside
from greentrip_optimizer.street_limit import feeder_buses, street_limit
from greentrip_optimizer.streets import bus_streets

OPTIONS = FeederOptions(vehicles=6, max_stops=6, stop_spacing_m=700.0, max_routes_station=3, detour_factor=3.0)


@pytest.fixture(scope="module")
def town() -> Network:
    return tiny()


@pytest.fixture(scope="module")
def demand(town: Network, demand_around: Callable[[Network, str], CatchmentDemand]) -> CatchmentDemand:
    return demand_around(town, "harbour")


def area_of(town: Network, demand: CatchmentDemand, options: FeederOptions) -> Area:
    return station_area(demand, town, bus_streets(town.compiled.roads, options), options)


def served(options: FeederOptions) -> Service:
    o = options
    return service(o.classes_min, o.peak_share, o.peak_hours, o.off_peak_hours, o.peak_hour_direction_share)


BEFORE = [  # id, headway of the peaks (twice as long off-peak), buses, places and CNY a day, as before classes
    (
        {},
        23432.93,
        [("F-harbour-1", 360.0, 3, 80, 8262.2), ("F-harbour-2", 300.0, 3, 45, 6132.1)],
    ),
    (
        {"exhaustive_routes": 3},
        23432.93,
        [("F-harbour-1", 360.0, 3, 80, 8262.2), ("F-harbour-2", 300.0, 3, 45, 6132.1)],
    ),
    (
        {"loops": True, "headways_min": (5.0, 10.0)},
        21873.52,
        [("F-harbour-1", 300.0, 3, 45, 5761.16), ("F-harbour-2", 300.0, 3, 45, 6132.1)],
    ),
    (
        {"street_buses_h": 26.7, "vehicles": 20},
        25037.64,
        [("F-harbour-1", 300.0, 4, 80, 9768.65), ("F-harbour-2", 300.0, 3, 45, 6132.1)],
    ),
    (
        {"range_km": 100.0, "charge_km_h": 20.0, "budget_cny_day": 9000.0},
        13778.91,
        [("F-harbour-1", 360.0, 2, 45, 3290.26), ("F-harbour-2", 480.0, 4, 45, 4173.82)],
    ),
]


@pytest.mark.parametrize(("how", "worth", "routes"), BEFORE, ids=["listed", "grown", "loops", "streets", "range"])
def test_by_default_plans_are_what_they_were(
    town: Network, demand: CatchmentDemand, how: dict[str, object], worth: float, routes: list[tuple[object, ...]]
) -> None:
    plan = design([demand], town, replace(OPTIONS, **how))
    assert (plan.objective, plan.bound) == (worth, worth)
    assert [(r.id, r.headways_s[0], r.vehicles, r.capacity, r.cost_cny_day) for r in plan.routes] == routes
    for route, row in zip(plan.routes, plan.explain(), strict=True):
        peak = route.headways_s[0]
        assert route.headways_s == (peak, 2 * peak, peak)
        assert row["headways_min"] == [peak / 60, peak / 30, peak / 60]


def test_factors_offer_every_headway_with_each() -> None:
    options = FeederOptions(vehicles=1, headways_min=(5.0, 8.0), off_peak_factors=(1.0, 2.5))
    assert options.classes_min == ((5.0, 5.0, 5.0), (5.0, 12.5, 5.0), (8.0, 8.0, 8.0), (8.0, 20.0, 8.0))
    same = FeederOptions(vehicles=1, headway_classes=options.classes_min)
    assert same.classes_min == options.classes_min
    assert same.longest_min == 8.0


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"off_peak_factors": ()}, "off_peak_factors: no factor is given"),
        ({"off_peak_factors": (2.0, 1.0)}, r"off_peak_factors: saw \(2.0, 1.0\); expected ascending factors"),
        (
            {"off_peak_factors": (2.0, 7.0)},
            r"headways_min\[7\]: 20 minutes times off_peak_factors\[1\] \(7\) becomes 140 off-peak; expected 2 to 120",
        ),
        ({"off_peak_factors": (0.25,)}, r"headways_min\[0\]: 4 minutes times off_peak_factors\[0\] \(0.25\) becomes 1"),
        (
            {"off_peak_factors": tuple(1 + k / 10 for k in range(8))},
            "off_peak_factors: saw 8 headways times 8 factors; expected at most 60 classes",
        ),
        ({"headway_classes": ((5.0, 10.0),)}, r"headway_classes\[0\]: saw \(5.0, 10.0\); expected minutes of am, off"),
        ({"headway_classes": ((5.0, 121.0, 5.0),)}, r"headway_classes\[0\]\[1\]: saw 121; expected 2 to 120 minutes"),
        ({"headway_classes": ((5.0, 0.0, 5.0),)}, r"headway_classes\[0\]\[1\]: saw 0; expected 2 to 120"),
        ({"headway_classes": ((5.0, 9.0, 5.0), (6.0, 9.0, 61.0))}, r"headway_classes\[1\]\[2\]: saw 61; expected"),
        (
            {"headway_classes": ((5.0, 9.0, 40.0),), "peak_hours": 1.0},
            r"headway_classes\[0\]\[2\]: saw 40; expected at most the 30 minutes of a peak",
        ),
        (
            {"headway_classes": ((6.0, 9.0, 6.0), (5.0, 9.0, 5.0))},
            "headway_classes: saw 6/9/6, 5/9/5; expected ascending classes, each once",
        ),
        (
            {"headway_classes": ((5.0, 9.0, 5.0), (5.0, 12.0, 15.0)), "street_buses_h": 10.0},
            r"street_buses_h: saw 10; expected at least 12, the buses an hour of the longest headway \(5 minutes\)",
        ),
    ],
)  # fmt: skip
def test_headways_that_no_timetable_has_are_named(how: dict[str, object], text: str) -> None:
    with pytest.raises(ScenarioError, match=text):
        FeederOptions(**({"vehicles": 1} | how))  # type: ignore[arg-type]


def test_periods_that_every_class_has_alike_are_one() -> None:
    two = served(OPTIONS)
    assert two.headway_s[0].tolist() == [240.0, 480.0]
    assert (two.share.tolist(), two.hours.tolist()) == ([0.5, 0.5], [4.0, 13.0])
    assert two.load_share.tolist() == [0.11]  # off-peak half the buses carry 0.11 x 4 / 13 of a day's riders
    three = served(replace(OPTIONS, headway_classes=((5.0, 15.0, 8.0), (6.0, 4.0, 6.0))))
    assert three.headway_s.tolist() == [[300.0, 480.0, 900.0], [360.0, 360.0, 240.0]]
    assert (three.share.tolist(), three.hours.tolist()) == ([0.25, 0.25, 0.5], [2.0, 2.0, 13.0])
    assert three.load_share == pytest.approx([0.11, 0.11, 0.11 * 4 / 13])  # the second class waits least off-peak
    assert three.buses_h.tolist() == [12.0, 15.0]
    seldom = served(replace(OPTIONS, off_peak_factors=(4.0,)))
    assert len(seldom.load_share) == 2  # a quarter of the buses for 4 / 13 of the riders


def test_equal_peaks_cost_and_bring_the_same_apart_as_together(town: Network, demand: CatchmentDemand) -> None:
    """A class with unequal peaks keeps the periods apart for all classes."""
    together = area_of(town, demand, replace(OPTIONS, headway_classes=((5.0, 15.0, 5.0), (10.0, 20.0, 10.0))))
    apart = area_of(
        town,
        demand,
        replace(OPTIONS, headway_classes=((5.0, 15.0, 5.0), (10.0, 20.0, 10.0), (10.0, 20.0, 12.0))),
    )
    assert together.stop_node.tolist() == apart.stop_node.tolist()
    routes = [(s,) for s in range(len(together.stop_node) - 1)]
    first = np.arange(len(routes) + 1, dtype=np.int32)
    one, other = (evaluate(area, first, np.array(routes, np.int32).ravel()) for area in (together, apart))
    assert other.worth[:2] == pytest.approx(one.worth)
    assert other.cost[:, :2] == pytest.approx(one.cost)
    assert other.vehicles[:, :2].tolist() == one.vehicles.tolist()
    assert (other.worth[2] <= other.worth[1] + 1e-9).all()


def test_fleet_hours_and_kilometres_by_hand(town: Network, demand: CatchmentDemand) -> None:
    """The period that needs most sets the fleet; hours, kilometres and loads are each period's own."""
    minutes = (5.0, 15.0, 8.0)
    options = replace(OPTIONS, headway_classes=(minutes, (15.0, 4.0, 20.0)))
    area = area_of(town, demand, options)
    for s in range(len(area.stop_node) - 1):
        route = np.array([s], np.int32)
        in_s, out_s, in_m, out_m = route_times(area, route, np.zeros(4))
        cycle_min = (in_s + out_s + max(300.0, 0.1 * (in_s + out_s))) / 60
        made = evaluate(area, np.array([0, 1], np.int32), route)
        am, off, pm = (math.ceil(cycle_min / m - 1e-9) for m in minutes)
        assert made.vehicles[0, 0] == max(am, off, pm) == am
        assert made.vehicles[0, 1] == math.ceil(cycle_min / 4 - 1e-9)  # most buses run off-peak
        bus = options.bus_types[made.bus[0, 0]]
        km = (2 * 12 + 13 * 4 + 2 * 7.5) * (in_m + out_m) / 1000
        cost = (2 * am + 13 * off + 2 * pm) * bus.cny_vehicle_hour + km * bus.cny_km + am * bus.cny_vehicle_day
        assert made.cost[0, 0] == pytest.approx(cost)


def test_every_period_must_carry_its_riders(town: Network, demand: CatchmentDemand) -> None:
    """A bus that is large enough for the peaks may be too small for the hour between them, and for the evening."""
    options = replace(OPTIONS, headway_classes=((4.0, 30.0, 4.0), (5.0, 10.0, 5.0), (5.0, 10.0, 15.0)))
    area = area_of(town, demand, options)
    first = np.arange(len(area.stop_node), dtype=np.int32)
    made = evaluate(area, first, first[:-1])
    larger = 0
    for r in range(len(area.stop_node) - 1):
        for h, (am, off, pm) in enumerate(options.classes_min):
            load = made.load[r, h]
            buses = 60 / np.array([am, pm, off])
            fits = [k for k, bus in enumerate(options.bus_types) if (load <= buses * bus.capacity).all()]
            assert np.isfinite(made.cost[r, h]) == bool(fits)
            if fits:
                assert made.bus[r, h] == fits[0]
            if load[0] <= buses[0] * options.bus_types[0].capacity:
                larger += fits[:1] != [0]
    assert larger


def test_a_plan_of_classes_runs_one_of_them_and_beats_those_of_a_part(town: Network, demand: CatchmentDemand) -> None:
    classes = ((5.0, 8.0, 5.0), (5.0, 15.0, 8.0), (6.0, 12.0, 6.0), (8.0, 30.0, 10.0))
    plan = design([demand], town, replace(OPTIONS, headway_classes=classes))
    assert plan.routes
    assert {r.headways_s for r in plan.routes} <= {tuple(m * 60 for m in c) for c in classes}
    assert "Headways of am/off/pm are one of 5/8/5, 5/15/8, 6/12/6, 8/30/10 minutes" in " ".join(plan.assumptions)
    for k in range(len(classes)):
        part = design([demand], town, replace(OPTIONS, headway_classes=classes[k : k + 1]))
        assert part.objective <= plan.bound + 0.01
        assert part.objective <= plan.objective + 0.01
    again = design([demand], town, replace(OPTIONS, headway_classes=classes), start=plan.routes)
    assert again.indicators["start_routes"] == len(plan.routes)
    assert Plan.from_dict(plan.to_dict()) == plan


def test_kept_routes_offer_the_mean_of_their_peaks(town: Network, demand: CatchmentDemand) -> None:
    (route, *_) = design([demand], town, OPTIONS).routes
    one, other = (
        demand_beside([demand], town, [replace(route, headways_s=h)], OPTIONS)[0]
        for h in ((240.0, 900.0, 480.0), (360.0, 720.0, 360.0))
    )
    assert (one.base_min == other.base_min).all()
    for headways, text in (
        ((300.0, 7260.0, 300.0), r"keep\[0\].headways_s\[1\]: saw 7260 \(.*, off\); .*7200 seconds of two hours"),
        ((300.0, 600.0, 0.0), r"keep\[0\].headways_s\[2\]: saw 0 \(.*, pm\); .*7200 seconds of a peak"),
        ((300.0, 600.0), r"keep\[0\].headways_s: saw \(300.0, 600.0\) .*; expected seconds of am, off, pm"),
    ):
        with pytest.raises(ScenarioError, match=text):
            design([demand], town, OPTIONS, keep=[replace(route, headways_s=headways)])


def test_streets_count_the_busiest_period(town: Network, demand: CatchmentDemand) -> None:
    options = replace(OPTIONS, headway_classes=((5.0, 15.0, 8.0), (20.0, 10.0, 12.0)), street_buses_h=40.0)
    streets = bus_streets(town.compiled.roads, options)
    limit = street_limit(town, streets, [area_of(town, demand, options)], (), options)
    assert limit is not None
    assert limit.buses_h.tolist() == [12.0, 6.0]
    (route, *_) = design([demand], town, OPTIONS).routes
    seldom, often = (
        feeder_buses(town, streets, [replace(route, headways_s=h)], options)
        for h in ((600.0, 600.0, 600.0), (600.0, 900.0, 300.0))
    )
    assert often.max() > 0
    assert often.tolist() == (2 * seldom).tolist()


def test_a_feed_has_a_trip_of_each_period(town: Network, demand: CatchmentDemand) -> None:
    plan = design([demand], town, OPTIONS)
    route = replace(plan.routes[0], headways_s=(300.0, 900.0, 480.0))
    tables = gtfs_tables(replace(plan, routes=(route,)), town)
    trips = [r[2] for r in tables["trips.txt"][1:]]
    assert trips == [f"{route.id}-{way}-{period}" for way in (0, 1) for period in ("am", "off", "pm")]
    assert [r for r in tables["frequencies.txt"] if str(r[0]).startswith(f"{route.id}-1-")] == [
        (f"{route.id}-1-am", "07:00:00", "09:00:00", 300, 0),
        (f"{route.id}-1-off", "05:00:00", "07:00:00", 900, 0),
        (f"{route.id}-1-off", "09:00:00", "17:00:00", 900, 0),
        (f"{route.id}-1-off", "19:00:00", "22:00:00", 900, 0),
        (f"{route.id}-1-pm", "17:00:00", "19:00:00", 480, 0),
    ]
