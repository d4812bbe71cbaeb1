"""Design feeder routes for stations: candidate stops, routes priced against each other, and the choice among them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from greentrip_agents.catchment import CatchmentDemand
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_networks.compiled import Floats
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import FeederRoute, Network

from greentrip_optimizer import solver
from greentrip_optimizer.area import Area, station_area
from greentrip_optimizer.ending import Ending, Stop
from greentrip_optimizer.finder import RouteFinder
from greentrip_optimizer.keep import bays_beside, demand_beside, options_beside
from greentrip_optimizer.keep_check import check_kept
from greentrip_optimizer.limits import limits_of
from greentrip_optimizer.master import Choice
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.plan import Plan
from greentrip_optimizer.pool import PoolBuilder
from greentrip_optimizer.routes import make_plan
from greentrip_optimizer.search import Found, Progress, Search
from greentrip_optimizer.start import Start, start_from
from greentrip_optimizer.street_limit import street_limit
from greentrip_optimizer.street_report import check_streets
from greentrip_optimizer.streets import bus_streets
from greentrip_optimizer.turn_report import check_turning

if TYPE_CHECKING:
    from greentrip_agents import Run


def design_feeders(
    network: Network,
    run: "Run",
    *,
    stations: Sequence[str],
    vehicles: int,
    budget_cny_day: float | None = None,
    seed: int = 0,
    keep: Sequence[FeederRoute] = (),
    range_km: float = 0.0,
    charge_km_h: float = 0.0,
    turn_m: float = 0.0,
    loops: bool = False,
    street_buses_h: float | None = None,
    gap: float = 0.0,
    seconds: float | None = None,
    start: Sequence[FeederRoute] = (),
    stop: Stop | None = None,
    progress: Progress | None = None,
    found: Found | None = None,
    parameters: Parameters | None = None,
    rules: Mapping[str, Any] | None = None,
) -> Plan:
    """Design feeders for stations of a network from a finished run's demand.

    Parameters
    ----------
    network, run
        The city, and a finished run of it: demand and congested streets are taken from there.
    stations
        Ids or names of rail stations; each gets the routes that are worth their cost, or none.
    vehicles
        Buses at hand in the peak; 0 gives a plan without routes.
    budget_cny_day
        Most that a weekday's operation may cost, or nothing for no limit.
    seed
        Seed of the solver's search.
    keep
        Routes fixed by hand: they run as they are, on these buses, this budget and the stations' bays; new ones are
        designed beside them.
    range_km, charge_km_h
        How far an electric bus runs on a full battery (0: no limit), and the range an hour of layover gives back.
    turn_m
        The longest way round by which a bus may turn at its last stop; 0 lets it turn where it stands.
    loops
        Design loops too: routes that leave the station and come back to it by other streets, run in one direction.
    street_buses_h
        Most buses in the peak hour through one direction of a street, those of the network's lines and of kept routes
        included, or nothing for no limit.
    gap, seconds
        End the search once the plan is worth at most this share of the bound less than it (0: look on), or after so
        much wall time, with the best plan found; a plan that time ended need not repeat.
    start
        Routes of an earlier plan to start from, as far as this design may run them: the plan is worth no less. They do
        not bind.
    stop
        Asked between steps, and from another thread during CP-SAT's; true ends the search with the best plan found.
    progress
        Called with what is being done and the share done, 0 to 1; raising in it stops the design.
    found
        Called with what the best plan known is worth and the most that any could be, CNY a day, as either is known.
    parameters
        The run's, if it was not made with the network's own.
    rules
        Further fields of `FeederOptions` by name; see `rules.rules_of` for those that plain data may hold.

    Raises
    ------
    UnknownNameError
        For a station the network does not have, with the nearest names.
    ScenarioError
        For a station no street reaches, a station named twice, limits that make no sense, limits that kept routes break
        (all at once), streets that lines alone use up around a station, or stations where no bus can turn.
    SolverMissingError
        Without OR-Tools.
    """
    solver.load()
    ids = known_stations(network, stations)
    from greentrip_agents.catchment import catchment_demand  # type: ignore[attr-defined,unused-ignore]

    options = options_of(
        network,
        parameters,
        vehicles=vehicles,
        budget_cny_day=budget_cny_day,
        seed=seed,
        range_km=range_km,
        charge_km_h=charge_km_h,
        turn_m=turn_m,
        loops=loops,
        street_buses_h=street_buses_h,
        gap=gap,
        seconds=seconds,
        **(rules or {}),
    )
    tell = progress or _silent
    tell("demand around the stations", 0.0)
    demands = catchment_demand(network, run, ids, parameters=parameters)
    peak_s = (run.costs["link_s_am"] + run.costs["link_s_pm"]) / 2  # buses are timed for the peaks
    return design(
        demands, network, options, link_s=peak_s, keep=keep, start=start, stop=stop, progress=progress, found=found
    )


def options_of(network: Network, parameters: Parameters | None = None, *, vehicles: int, **rules: Any) -> FeederOptions:
    """Return options that weigh time and money as the simulation does, with the network's parameters or others.

    `rules` are further fields of `FeederOptions`: budget, seed, range, loops and so on.
    """
    p = parameters if parameters is not None else default_parameters(network.name)
    weighed = {
        "value_cny_h": p["value_of_time.mean_cny_h"],
        "walk_weight": p["weight.walk_access"],
        "wait_weight": p["weight.wait"],
        "transfer_min": p["weight.transfer_min"],
        "walk_m_s": p["speed.walk_m_s"],
        "street_detour": p["distance.street_detour"],
        "stop_walk_m": p["access.stop_walk_max_km"] * 1000,
        "dwell_s": p["speed.bus_dwell_s"],
        "bus_over_car": p["speed.bus_over_car"],
    }
    return FeederOptions(vehicles=vehicles, **{**weighed, **rules})


def known_stations(network: Network, stations: Sequence[str]) -> list[str]:
    """Return station ids of names; raise for an unknown one or one named twice."""
    if not stations:
        raise ScenarioError("stations", "none is given; expected at least one station id or name")
    ids: list[str] = []
    for i, name in enumerate(stations):
        station = network.station(name)
        if station in ids:
            raise ScenarioError(
                f"stations[{i}]", f"{name!r} is the same station as stations[{ids.index(station)}]; name each once"
            )
        ids.append(station)
    return ids


def design(
    demands: Sequence[CatchmentDemand],
    network: Network,
    options: FeederOptions,
    *,
    link_s: Floats | None = None,
    keep: Sequence[FeederRoute] = (),
    start: Sequence[FeederRoute] = (),
    stop: Stop | None = None,
    progress: Progress | None = None,
    found: Found | None = None,
) -> Plan:
    """Design feeders from the demand around each station; the same input gives the same plan.

    A search that `options.seconds` or `stop` ends is the exception, and its plan says so.

    Routes to `keep` run as they are and come first in the plan; objective and bound are of what is added beside them.
    Routes are found by growing labels against the prices of cells, buses, money and bays that the linear relaxation
    sets, round by round; CP-SAT then chooses among those that can still matter. `link_s` are congested car seconds by
    road link; `start`, `stop` and `found` as in `design_feeders`. Stops are chosen and routes listed before any end.
    """
    solver.load()
    ending = Ending(options.gap, options.seconds, stop)
    tell = progress or _silent
    ids = known_stations(network, [d.station for d in demands])
    nobody = [f"{network.rail.nodes[s]['name_en']} ({s})" for s, d in zip(ids, demands, strict=True) if not wanted(d)]
    if len(nobody) == len(ids):
        raise ScenarioError(
            "stations",
            f"demand is zero around {', '.join(nobody)}: no resident within reach would use it more if reaching it "
            "were easier; expected at least one station with demand",
        )
    if nobody:
        tell(f"demand is zero around {', '.join(nobody)}: no routes there", 0.01)
    streets = bus_streets(network.compiled.roads, options, link_s, network.extra.get("banned_turns", ()))
    check_kept(network, streets, keep, options)
    bays, asked = bays_beside(keep, ids, options), options
    if keep:
        options = options_beside(keep, options)
        demands = demand_beside(demands, network, keep, options)
    areas: list[Area] = []
    for k, demand in enumerate(demands):
        tell(f"stops around {network.rail.nodes[ids[k]]['name_en']}", 0.02 + 0.18 * k / len(demands))
        areas.append(station_area(demand, network, streets, options))
    if options.turn_m:
        check_turning(network, areas, ids, streets, options, tell)
    limit = street_limit(network, streets, areas, keep, options)
    if limit is not None:
        check_streets(network, areas, ids, limit, options)
    limits = limits_of(options, bays)
    builder = PoolBuilder(areas, limits, limit)
    if limits.nothing:
        nothing = Choice((), 0.0, complete=True, optimal=True, bound=0.0)
        idle = Start((), tuple({"route": r.id, "reason": "there are no buses, or no money, at hand"} for r in start))
        return make_plan(
            network,
            demands,
            areas,
            builder.pool(),
            nothing,
            0.0,
            options,
            exhaustive=True,
            keep=keep,
            asked=asked,
            streets=limit,
            ended=_ended(ending, "proved", start, idle),
        )
    finder = RouteFinder(areas, len(network.compiled.roads.nodes), options, builder, tell, limit)
    begun = start_from(start, network, areas, ids, finder, builder, options, keep)
    search = Search(
        areas, len(network.cells.x_m), options, builder, finder, ending, tell, found or _nobody_asked, limit
    )
    outcome = search.run(begun.columns)
    tell("done", 1.0)
    return make_plan(
        network,
        demands,
        areas,
        outcome.pool,
        outcome.choice,
        outcome.upper,
        options,
        exhaustive=finder.exhaustive,
        routes_listed=finder.routes_listed,
        loops_listed=finder.loops_listed,
        prices=outcome.prices,
        keep=keep,
        asked=asked,
        streets=limit,
        ended=_ended(ending, outcome.stopped_on, start, begun),
    )


def _ended(ending: Ending, stopped_on: str, asked: Sequence[FeederRoute], begun: Start) -> dict[str, Any]:
    """Return indicators of how the search began and ended; none if it was left to itself."""
    how = {"stopped_on": stopped_on, "repeatable": stopped_on not in ("time", "stop")} if ending.early else {}
    started = {"start_routes": len(asked) - len(begun.not_used), "start_not_used": list(begun.not_used)}
    return how | (started if asked else {})


def wanted(demand: CatchmentDemand) -> bool:
    """Say whether anybody would use a station, or gain, if reaching it were easier."""
    return bool((demand.riders > 0).any() and (demand.benefit_min > 0).any())


def _silent(message: str, fraction: float) -> None:
    """Tell nobody."""


def _nobody_asked(incumbent: float | None, bound: float | None) -> None:
    """Tell nobody."""
