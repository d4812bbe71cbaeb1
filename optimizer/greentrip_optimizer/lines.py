"""Fit bus lines to rail: shorten, reroute or withdraw those beside it, and run more beside sections over capacity."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIOD_HOURS, PERIODS, Network

from greentrip_optimizer.alternatives import Answer, next_best, shadow_prices
from greentrip_optimizer.line_actions import Action, LineOptions, Service, cuts, strengthen
from greentrip_optimizer.line_choice import LineChoice, choose_changes
from greentrip_optimizer.parallel import parallel_lines
from greentrip_optimizer.plan import LineChange, Plan, gap_of
from greentrip_optimizer.solver import load

if TYPE_CHECKING:
    from greentrip_agents import Run

_BUS_KMH = 18.0  # of a new line, stops included (assumed)
_NEW_HEADWAYS_S = (300.0, 600.0)
_NEW_CAPACITY = 80


def adjust_lines(
    network: Network,
    run: "Run",
    options: LineOptions | None = None,
    *,
    progress: Callable[[str, float], None] | None = None,
    parameters: Parameters | None = None,
) -> Plan:
    """Choose what to do with the bus lines beside rail, and where buses relieve rail sections over capacity.

    CP-SAT chooses at most one change a line. What counts is operating cost saved, less the riders' felt minutes lost,
    plus the minutes of crowding that riders taken off full trains gain, all in CNY a day. Limits: buses at hand; no
    stop away from rail loses its last line; riders moved to rail fit into the trains. The figures are estimates from
    the run's loads; simulate the plan to see what it does. The bound holds over the changes considered, not over every
    line there could be, so that it is an `estimate`.

    `indicators["changes"]` tell for the most valuable changes the `next_best`: what the best plan without it loses, all
    else free to change, and what it does instead. `shadow_prices` tell what one more bus would bring.

    Parameters
    ----------
    network, run
        A network with bus lines and a finished run of that very network.
    options
        What counts as parallel, unit costs, limits.
    progress
        Called with what is being done and the share done.
    parameters
        The run's, if it was not made with the network's own.

    Raises
    ------
    ScenarioError
        The network has no bus line or no rail, the run is of another network, or no changes keep the limits.
    SolverMissingError
        Without OR-Tools.
    """
    load()
    o = options or LineOptions()
    tell = progress or (lambda _message, _share: None)
    if not network.buses.lines:
        raise ScenarioError("network", "has no bus line; expected lines to adjust")
    if not len(network.compiled.rail.ride_line):
        raise ScenarioError("network", "has no rail line; expected rail that bus lines can be fitted to")
    service = Service(network, run, o, parameters if parameters is not None else default_parameters(network.name))
    tell("bus lines beside rail", 0.1)
    beside = parallel_lines(network, near_m=o.near_m, least_share=o.least_share)
    over = _over(run, o)
    tell(f"changes of {len(beside)} lines", 0.3)
    found = [a for line in beside for a in (*cuts(service, line), *strengthen(service, line, over))]
    actions = [a for a in found if a.mean_loss_min <= o.most_loss_min]
    actions += _new_lines(service, over, {r for a in actions for r, _ in a.relieved})
    today = {k: service.today(k) for k in range(len(network.buses.lines))}
    tell(f"choosing among {len(actions)} changes", 0.5)
    choice = choose_changes(service, actions, over, today, [a for a in found if a.mean_loss_min > o.most_loss_min])
    tell("done", 1.0)
    return _plan(service, beside, actions, choice, over, today)


def _over(run: "Run", o: LineOptions) -> dict[int, float]:
    """Return rail rides over capacity in the morning peak, and by how many persons."""
    riding, places = run.costs["rail_load_am"], run.costs["rail_places_am"]
    return {int(r): float(riding[r] - o.full * places[r]) for r in np.flatnonzero(riding > o.full * places)}


def _new_lines(service: Service, over: dict[int, float], taken: set[int]) -> list[Action]:
    """Return new bus lines from station to station beside full rides where no line runs that could be strengthened."""
    net, o, rail = service.network, service.options, service.network.compiled.rail
    out: list[Action] = []
    for i in range(len(rail.line_ids)):
        rides = [r for r in sorted(over) if rail.ride_line[r] == i and r not in taken]
        for group in _joined(rides, rail):
            nodes = [net.compiled.roads.nodes[rail.node[s]] for s in group]
            stops = tuple(n for k, n in enumerate(nodes) if k == 0 or n != nodes[k - 1])
            if len(stops) < 2:
                continue
            metres = 1.3 * float(np.hypot(np.diff(rail.x_m[group]), np.diff(rail.y_m[group])).sum())
            here = [
                r
                for r in rides
                if rail.platform_station[rail.ride_from[r]] in group and rail.platform_station[rail.ride_to[r]] in group
            ]
            for headway in _NEW_HEADWAYS_S:
                every = (headway, 2 * headway, headway)
                peak, money = service.cost(2 * metres / 1000 / _BUS_KMH * 60, 2 * metres, every)
                places = PERIOD_HOURS[0] * 3600 / headway * _NEW_CAPACITY
                out.append(
                    Action(
                        -1,
                        "new",
                        stops,
                        every,
                        _NEW_CAPACITY,
                        peak,
                        -money,
                        0.0,
                        0.0,
                        rail=i,
                        relieved=tuple((r, places * o.uptake) for r in here),
                        name=f"R-{rail.line_ids[i]}-{stops[0]}-{stops[-1]}",
                    )
                )
    return out


def _joined(rides: Sequence[int], rail: Any) -> list[list[int]]:
    """Return the stations along rides that follow each other, one direction after the other."""
    follows = {
        int(rail.platform_station[rail.ride_from[r]]): int(rail.platform_station[rail.ride_to[r]])
        for r in rides
        if rail.ride_direction[r] == rail.ride_direction[rides[0]]
    }
    out: list[list[int]] = []
    for start in sorted(set(follows) - set(follows.values())) or sorted(follows)[:1]:
        chain = [start]
        while chain[-1] in follows and follows[chain[-1]] not in chain:
            chain.append(follows[chain[-1]])
        out.append(chain)
    return out


def _plan(
    service: Service,
    beside: Sequence[Any],
    actions: Sequence[Action],
    choice: LineChoice,
    over: dict[int, float],
    today: dict[int, tuple[int, float]],
) -> Plan:
    """Return the plan of the chosen actions with what was before and is after."""
    net, o, rail = service.network, service.options, service.network.compiled.rail
    per_min = service.parameters["value_of_time.mean_cny_h"] / 60
    share = {line.row: line for line in beside}
    label = "demonstration: the bus lines are generated, not a timetable" if net.buses.generated else ""
    changes: list[LineChange] = []
    rows: list[dict[str, Any]] = []
    for i in choice.picks:
        a = actions[i]
        old = net.buses.lines[a.row] if a.row >= 0 else None
        before = tuple(net.buses.node[c] for c in np.flatnonzero(net.buses.line == a.row)) if old else ()
        buses, _ = today[a.row] if a.row >= 0 else (0, 0.0)
        station = rail.stations[a.station] if a.station >= 0 else ""
        taken = sum(min(n, over[r]) for r, n in a.relieved)
        changes.append(
            LineChange(
                line=old.id if old else a.name,
                action=a.kind,
                stops_before=before,
                stops=a.stops,
                headway_s_before=old.headway_s if old else (),
                headway_s=a.headway_s if a.kind != "withdraw" else (),
                capacity=a.capacity,
                vehicles_before=buses,
                vehicles=a.vehicles,
                station=station,
                label=label,
            )
        )
        beside_line = share.get(a.row)
        rows.append(
            {
                "line": changes[-1].line,
                "name_en": old.name_en if old else a.name,
                "name_zh": old.name_zh if old else a.name,
                "action": a.kind,
                "beside": rail.line_ids[a.rail],
                "share_beside": round(beside_line.share, 3) if beside_line else 1.0,
                "station": station,
                "stops_before": len(before),
                "stops": len(a.stops),
                "vehicles_before": buses,
                "vehicles": a.vehicles,
                "riders_affected_day": round(a.riders, 1),
                "minutes_lost_day": round(a.lost_min, 1),
                "saved_cny_day": round(a.saved_cny, 2),
                "persons_off_full_trains_am": round(taken, 1),
                "worth_cny_day": round(a.saved_cny - a.lost_min * per_min, 2),
            }
        )
        if i in choice.others.without:
            rows[-1]["next_best"] = _next_best(net, actions, choice.best, i, choice.others.without[i])
    picked = [actions[i] for i in choice.picks]
    at_all = sum(n for n, _ in today.values())
    moved: dict[int, float] = {}
    for a in picked:
        for r, n in a.moved:
            moved[r] = moved.get(r, 0.0) + n
        for r, n in a.relieved:
            moved[r] = moved.get(r, 0.0) - min(n, over[r])
    riding, places = (service.run.costs[f"rail_{n}_am"] for n in ("load", "places"))
    after = np.array(riding, np.float64)
    for r, n in moved.items():
        after[r] += n
    indicators = {
        "network": net.name,
        "label": label,
        "lines": len(net.buses.lines),
        "lines_beside_rail": len(beside),
        "changes_considered": len(actions),
        "next_best_told": len(choice.others.without),
        "shadow_prices": shadow_prices(choice.best, choice.others.one_more),
        "vehicles_before": at_all,
        "vehicles_after": at_all + sum(a.vehicles - (today[a.row][0] if a.row >= 0 else 0) for a in picked),
        "cost_cny_day_before": round(sum(c for _, c in today.values()), 2),
        "cost_cny_day_after": round(sum(c for _, c in today.values()) - sum(a.saved_cny for a in picked), 2),
        "riders_affected_day": round(sum(a.riders for a in picked), 1),
        "minutes_lost_day": round(sum(a.lost_min for a in picked), 1),
        "rail_sections_over_capacity_before": int((riding > o.full * places).sum()),
        "rail_sections_over_capacity_after": int((after > o.full * places + 1.0).sum()),
        "bus_boardings_day": round(float(sum(service.run.costs[f"bus_boarded_{p}"].sum() for p in PERIODS)), 1),
        "changes": rows,
    }
    value, bound = choice.best.value, max(choice.best.bound, choice.best.value)
    return Plan(
        "lines",
        (),
        round(value, 2),
        round(bound, 2),
        gap_of(value, bound),
        "estimate",
        (),
        indicators,
        _assumptions(o, net),
        tuple(changes),
    )


def _next_best(net: Network, actions: Sequence[Action], best: Answer, i: int, without: Answer) -> dict[str, Any]:
    """Return what the best plan without a change loses, what it changes instead, and what it leaves out besides."""

    def line(a: Action) -> str:
        return net.buses.lines[a.row].id if a.row >= 0 else a.name

    row = next_best(best, without)
    if without.picks is not None:
        now, then = set(best.picks or ()), set(without.picks)
        changed = {line(actions[k]) for k in then}
        row["instead"] = [
            {
                "line": line(a),
                "action": a.kind,
                "stops": len(a.stops),
                "headway_min": round(a.headway_s[0] / 60, 2) if a.stops else None,
                "vehicles": a.vehicles,
            }
            for a in (actions[k] for k in sorted(then - now))
        ]
        row["also_left_out"] = [n for n in (line(actions[k]) for k in sorted(now - then - {i})) if n not in changed]
    return row


def _assumptions(o: LineOptions, network: Network) -> tuple[str, ...]:
    """Return what the choice takes for granted, one sentence each."""
    label = (
        ("The bus lines of this network are generated: this plan is a demonstration.",)
        if network.buses.generated
        else ()
    )
    return (
        *label,
        f"A line is beside rail if at least {o.least_share:.0%} of it runs within {o.near_m:g} m of one rail line.",
        (
            f"Assumed unit costs: {o.cny_vehicle_hour:g} CNY a vehicle-hour, {o.cny_km:g} CNY/km, "
            f"{o.cny_vehicle_day:g} CNY a bus and day."
        ),
        (
            "Riders cut off take rail from the next station; nobody gains by it, and an end far from rail loses "
            f"{o.stranded_min:g} felt minutes (assumed)."
        ),
        (
            f"Rail riders fill {o.uptake:.0%} of the places added beside full trains, each worth {o.crowding_min:g} "
            "felt minutes to those who stay (assumed)."
        ),
        "The bound holds over the changes considered, not over every possible one: it is an estimate.",
        "Riders are estimated from the run's loads; simulate the plan.",
    )
