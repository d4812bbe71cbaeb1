"""The search: fast figures equal plain ones, rules hold, bounds hold, tiny problems are solved, work repeats."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from greentrip_optimizer.route_design.anneal import LOOSE, anneal, value_of
from greentrip_optimizer.route_design.bounds import operator_bound, passenger_bound
from greentrip_optimizer.route_design.check import faults
from greentrip_optimizer.route_design.delta import load
from greentrip_optimizer.route_design.evaluate import evaluate
from greentrip_optimizer.route_design.instance import KNOWN, Instance, Rules, read
from greentrip_optimizer.route_design.layout import problem, state, trial
from greentrip_optimizer.route_design.made import made_up, write
from greentrip_optimizer.route_design.moves import KINDS, draw_routes, propose, rekey
from greentrip_optimizer.route_design.search import NoRoutesError, design_routes

ROOT = Path(__file__).parents[3]
REFERENCE = Path(os.environ.get("GREENTRIP_REFERENCE", ROOT.parent / "shared" / "data")) / "utrp"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference data not at hand (GREENTRIP_REFERENCE)")


def of(state: object) -> list[list[int]]:
    return [[int(v) for v in state.route[r, : state.calls[r]]] for r in range(len(state.calls))]


def variants() -> list[Instance]:
    """Return instances whose times fit 16 bits, need 32, and whose trips are not whole numbers."""
    plain = made_up(20, 36, Rules(6, 3, 9), seed=5)
    halves = replace(plain, time_min=plain.time_min + np.where(plain.time_min > 0, 0.125, 0.0))
    return [plain, halves, replace(plain, demand=plain.demand + np.where(plain.demand > 0, 0.3, 0.0))]


@pytest.mark.timeout(900)  # the first to run compiles the kernels
@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_kept_figures_are_the_plain_ones_after_thousands_of_changes(which: int) -> None:
    instance = variants()[which]
    made = problem(instance)
    assert made.three_rides.dtype == (np.int32 if which == 1 else np.int16)
    here, scratch = state(made), trial(made)
    draw_routes(made, here, scratch, 1, 0)
    route, calls = here.route.copy(), here.calls.copy()
    wheel, tally = np.arange(KINDS), np.zeros((KINDS, 3), dtype=np.int64)
    load(made, here, scratch, route, calls)
    alone = np.array([0.0, 1.0])
    values = np.full(2, value_of(here, scratch, alone))
    anneal(made, here, scratch, alone, 10.0, 1, 0, 5000, wheel, values, route, calls, tally)
    assert values[1] < LOOSE
    load(made, here, scratch, route, calls)
    total = made.demand.sum() / 2 * instance.scale
    weights = np.array([1 / total, 0.01 / instance.scale])
    values[:] = value_of(here, scratch, weights)
    for step, warmth in enumerate((5.0, 0.5, 0.02)):
        first = 5000 + 3000 * step
        anneal(made, here, scratch, weights, warmth, 1, first, first + 3000, wheel, values, route, calls, tally)
        worth = evaluate(instance, of(here))
        assert faults(instance, of(here)) == []
        plain = worth.att + instance.rules.transfer_min + 0.01 * worth.trt
        assert values[0] == pytest.approx(plain, rel=1e-6 if which == 2 else 1e-12)
    assert (tally[:, 0] > 0).all()
    assert (tally[:, 1] > 0).all()
    kept = values[0]
    load(made, here, scratch, here.route.copy(), here.calls.copy())
    assert value_of(here, scratch, weights) == pytest.approx(kept, rel=1e-12)


def test_every_proposal_is_simple_paths_of_allowed_size() -> None:
    instance = made_up(15, 28, Rules(5, 4, 8), seed=7)
    made = problem(instance)
    here, scratch = state(made), trial(made)
    draw_routes(made, here, scratch, 3, 0)
    load(made, here, scratch, here.route.copy(), here.calls.copy())
    before = of(here)
    luck = np.zeros(2, dtype=np.uint64)
    found = np.zeros(KINDS, dtype=int)
    for number in range(6000):
        rekey(luck, 3, number)
        kind = number % KINDS
        if propose(made, here, scratch, kind, luck):
            found[kind] += 1
            changed = [list(r) for r in before]
            for c in range(scratch.sizes[0]):
                changed[scratch.which[c]] = [int(v) for v in scratch.route[c, : scratch.calls[c]]]
            assert not [f for f in faults(instance, changed) if f.startswith("route")]
    assert of(here) == before
    assert (found > 50).all()


def paths(instance: Instance) -> list[tuple[int, ...]]:
    """Return every simple path of allowed size, one of each direction."""
    rules = instance.rules
    return [
        p
        for k in range(rules.min_nodes, rules.max_nodes + 1)
        for p in itertools.permutations(range(instance.nodes), k)
        if p[0] < p[-1] and all(instance.links[a, b] >= 0 for a, b in itertools.pairwise(p))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_tiny_problems_are_solved_to_the_optimum(seed: int) -> None:
    instance = made_up(6, 8, Rules(2, 3, 4), seed=seed)
    worths = [
        evaluate(instance, pair)
        for pair in itertools.combinations_with_replacement(paths(instance), 2)
        if not faults(instance, pair)
    ]
    passenger = design_routes(instance, "passenger", seed=seed, evaluations=20_000)
    operator = design_routes(instance, "operator", seed=seed, evaluations=20_000)
    weighted = design_routes(instance, "weighted", seed=seed, evaluations=20_000, weight=0.3)
    assert passenger.worth.att == pytest.approx(min(w.att for w in worths))
    assert operator.worth.trt == min(w.trt for w in worths)
    low = (passenger_bound(instance), operator_bound(instance))
    best = min(0.3 * w.att / low[0] + 0.7 * w.trt / low[1] for w in worths)
    assert weighted.value == pytest.approx(best)
    for found in (passenger, operator, weighted):
        assert found.bound <= found.value + 1e-9


def test_the_same_seed_and_work_give_the_same_routes_and_bounds_hold() -> None:
    instance = made_up(30, 60, Rules(8, 4, 10), seed=11)
    for objective in ("passenger", "operator", "weighted"):
        one = design_routes(instance, objective, seed=4, evaluations=15_000)
        other = design_routes(instance, objective, seed=4, evaluations=15_000)
        assert json.dumps(one.routes) == json.dumps(other.routes)
        assert one.worth == other.worth == evaluate(instance, one.routes)
        assert one.repeatable
        assert one.evaluations == 15_000
        assert faults(instance, one.routes) == []
        assert one.worth.att >= passenger_bound(instance)
        assert one.worth.trt >= operator_bound(instance)
        assert one.gap >= 0


def test_more_work_is_reported_and_helps() -> None:
    instance = made_up(30, 60, Rules(8, 4, 10), seed=11)
    seen: list[tuple[float, float]] = []
    short = design_routes(instance, seed=1, evaluations=7_000)
    long = design_routes(instance, seed=1, evaluations=150_000, progress=lambda done, value: seen.append((done, value)))
    assert long.worth.att < short.worth.att
    assert [v for _, v in seen] == sorted((v for _, v in seen), reverse=True)
    assert seen[-1] == (1.0, pytest.approx(long.worth.att))


def test_unfit_calls_and_impossible_problems_are_named() -> None:
    instance = made_up(6, 8, Rules(2, 3, 4), seed=0)
    with pytest.raises(ValueError, match="objective"):
        design_routes(instance, "fast", evaluations=10)
    with pytest.raises(ValueError, match="work"):
        design_routes(instance)
    with pytest.raises(ValueError, match="weight"):
        design_routes(instance, "weighted", evaluations=10, weight=2)
    # A star of six: three two-node routes reach four nodes at most, though enough links are allowed in all.
    time = np.full((6, 6), np.inf)
    time[0, :] = time[:, 0] = 1
    np.fill_diagonal(time, 0)
    star = replace(instance, time_min=time, rules=Rules(2, 2, 4))
    with pytest.raises(NoRoutesError, match="allow more work"):
        design_routes(star, evaluations=5_000)
    with pytest.raises(NoRoutesError, match="of 4 to 4 nodes"):
        design_routes(replace(star, rules=Rules(2, 4, 4)), evaluations=5_000)


@needs_reference
def test_mandl_in_seconds() -> None:
    instance = read(REFERENCE / "Mandl")
    found = design_routes(instance, "passenger", seed=0, evaluations=300_000)
    assert found.worth.att <= 10.25
    assert found.bound == pytest.approx(10.00578, abs=1e-5)
    shortest = design_routes(instance, "operator", seed=0, evaluations=100_000)
    assert shortest.worth.trt == shortest.bound == 63


def test_the_command_prints_its_answer_and_names_what_is_wrong(tmp_path: Path) -> None:
    write(made_up(8, 12, Rules(3, 2, 5), seed=1), tmp_path, "mine")
    command = [sys.executable, str(ROOT / "benchmarks" / "transit_design.py"), "--instance", str(tmp_path / "mine")]
    rules = ["--routes", "3", "--min-nodes", "2", "--max-nodes", "5"]
    done = subprocess.run(
        [*command, *rules, "--evaluations", "5000", "--json"], capture_output=True, text=True, check=True
    )
    out = json.loads(done.stdout)
    assert {"att", "trt", "d0", "d1", "d2", "dun", "routes", "bound"} <= set(out)
    assert out["att"] >= out["bound"]
    failed = subprocess.run([*command, "--evaluations", "10"], capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "--min-nodes" in failed.stderr


@pytest.mark.parametrize(("name", "nodes", "links"), [("Mumford2", 110, 385), ("Mumford3", 127, 425)])
def test_the_largest_published_sizes_are_read_from_files_and_improve_steadily(
    tmp_path: Path, name: str, nodes: int, links: int
) -> None:
    write(made_up(nodes, links, KNOWN[name], seed=3), tmp_path, name)
    instance = read(tmp_path / name)
    assert instance.rules == KNOWN[name]
    found = [design_routes(instance, "passenger", seed=0, evaluations=n) for n in (4_000, 16_000, 64_000)]
    for one in found:
        assert not faults(instance, one.routes)
        assert one.bound <= one.worth.att < 40
    assert found[2].worth.dun == 0
    assert found[0].worth.att > found[1].worth.att > found[2].worth.att
