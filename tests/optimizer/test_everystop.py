"""Serving every stop: the answer equals brute force, the bound is proven, input is checked."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer.everystop.check import cheapest_plan, check_certificate, check_plan, route_cost
from greentrip_optimizer.everystop.completion import cost_lines
from greentrip_optimizer.everystop.cost import costs_of, service_cost
from greentrip_optimizer.everystop.cost import route_cost as own_cost
from greentrip_optimizer.everystop.generate import STYLES, make_instance
from greentrip_optimizer.everystop.instance import instance_from, read_instance
from greentrip_optimizer.everystop.solve import Limits, solve

ROOT = Path(__file__).parents[2]
QUICK = Limits(steps=300)


def small(k):
    """Return instance k of 200: sizes, metrics and every cost varied, limits from loose to tight."""
    rng = np.random.default_rng(k)
    stops = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 8], p=[0.04, 0.06, 0.15, 0.25, 0.25, 0.15, 0.07, 0.03]))
    stations = int(rng.integers(1, 3 if stops > 6 else 4))
    data = make_instance(
        stops,
        stations,
        k,
        style=STYLES[k % 3],
        metric=("rectilinear", "euclidean")[k % 2],
        waiting=float(rng.choice([0.0, 5.0, 20.0, 60.0])),
        riding=float(rng.choice([0.0, 2.0, 12.0])),
        operating=float(rng.choice([2.0, 8.0, 60.0])),
        capacity=float(rng.choice([15.0, 60.0, 200.0])),
        max_frequency=float(rng.choice([4.0, 15.0])),
        max_route_length=float(rng.choice([6.0, 8.0, 30.0])),
    )
    if k % 5 == 0:  # demand in odd parts
        for stop in data["stops"]:
            stop["demand"] = float(min(stop["demand"] * rng.uniform(0.1, 1.0), 40.0))
    return data


def as_routes(instance, answer):
    return [
        {"station": instance.station_ids[r.station], "stops": [instance.stop_ids[s] for s in r.stops]}
        for r in answer.routes
    ]


@pytest.mark.parametrize("block", range(4))
def test_equals_brute_force(block):
    for k in range(block * 50, block * 50 + 50):
        data = small(k)
        instance = instance_from(data)
        answer = solve(instance, k, QUICK)
        cost, wrong = check_plan(data, as_routes(instance, answer))
        assert not wrong, (k, wrong)
        assert cost == pytest.approx(answer.cost, rel=1e-9)
        best = cheapest_plan(data)
        assert cost == pytest.approx(best, rel=1e-6), k
        assert answer.bound <= best * (1 + 1e-9), k
        assert answer.gap <= 1e-5, k
        if len(data["stops"]) <= 6:
            assert check_certificate(data, answer.certificate, answer.bound, 1e-5) == [], k


def test_checker_sees_a_wrong_price_and_a_wrong_plan():
    data = small(21)
    instance = instance_from(data)
    answer = solve(instance, 0, QUICK)
    certificate = json.loads(json.dumps(answer.certificate))
    certificate["prices"][0] *= 1.5
    assert check_certificate(data, certificate, answer.bound, 1e-5)
    routes = as_routes(instance, answer)
    assert check_plan(data, routes[:-1])[1]
    assert check_plan(data, [*routes, routes[0]])[1]


def test_lines_lie_below_what_operation_and_waiting_cost():
    for k in range(12):
        c = costs_of(instance_from(small(k)))
        lines = cost_lines(c)
        rng = np.random.default_rng(k)
        for _ in range(400):
            q = float(np.exp(rng.uniform(np.log(c.demand.min()), np.log(c.max_demand))))
            length = float(rng.uniform(0.0, c.max_length))
            usable = lines.most >= q * (1 - 1e-9)
            lowest = (lines.length * length + lines.demand * q)[usable].min()
            true = service_cost(c, q, length)
            assert lowest <= true * (1 + 1e-9)
            if true > 0:
                assert lowest >= 0.7 * true


def test_cost_is_the_checkers():
    for k in range(40):
        data = small(k)
        c = costs_of(instance_from(data))
        for t, station in enumerate(data["stations"]):
            theirs = route_cost(data, station, data["stops"])
            if np.isfinite(theirs):
                assert own_cost(c, t, tuple(range(len(data["stops"])))) == pytest.approx(theirs)


def test_middling_instance_is_proven_and_repeats():
    instance = instance_from(make_instance(25, 3, 4))
    first = solve(instance, 1, Limits(steps=3000))
    again = solve(instance, 1, Limits(steps=3000))
    assert first.gap <= 1e-5
    assert first.routes == again.routes
    assert first.bound == again.bound
    other = solve(instance, 2, Limits(steps=3000))
    assert other.cost == pytest.approx(first.cost, rel=1e-6)


def test_published_instances_are_what_the_generator_makes():
    for stops, stations in ((55, 4), (110, 5), (220, 8)):
        path = ROOT / "benchmarks" / "instances" / f"feeder-{stops}.json"
        assert json.loads(path.read_text()) == make_instance(stops, stations, 0)
        read_instance(path)


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        (lambda d: d["stops"][1].update(demand=0), "stops[1].demand", "greater than 0"),
        (lambda d: d["stops"][1].update(demand=-3), "stops[1].demand", "greater than 0"),
        (lambda d: d["stops"][1].update(demand=float("nan")), "stops[1].demand", "expected a number"),
        (lambda d: d["stops"][0].update(id="s1"), "stops[1].id", "each id once"),
        (lambda d: d["stops"][2].update(x=500.0), "stops[2]", "max_route_length of at least"),
        (lambda d: d["cost"].update(capacity=0.5), "stops[0].demand", "capacity x max_frequency of at least"),
        (lambda d: d["cost"].pop("riding"), "cost.riding", "missing"),
        (lambda d: d.update(metric="spherical"), "metric", "rectilinear"),
        (lambda d: d.update(speed=0), "speed", "greater than 0"),
        (lambda d: d.update(stations=[]), "stations", "at least one"),
    ],
)
def test_bad_input_names_field_and_remedy(change, field, says):
    data = make_instance(6, 2, 0)
    change(data)
    with pytest.raises(ScenarioError) as caught:
        instance_from(data)
    assert caught.value.field == field
    assert says in str(caught.value)


def test_benchmark_prints_what_the_contract_says(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(make_instance(9, 2, 7, metric="euclidean")))
    out = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "feeder.py"),
            "--instance",
            str(path),
            "--seconds",
            "3",
            "--seed",
            "0",
            "--json",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    said = json.loads(out.stdout)
    assert said["gap"] <= 1e-5
    assert said["bound"] <= said["cost"]
    cost, wrong = check_plan(json.loads(path.read_text()), said["routes"])
    assert cost == pytest.approx(said["cost"])
    assert not wrong
    assert said["naive_ortools"]["cost"] >= said["cost"] * (1 - 1e-9)
