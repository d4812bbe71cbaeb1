"""Customised buses: a few pick-ups, a fast leg, drop-offs, a seat each, for people who drive to work."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from greentrip_networks.network import Network

from greentrip_optimizer.alternatives import Alternatives, Answer, Program, alternatives, fleet_of, solve
from greentrip_optimizer.commuter_options import CommuterOptions
from greentrip_optimizer.commuter_plan import make_plan
from greentrip_optimizer.commuter_routes import Column, drivers_to_work, possible_routes
from greentrip_optimizer.commuter_stops import zone_stops
from greentrip_optimizer.plan import Plan
from greentrip_optimizer.solver import load

if TYPE_CHECKING:
    from greentrip_agents import Run

_CENT = 100


def design_commuter_buses(
    network: Network,
    run: "Run",
    options: CommuterOptions,
    *,
    progress: Callable[[str, float], None] | None = None,
) -> Plan:
    """Design commuter buses for those who drive to work: routes by what they bring, and CP-SAT's choice among them.

    Every route serves up to a few pick-up zones near each other and one or two drop-off zones in one window of arrival,
    at the price that is worth most, there in the morning and back in the evening. Riders are expected numbers of a
    logit between the car as simulated and the bus. Of drivers from one zone to another in one window only one route is
    credited. Objective: fares and felt minutes gained at the value of time, less operating cost, CNY a day.

    `indicators["commuter_routes"]` tell for the most valuable routes the `next_best`: what the best plan without it
    loses, all else free to change, and what it runs instead. `shadow_prices` tell what one more bus would bring.

    The plan holds no routes of a scenario: a booked seat is not in the scenario vocabulary, so the effect cannot be
    simulated, and the plan says so.

    Raises
    ------
    ScenarioError
        The run is of another network, or nobody drives to work in it.
    SolverMissingError
        Without OR-Tools.
    """
    load()
    tell = progress or (lambda _message, _share: None)
    tell("drivers to work", 0.05)
    drivers = drivers_to_work(network, run)
    tell("routes", 0.2)
    homes = zone_stops(network, network.cells.home_share, options)
    jobs = zone_stops(network, network.cells.work_share, options)
    columns = possible_routes(network, run, drivers, homes, jobs, options)
    tell(f"choosing among {len(columns)} routes", 0.7)
    best, others = choose_routes(columns, options)
    tell("done", 1.0)
    return make_plan(network, run, drivers, (homes, jobs), columns, best, others, options)


def choose_routes(columns: Sequence[Column], o: CommuterOptions) -> tuple[Answer, Alternatives]:
    """Return the best choice of routes and what else could be; each pair of zones goes once a window."""
    cp_model, _ = load()
    if not columns:
        nothing = Answer((), 0.0, 0.0)
        return nothing, Alternatives({}, nothing)
    model: Any = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in columns]
    held: dict[tuple[int, int, int], list[Any]] = {}
    for var, c in zip(x, columns, strict=True):
        for a in c.pickups:
            for z in c.drops:
                held.setdefault((a, z, c.window), []).append(var)
    for key in sorted(held):
        model.add_at_most_one(held[key])
    fleet = fleet_of(model, cp_model.LinearExpr.weighted_sum(x, [c.buses for c in columns]))
    model.maximize(cp_model.LinearExpr.weighted_sum(x, [int(c.value * _CENT) for c in columns]))
    program = Program(model, x, fleet, o.seed)
    best = solve(program, int(o.vehicles), o.work)
    if best.picks is None:  # no route at all keeps every limit
        best = Answer((), 0.0, sum(c.value for c in columns))
    return best, alternatives(program, int(o.vehicles), best, [c.value for c in columns], o.work)
