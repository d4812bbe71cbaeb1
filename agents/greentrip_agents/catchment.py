"""The demand around a rail station that a feeder could serve, by how easy reaching the station becomes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from greentrip_networks.kernels import njit
from greentrip_networks.network import Floats, Ints, Network

from greentrip_agents.choice import Costs, Taste, Travellers, local_speeds, probabilities, utilities
from greentrip_agents.costs import taste, travellers
from greentrip_agents.definitions import METRO
from greentrip_agents.destinations import zone_probabilities
from greentrip_agents.parameters import Parameters, default_parameters
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
    p = parameters if parameters is not None else default_parameters(network.name)
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
        who = travellers(network, people, tours, p)
        for k, s in enumerate(rows):
            _add_tours(who, speed, costs, likes, s, position[k], levels, found[k][0], found[k][1])

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


@njit()
def _add_tours(
    v: Travellers,
    local_speed: Floats,
    c: Costs,
    t: Taste,
    station: int,
    position: Ints,
    levels: Floats,
    riders: Floats,
    benefit: Floats,
) -> None:
    """Add the riders and benefits of every tour whose home cell is in the station's catchment."""
    n_modes = t.constant.shape[0]
    cost = np.empty((2, n_modes))
    minutes = np.empty((2, n_modes))
    pick = np.empty((2, 4), np.int32)
    utility = np.empty(n_modes)
    share = np.empty(n_modes)
    onward = np.empty(2)
    others = np.empty(2)
    today = np.empty(2)
    for i in range(v.key.shape[0]):
        row = position[v.home_cell[i]]
        if row < 0:
            continue
        utilities(i, v, local_speed, c, t, cost, minutes, pick, utility)
        for d in range(2):
            p = v.out_period[i] if d == 0 else v.back_period[i]
            _by_station(p, d == 0, station, v.home_cell[i], v.cell[i], v.vot[i], c, t, onward, others, today, d)
        before = np.nan
        for k in range(-1, levels.shape[0]):
            total = 0.0
            via = np.zeros(2)
            for d in range(2):
                access = today[d] if k < 0 else min(levels[k], today[d])
                mine = access + onward[d]
                if mine <= others[d] and mine < np.inf:
                    via[d] = 1.0
                total += min(mine, others[d])
            utility[METRO] = t.constant[METRO] - t.per_minute[v.purpose[i]] * 0.5 * total
            logsum = probabilities(utility, t, share)
            if k < 0:
                before = logsum
            else:
                riders[row, k] += share[METRO] * (via[0] + via[1])
                benefit[row, k] += 2.0 * max(logsum - before, 0.0) / t.per_minute[v.purpose[i]]


@njit()
def _by_station(
    p: int, outward: bool, station: int, home: int, away: int, vot: float, c: Costs, t: Taste, onward: Floats,
    others: Floats, today: Floats, d: int,
) -> None:  # fmt: skip
    """Fill one direction's cost beyond the home access through the station, best cost without it, home access now."""
    slots = c.station.shape[1]
    onward[d] = np.inf
    others[d] = np.inf
    today[d] = np.inf
    for i in range(slots):
        if c.station[home, i] == station:
            today[d] = min(today[d], c.access_cost[p, home, i])
    for j in range(slots):
        e = c.station[away, j]
        if e < 0:
            continue
        far = c.access_cost[p, away, j]
        if e != station:
            rail = c.rail_cost[p, station, e] if outward else c.rail_cost[p, e, station]
            onward[d] = min(onward[d], rail + t.walk_access * t.station_access + c.rail_fare[station, e] / vot + far)
        for i in range(slots):
            s = c.station[home, i]
            if s < 0 or s == station or s == e:  # noqa: PLR1714, SIM109  (numba has no `in` for mixed integers)
                continue
            rail = c.rail_cost[p, s, e] if outward else c.rail_cost[p, e, s]
            g = c.access_cost[p, home, i] + rail + t.walk_access * t.station_access + c.rail_fare[s, e] / vot + far
            others[d] = min(others[d], g)
