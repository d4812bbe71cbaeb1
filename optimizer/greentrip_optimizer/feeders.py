"""Design feeder routes for stations: candidate stops, routes priced against each other, and the choice among them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import FeederRoute, Network

from greentrip_optimizer import solver
from greentrip_optimizer.area import Area, station_area
from greentrip_optimizer.finder import RouteFinder
from greentrip_optimizer.keep import bays_beside, demand_beside, options_beside
from greentrip_optimizer.keep_check import check_kept
from greentrip_optimizer.master import Choice, best_start, choose
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.plan import Plan
from greentrip_optimizer.pool import Pool, PoolBuilder, Prices
from greentrip_optimizer.relax import Relaxation, relax
from greentrip_optimizer.routes import make_plan
from greentrip_optimizer.street_limit import StreetLimit, street_limit
from greentrip_optimizer.street_report import check_streets
from greentrip_optimizer.streets import bus_streets
from greentrip_optimizer.turn_report import check_turning

if TYPE_CHECKING:
    from greentrip_agents import Run

Progress = Callable[[str, float], None]
_MOST_ROUNDS = 40


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
    progress: Progress | None = None,
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
    progress
        Called with what is being done and the share done, 0 to 1; raising in it stops the design.

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
        vehicles=vehicles,
        budget_cny_day=budget_cny_day,
        seed=seed,
        range_km=range_km,
        charge_km_h=charge_km_h,
        turn_m=turn_m,
        loops=loops,
        street_buses_h=street_buses_h,
    )
    tell = progress or _silent
    tell("demand around the stations", 0.0)
    demands = catchment_demand(network, run, ids)
    peak_s = (run.costs["link_s_am"] + run.costs["link_s_pm"]) / 2  # buses are timed for the peaks
    return design(demands, network, options, link_s=peak_s, keep=keep, progress=progress)


def options_of(network: Network, *, vehicles: int, **rules: Any) -> FeederOptions:
    """Return options that weigh walking, waiting and money as the simulation of the network does.

    `rules` are further fields of `FeederOptions`: budget, seed, range, loops and so on.
    """
    from greentrip_agents.parameters import default_parameters

    p = default_parameters(network.name)
    return FeederOptions(
        vehicles=vehicles,
        value_cny_h=p["value_of_time.mean_cny_h"],
        walk_weight=p["weight.walk_access"],
        wait_weight=p["weight.wait"],
        transfer_min=p["weight.transfer_min"],
        walk_m_s=p["speed.walk_m_s"],
        street_detour=p["distance.street_detour"],
        stop_walk_m=p["access.stop_walk_max_km"] * 1000,
        dwell_s=p["speed.bus_dwell_s"],
        bus_over_car=p["speed.bus_over_car"],
        **rules,
    )


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
    progress: Progress | None = None,
) -> Plan:
    """Design feeders from the demand around each station; the same input gives the same plan.

    Routes to `keep` run as they are and come first in the plan; objective and bound are of what is added beside them.
    Routes are found by growing labels against the prices of cells, buses, money and bays that the linear relaxation
    sets, round by round; CP-SAT then chooses among those that can still matter. `link_s` are congested car seconds by
    road link.
    """
    solver.load()
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
    bays = bays_beside(keep, ids, options)
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
    if options.vehicles == 0 or options.budget_cny_day == 0:
        nothing = Choice((), 0.0, complete=True, optimal=True, bound=0.0)
        empty = PoolBuilder(areas, bays, limit).pool()
        return make_plan(
            network, demands, areas, empty, nothing, 0.0, options, exhaustive=True, keep=keep, streets=limit
        )
    pool, choice, upper, prices, finder = _search(
        areas, bays, len(network.compiled.roads.nodes), len(network.cells.x_m), options, tell, limit
    )
    tell("done", 1.0)
    return make_plan(
        network,
        demands,
        areas,
        pool,
        choice,
        upper,
        options,
        exhaustive=not finder.growing and finder.every_loop,
        routes_listed=finder.routes_listed,
        loops_listed=finder.loops_listed,
        prices=prices,
        keep=keep,
        streets=limit,
    )


def wanted(demand: CatchmentDemand) -> bool:
    """Say whether anybody would use a station, or gain, if reaching it were easier."""
    return bool((demand.riders > 0).any() and (demand.benefit_min > 0).any())


def _search(
    areas: Sequence[Area],
    bays: Int32s,
    nodes: int,
    cells: int,
    options: FeederOptions,
    tell: Progress,
    streets: StreetLimit | None,
) -> tuple[Pool, Choice, float, Prices, RouteFinder]:
    """Price routes until none pays, then choose among all that could still be in a better plan than the best known."""
    builder = PoolBuilder(areas, bays, streets)
    finder = RouteFinder(areas, nodes, options, builder, tell, streets)
    for vehicle in (0.0, 500.0, 2000.0):
        finder.offer(Prices(np.zeros(cells), 0.0, vehicle, np.zeros(len(areas))))
    relaxation = Relaxation(cells, bays, options, streets)
    upper, prices, before = np.inf, relaxation.prices, 0.0
    for k in range(_MOST_ROUNDS):
        pool = builder.pool()
        value, now, _ = relax(pool, relaxation)
        tell(f"routes, round {k + 1}: {len(pool.stops)} found, worth {value:,.0f} CNY a day", 0.25 + 0.4 * k / (k + 8))
        added, top = finder.offer(now)
        bound = relaxation.bound(builder.pool(), now, top)
        if bound < upper or finder.growing:  # what is grown later may pay at the prices of an earlier round
            upper, prices = bound, now
        rests = k >= 2 and value - before <= 1e-4 * abs(value) if finder.growing else upper - value <= 1e-5 * abs(value)
        if not added or rests or (finder.growing and k + 1 >= options.pricing_rounds):
            break
        before = value
    pool = builder.pool()
    start, value = best_start(pool, prices, options, relaxation.packed)
    for k in range(3 if finder.growing else 0):
        tell(f"improving a plan worth {value:,.0f} CNY a day", 0.7 + 0.05 * k)
        keys = [(int(pool.route[i]), int(pool.headway[i])) for i in start]
        if not finder.offer_beside(pool, start, prices):
            break
        before, pool = value, builder.pool()
        _, prices, _ = relax(pool, relaxation)
        upper = relaxation.bound(pool, prices, finder.offer(prices)[1])
        pool = builder.pool()
        at = {(int(r), int(h)): i for i, (r, h) in enumerate(zip(pool.route, pool.headway, strict=True))}
        start, value = best_start(pool, prices, options, relaxation.packed, [tuple(sorted(at[key] for key in keys))])
        if value - before <= 1e-4 * abs(value):
            break
    for most in (200, 5000):  # a station; the first choice finds a better plan, so that fewer must be looked at
        upper = max(upper, value)
        complete = finder.collect(prices, value - upper, most)
        pool = builder.pool()  # columns are added at the end, so `start` still holds
        tell(f"choosing among {len(pool.stops)} routes, worth {value:,.0f} to {upper:,.0f} CNY a day", 0.85)
        choice = choose(pool, pool.profit(prices), upper, options, start, value, complete=complete)
        if complete and choice.complete:
            break
        start, value = choice.columns, choice.value
    return pool, choice, upper, prices, finder


def _silent(message: str, fraction: float) -> None:
    """Tell nobody."""
