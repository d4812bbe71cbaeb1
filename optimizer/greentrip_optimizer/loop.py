"""Design, simulate, price anew, and repeat until the plan stays; then say what the simulation makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_agents.catchment import CatchmentDemand
from greentrip_agents.parameters import Parameters
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import FeederRoute, Network

from greentrip_optimizer.feeders import design, known_stations
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.plan import Plan
from greentrip_optimizer.search import Found, Progress

if TYPE_CHECKING:
    from greentrip_agents import Run

LEAVE = ("car", "taxi", "bus", "bicycle", "ebike", "walk", "pr")
WEEKDAYS = 250  # a year; feeders are costed on these only
_ACCESS = ("station", "access_cost", "access_min", "drive_min")  # reaching stations, as it is without the plan
_DAMPED = 0.7  # share of the difference between simulated and designed riders that the next round believes

Simulate = Callable[[Network, int], "Run"]


@dataclass(frozen=True)
class Loop:
    """The plan that stayed, each round's figures, and the simulation's judgement; all but `plan` is plain data."""

    plan: Plan
    rounds: tuple[dict[str, Any], ...]
    settled: bool
    summary: dict[str, Any]


def design_in_loop(
    network: Network,
    base: Sequence["Run"],
    simulate: Simulate,
    *,
    stations: Sequence[str],
    options: FeederOptions,
    keep: Sequence[FeederRoute] = (),
    most_rounds: int = 4,
    start: Sequence[FeederRoute] = (),
    progress: Progress | None = None,
    found: Found | None = None,
    parameters: Parameters | None = None,
) -> Loop:
    """Design feeders so that the design's demand and the simulation's agree.

    Each round designs at the costs of streets, trains and waiting that the last round's plan led to (reaching stations
    costs what it did before, for that is what feeders change), with demand scaled so that riders designed for meet
    riders simulated. It ends when a plan comes back or after `most_rounds`; a plan that comes back later than the round
    before is a circle, and the plan of it with the largest green share counts.

    Parameters
    ----------
    network, base
        The city without new feeders and at least one finished run of it; the first gives the demand, all of them (one
        for each placement of the population, by seed) judge the final plan.
    simulate
        Called with a network and a seed; must simulate as the base runs were simulated.
    stations, keep
        As in `design_feeders`. Kept routes run in every round; its figures are of the others.
    options
        What each round's design may assume, as `feeders.options_of` makes it.
    most_rounds
        Rounds at most.
    start
        Routes of an earlier plan that each round's design starts from, as far as it may run them.
    progress
        Called with what is being done and the share done.
    found
        Called with what the best plan known of a round is worth and the most that any could be, CNY a day; with nothing
        when a round starts.
    parameters
        The runs', if they were not made with the network's own.
    """
    from greentrip_agents.comparison import compare

    if not base:
        raise ScenarioError("base", "no run is given; expected at least one finished run of the network")
    if most_rounds < 1:
        raise ScenarioError("most_rounds", f"saw {most_rounds}; expected at least 1")
    tell = progress or (lambda _message, _share: None)
    ids, first = known_stations(network, stations), base[0]
    now, scale = first, 1.0
    rounds: list[dict[str, Any]] = []
    seen: dict[Any, tuple[int, Plan, Run]] = {}
    settled = False
    for k in range(most_rounds):
        share = k / (most_rounds + 1)
        tell(f"round {k + 1}: demand around the stations", share)
        demands = _scaled(_demands(network, now, first, ids, parameters), scale)
        peak_s = (now.costs["link_s_am"] + now.costs["link_s_pm"]) / 2
        tell(f"round {k + 1}: design", share + 0.2 / (most_rounds + 1))
        if found is not None:
            found(None, None)

        def designing(message: str, done: float, k: int = k) -> None:
            tell(f"round {k + 1}: {message}", (k + 0.2 + 0.2 * done) / (most_rounds + 1))

        plan = design(demands, network, options, link_s=peak_s, keep=keep, start=start, progress=designing, found=found)
        key = tuple((r.station, r.path, r.stops, r.headways_s) for r in plan.routes)
        if key in seen:
            settled = seen[key][0] == k - 1
            rounds.append({"round": k + 1, "same_as_round": seen[key][0] + 1, "demand_scale": round(scale, 4)})
            break
        tell(f"round {k + 1}: simulate {len(plan.routes)} routes", share + 0.4 / (most_rounds + 1))
        run = simulate(network.with_(feeders=(*network.feeders, *plan.routes)), int(first.indicators["seed"]))
        seen[key] = (k, plan, run)
        judged = compare([first], [run], network).summary
        designed = float(plan.indicators["riders_day"])
        new = plan.routes[len(keep) :]
        met = sum(run.indicators["feeder_riders"].get(r.id, 0.0) for r in new)
        rounds.append(
            {
                "round": k + 1,
                "routes": len(new),
                "vehicles": sum(r.vehicles for r in new),
                "cost_cny_day": plan.indicators["cost_cny_day"],
                **({"kept_routes": len(keep)} if keep else {}),
                "demand_scale": round(scale, 4),
                "riders_designed": designed,
                "riders_simulated": met,
                "green_share_change_points": judged["headline"]["change_points"],
                "to_metro_from": moved_to_metro(judged["diversion"]),
                "bound_kind": plan.bound_kind,
                "gap": plan.gap,
            }
        )
        if designed > 0 and met > 0:
            scale = float(np.clip(scale * (met / designed) ** _DAMPED, 0.1, 10.0))
        now = run
    _, plan, run = max(seen.values(), key=lambda e: (_green(e[2]), e[0])) if not settled else list(seen.values())[-1]
    with_plan = network.with_(feeders=(*network.feeders, *plan.routes))
    others = []
    for k, b in enumerate(base[1:]):
        tell(f"placement {k + 2} of {len(base)}", (most_rounds + k / len(base)) / (most_rounds + 1))
        others.append(simulate(with_plan, int(b.indicators["seed"])))
    summary = compare(base, [run, *others], network).summary
    summary["to_metro_from"] = moved_to_metro(summary["diversion"])
    simulated = {k: summary["headline"][k] for k in ("change_points", "interval", "forecast", "verdict")}
    told = {"rounds": rounds, "settled": settled, "simulated": simulated | {"to_metro_from": summary["to_metro_from"]}}
    plan = replace(plan, indicators={**plan.indicators, **told})
    tell("done", 1.0)
    return Loop(plan, tuple(rounds), settled, summary)


def pareto(points: Sequence[dict[str, Any]]) -> list[bool]:
    """Say for each point whether no other is at least as good in green share and in cost and better in one."""
    out = []
    for p in points:
        mine = (p["green_share_change_points"], -p["million_cny_year"])
        out.append(
            not any(
                (q["green_share_change_points"], -q["million_cny_year"]) != mine
                and q["green_share_change_points"] >= mine[0]
                and -q["million_cny_year"] >= mine[1]
                for q in points
            )
        )
    return out


def million_a_year(plan: Plan) -> float:
    """Return a plan's operating cost in million CNY a year of weekdays (unit costs assumed, see `BusType`)."""
    return plan.cost_cny_day * WEEKDAYS / 1e6


def moved_to_metro(diversion: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return trips a day that left each mode for the metro, less those that went the other way."""
    net = dict.fromkeys(LEAVE, 0.0)
    for row in diversion:
        if row["to"] == "metro" and row["from"] in net:
            net[row["from"]] += row["trips_per_day"]
        elif row["from"] == "metro" and row["to"] in net:
            net[row["to"]] -= row["trips_per_day"]
    return {k: round(v, 1) for k, v in net.items()}


def _green(run: "Run") -> float:
    """Return a run's headline green share, percent."""
    definition = run.indicators["definition"]
    return float(run.indicators["green_share"][definition["area"]][definition["base"]])


def _demands(
    network: Network, now: "Run", first: "Run", stations: Sequence[str], parameters: Parameters | None
) -> list[CatchmentDemand]:
    """Return demand at a run's costs, with stations reached as before any new feeder."""
    from greentrip_agents.catchment import catchment_demand

    costs = {**now.costs, **{name: first.costs[name] for name in _ACCESS}}
    return catchment_demand(network, replace(now, costs=costs), stations, parameters=parameters)


def _scaled(demands: Sequence[CatchmentDemand], scale: float) -> list[CatchmentDemand]:
    """Return demand with riders and benefit multiplied."""
    return [replace(d, riders=d.riders * scale, benefit_min=d.benefit_min * scale) for d in demands]
