"""The demand around a rail station that a feeder could serve, by how easy reaching the station becomes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from greentrip_networks.kernels import njit
from greentrip_networks.network import Bools, Floats, Ints, Network

from greentrip_agents.choice import Costs, Taste, Travellers, local_speeds, nest_logsums, utilities
from greentrip_agents.costs import taste, travellers
from greentrip_agents.definitions import METRO
from greentrip_agents.destinations import zone_probabilities
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_agents.policies import in_force
from greentrip_agents.population import plan_tours, sample_residents

if TYPE_CHECKING:
    from greentrip_agents.run import Run

LEVELS_MIN = (2.0, 5.0, 8.0, 11.0, 14.0, 17.0, 20.0, 25.0, 30.0, 40.0)


@dataclass(frozen=True, eq=False)
class CatchmentDemand:
    """What every resident around a station would do if reaching it took less effort.

    The figures are sums of choice probabilities over every resident of a cell, not counts of a sample.

    Parameters
    ----------
    station
        Id of the rail station.
    cells
        Rows of `network.cells` in the catchment, shape (cells,), ascending.
    riders
        Expected daily boardings plus alightings at the station by residents of a cell if the generalised access cost
        of the cell falls to a level, shape (cells, levels), non-increasing along the levels.
    benefit_min
        Person-minutes of generalised cost saved a day (logsum) at a level against today, shape (cells, levels).
    levels_min
        Generalised access costs in minutes, shape (levels,), ascending.
    base_min
        Today's best generalised access cost in minutes, shape (cells,).
    """

    station: str
    cells: Ints
    riders: Floats
    benefit_min: Floats
    levels_min: Floats
    base_min: Floats


def catchment_demand(
    network: Network,
    run: "Run",
    stations: Sequence[str],
    *,
    radius_m: float = 3000.0,
    parameters: Parameters | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[CatchmentDemand]:
    """Sum the choice probabilities of every resident around some stations, at the costs a run ended with.

    Every resident of the catchment is drawn at 100 %, with the run's seed, so they are the same persons; each of their
    tours counts with its nested logit probabilities. Only home ends are served: trips of people who come to work in a
    catchment are not counted. Raises UnknownNameError for an unknown station.
    """
    p = in_force(network, parameters if parameters is not None else default_parameters(network.name))
    cells, rail = network.cells, network.compiled.rail
    rows = [rail.stations.index(network.station(name)) for name in stations]
    far = [np.hypot(cells.x_m - rail.x_m[s], cells.y_m - rail.y_m[s]) for s in rows]
    members = [np.flatnonzero(d <= radius_m) for d in far]
    costs = Costs(**{name: run.costs[name] for name in Costs._fields})
    speed = np.empty((costs.car_min.shape[0], costs.car_min.shape[1]))
    local_speeds(costs.car_min, costs.car_km, speed)
    likes = taste(network, p)
    cumulative = zone_probabilities(network, p)
    levels = np.array(LEVELS_MIN)
    found = [(np.zeros((len(m), len(levels))), np.zeros((len(m), len(levels)))) for m in members]
    position = np.full((len(rows), len(cells.zone)), -1, np.int64)
    for k, m in enumerate(members):
        position[k, m] = np.arange(len(m))
    zones = np.unique(cells.zone[np.concatenate(members)]) if members else np.zeros(0, np.int64)
    inside = np.asarray((position >= 0).any(axis=0), np.bool_)

    def serve(zone: int) -> None:
        only = np.zeros(len(network.zones), bool)
        only[zone] = True
        seed = int(run.indicators["seed"])
        people = sample_residents(network, sample=1.0, seed=seed, parameters=p, zones_only=only).keep(inside)
        least = float(run.indicators["definition"]["minimum_m"])
        tours = plan_tours(network, people, seed=seed, parameters=p, minimum_m=least, cumulative=cumulative)
        who = travellers(network, people, tours, p, seed=seed)
        who = who._replace(shift=np.full_like(who.shift, np.inf))  # a plan is made for the times that people want
        near = np.flatnonzero((position[:, people.cell] >= 0).any(axis=1)) if len(people) else ()
        if not len(near):
            return
        sides = np.empty((len(near), len(who.key), 2, 3))
        pays = np.zeros((len(near), len(who.key)), np.bool_)
        for i, k in enumerate(near):
            _by_stations(who, costs, likes, rows[k], position[k], levels[0], sides[i], pays[i])
        tours_today = _tours_today(who, speed, costs, likes, np.asarray(pays.any(axis=0), np.bool_))
        for i, k in enumerate(near):
            _add_tours(who, tours_today, likes, position[k], levels, sides[i], pays[i], found[k][0], found[k][1])

    with ThreadPoolExecutor(2) as pool:  # zones do not share cells, so their sums do not meet
        for done, _ in enumerate(pool.map(serve, zones)):
            if progress is not None:
                progress((done + 1) / len(zones))
    return [
        CatchmentDemand(rail.stations[s], m.astype(np.int64), riders, benefit, levels, _best_access(costs, m, s))
        for s, m, (riders, benefit) in zip(rows, members, found, strict=True)
    ]


def _best_access(costs: Costs, cells: Ints, station: int) -> Floats:
    """Return today's generalised access cost from cells to a station, mean of the peaks; inf where not considered."""
    here = costs.station[cells] == station
    by_period = np.where(here[None], costs.access_cost[:, cells], np.inf).min(axis=2)
    both: Floats = by_period[[0, 2]].mean(axis=0)
    return both


class Today(NamedTuple):
    """What each tour's choice holds fixed while access to one station changes; shape (tours,).

    Utilities count from the best of the other modes, so that no exponential overflows.
    """

    best_other: Floats  # utility of the best mode but the metro
    beside: Floats  # exp(utility / scale) of the other modes in the metro's nest, summed
    elsewhere: Floats  # exp(logsum) of the other nests, summed


def _tours_today(v: Travellers, local_speed: Floats, c: Costs, t: Taste, asked: Bools) -> Today:
    """Return today's utilities of the tours asked for, split by what the metro's utility enters."""
    n = len(v.key)
    today = Today(np.empty(n), np.empty(n), np.empty(n))
    _split_utilities(v, local_speed, c, t, asked, today)
    return today


@njit()
def _split_utilities(v: Travellers, local_speed: Floats, c: Costs, t: Taste, asked: Bools, out: Today) -> None:
    """Fill what `_tours_today` returns."""
    n_modes = t.constant.shape[0]
    cost = np.empty((4, n_modes))
    minutes = np.empty((4, n_modes))
    pick = np.empty((4, 4), np.int32)
    utility = np.empty(n_modes)
    logsum = np.empty(t.nest_scale.shape[0])
    nest = t.nest[METRO]
    for i in range(v.key.shape[0]):
        if not asked[i]:
            continue
        utilities(i, v, local_speed, c, t, cost, minutes, pick, utility)
        utility[METRO] = -np.inf
        best = np.max(utility)
        if best == -np.inf:
            best = np.float64(0.0)
        utility -= best
        out.best_other[i] = best
        nest_logsums(utility, t, logsum)
        out.beside[i] = np.exp(logsum[nest] / t.nest_scale[nest])
        out.elsewhere[i] = 0.0
        for n in range(logsum.shape[0]):
            if n != nest:
                out.elsewhere[i] += np.exp(logsum[n])


@njit(bare=True)
def _metro(utility: float, beside: float, elsewhere: float, scale: float) -> tuple[float, float]:
    """Return the metro's probability and the logsum over all modes when the metro has this utility."""
    own = np.exp(utility / scale)
    nest = (own + beside) ** scale
    if nest + elsewhere <= 0.0:
        return 0.0, -np.inf
    share = nest / (nest + elsewhere) * own / (own + beside) if own > 0.0 else 0.0
    return share, np.log(nest + elsewhere)


@njit(bare=True)
def _by_stations(
    v: Travellers,
    c: Costs,
    t: Taste,
    station: int,
    position: Ints,
    least: float,
    sides: Floats,
    pays: Bools,
) -> None:
    """Fill each tour's `_by_station`, by direction, and whether the station serves it if access costs the least."""
    for i in range(v.key.shape[0]):
        if position[v.home_cell[i]] < 0:
            continue
        for d in range(2):
            p = v.out_period[i] if d == 0 else v.back_period[i]
            _by_station(p, d == 0, station, v.home_cell[i], v.cell[i], v.vot[i], c, t, sides, i, d)
            mine = sides[i, d, 0] + min(least, sides[i, d, 2])
            if mine <= sides[i, d, 1] and mine < np.inf:
                pays[i] = True


@njit(bare=True)
def _add_tours(
    v: Travellers,
    today: Today,
    t: Taste,
    position: Ints,
    levels: Floats,
    sides: Floats,
    pays: Bools,
    riders: Floats,
    benefit: Floats,
) -> None:
    """Add the riders and benefits of every tour whose home cell is in the station's catchment and whom it may serve."""
    scale = t.nest_scale[t.nest[METRO]]
    for i in range(v.key.shape[0]):
        if not pays[i]:
            continue
        row = position[v.home_cell[i]]
        access = (sides[i, 0, 2], sides[i, 1, 2])
        per_minute = t.per_minute[v.purpose[i]]
        before = np.nan
        share_today = np.nan
        ends_today = 0.0
        for k in range(-1, levels.shape[0]):
            if k >= 0 and levels[k] >= access[0] and levels[k] >= access[1]:  # no better than today
                riders[row, k] += share_today * ends_today
                continue
            total = 0.0
            ends = 0.0
            for d in range(2):
                mine = sides[i, d, 0] + (access[d] if k < 0 else min(levels[k], access[d]))
                if mine <= sides[i, d, 1] and mine < np.inf:
                    ends += 1.0
                total += min(mine, sides[i, d, 1])
            if k >= 0 and ends == 0.0:  # nor at any higher cost
                break
            utility = t.constant[METRO] - per_minute * 0.5 * total - today.best_other[i]
            share, logsum = _metro(utility, today.beside[i], today.elsewhere[i], scale)
            if k < 0:
                before, share_today, ends_today = logsum, share, ends
            else:
                riders[row, k] += share * ends
                benefit[row, k] += 2.0 * max(logsum - before, 0.0) / per_minute


@njit(bare=True, taken_in=True)
def _by_station(
    p: int, outward: bool, station: int, home: int, away: int, vot: float, c: Costs, t: Taste, sides: Floats, k: int,
    d: int,
) -> None:  # fmt: skip
    """Fill one direction's cost beyond the home access through the station, best cost without it, home access now."""
    slots = c.station.shape[1]
    onward, others, today = np.inf, np.inf, np.inf
    walk = t.walk_access * t.station_access
    for i in range(slots):
        if c.station[home, i] == station:
            today = min(today, c.access_cost[p, home, i])
    for j in range(slots):
        e = c.station[away, j]
        if e < 0:
            continue
        far = c.access_cost[p, away, j]
        if e != station:
            rail = c.rail_cost[p, station, e] if outward else c.rail_cost[p, e, station]
            onward = min(onward, rail + walk + c.rail_fare[station, e] / vot + far)
        for i in range(slots):
            s = c.station[home, i]
            if s < 0 or s == station or s == e:  # noqa: PLR1714, SIM109  (numba has no `in` for mixed integers)
                continue
            near = c.access_cost[p, home, i] + far
            if near >= others:  # the train only adds to it
                continue
            rail = c.rail_cost[p, s, e] if outward else c.rail_cost[p, e, s]
            others = min(others, c.access_cost[p, home, i] + rail + walk + c.rail_fare[s, e] / vot + far)
    sides[k, d, 0], sides[k, d, 1], sides[k, d, 2] = onward, others, today
