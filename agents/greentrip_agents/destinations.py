"""Where tours go: gravity between zones (doubly constrained for work), then a cell within the zone."""

from typing import TYPE_CHECKING

import numpy as np
from greentrip_networks.cells import SIDE_M
from greentrip_networks.kernels import njit, prange
from greentrip_networks.network import Network
from numpy.typing import NDArray

from greentrip_agents import draws
from greentrip_agents.definitions import ERRAND, GATEWAY, GUEST, LEISURE, SCHOOL, WORK
from greentrip_agents.parameters import Parameters

if TYPE_CHECKING:
    from greentrip_agents.population import Population

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Kinds of destination: the four purposes, errands and leisure that leave the neighbourhood, tours from a gateway.
SCALES = (
    "distance.work_km",
    "distance.school_km",
    "distance.errand_km",
    "distance.leisure_km",
    "distance.errand_far_km",
    "distance.leisure_far_km",
    "distance.gateway_km",
)
PURPOSE_OF_KIND = (WORK, SCHOOL, ERRAND, LEISURE, ERRAND, LEISURE, LEISURE)
FAR_ERRAND, FAR_LEISURE, FROM_GATEWAY = 4, 5, 6
ATTEMPTS = 6


def zone_distance_km(network: Network, detour: float) -> Floats:
    """Return street distances between zones, shape (zones, zones); within a zone half the side of an equal square."""
    z = network.zones
    d = np.hypot(z.x_m[:, None] - z.x_m[None, :], z.y_m[:, None] - z.y_m[None, :]) / 1000
    np.fill_diagonal(d, 0.5 * np.sqrt(z.area_km2))
    return d * detour


def zone_cost_km(network: Network, parameters: Parameters) -> Floats:
    """Return what going from zone to zone costs, as kilometres, shape (zones, zones).

    For a synthesised population: generalised minutes of the best of car, bus, rail, bicycle and walk in empty streets,
    times the city's kilometres a minute, so that the scales of distance hold for both. Else the street distance.
    """
    km = zone_distance_km(network, parameters["distance.street_detour"])
    if network.demand.people is None:
        return km
    from greentrip_agents.skims import ZoneSkims

    p, f = parameters, network.fares
    vot = p["value_of_time.mean_cny_h"] / 60
    s = ZoneSkims(network, parameters).period("off")
    fuel = f.fuel_cny_km / p["population.car_occupancy"] / vot
    minutes = np.minimum.reduce([
        s.minutes["car"] + p["speed.car_terminal_min"] + p["speed.parking_search_min"] + fuel * s.km["car"],
        s.felt["bus"] + f.bus_base_cny * f.bus_card_factor / vot,
        s.felt["rail"] + f.metro_bands[0][1] * f.metro_card_factor / vot,
        p["weight.bicycle"] * s.minutes["bicycle"] + p["weight.bicycle_fixed_min"],
        p["weight.walk"] * s.minutes["walk"],
    ])  # fmt: skip
    pairs = np.isfinite(minutes) & (minutes > 0)
    np.fill_diagonal(pairs, val=False)
    if not pairs.any():
        return km
    z = network.zones
    near = z.residents[:, None] * z.jobs[None, :] * np.exp(-km / 10.0) * pairs
    pace = (near * km).sum() / max((near * np.where(pairs, minutes, 0.0)).sum(), 1e-300)
    return np.where(pairs, np.where(pairs, minutes, 0.0) * pace, km)


def _workers(network: Network) -> Floats:
    """Return where those who work live: the zones' workers where they are known, else all residents."""
    people = network.demand.people
    if people is None:
        return network.zones.residents
    workers = np.bincount(people.zone, people.persons * people.works, minlength=len(network.zones))
    return workers.astype(np.float64)


def zone_probabilities(network: Network, parameters: Parameters) -> Floats:
    """Return cumulative destination probabilities by kind and home zone, shape (kinds, zones, zones)."""
    z = network.zones
    d = zone_cost_km(network, parameters)
    attraction = {
        WORK: z.jobs,
        SCHOOL: z.school_places,
        ERRAND: 0.7 * z.residents / max(z.residents.sum(), 1) + 0.3 * z.jobs / max(z.jobs.sum(), 1),
        LEISURE: 0.4 * z.residents / max(z.residents.sum(), 1) + 0.6 * z.jobs / max(z.jobs.sum(), 1),
    }
    out = np.empty((len(SCALES), len(z), len(z)))
    for kind, purpose in enumerate(PURPOSE_OF_KIND):
        pull = attraction[purpose]
        weight = np.exp(-d / parameters[SCALES[kind]])
        if purpose == WORK:
            weight *= _balance(weight, _workers(network), pull)[None, :]
        else:
            weight = weight * pull[None, :]
        total = weight.sum(axis=1, keepdims=True)
        cumulative = np.cumsum(weight / np.where(total > 0, total, 1), axis=1)
        cumulative[:, -1] = 1.0
        out[kind] = cumulative
    return out


def _balance(weight: Floats, origins: Floats, destinations: Floats) -> Floats:
    """Return column factors so that rows scaled to origins fill destinations in proportion (Furness)."""
    column = np.where(destinations > 0, 1.0, 0.0)
    target = destinations * origins.sum() / destinations.sum()
    for _ in range(60):
        row = origins / np.maximum((weight * column).sum(axis=1), 1e-300)
        filled = (row[:, None] * weight * column).sum(axis=0)
        column = np.where(filled > 0, column * target / np.maximum(filled, 1e-300), 0.0)
    return column


def draw_cells(
    network: Network,
    people: "Population",
    person: Ints,
    number: Ints,
    purpose: Ints,
    to: Ints,
    cumulative: Floats,
    *,
    seed: int,
    parameters: Parameters,
    minimum_m: float,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Draw each tour's zone, cell and position; cells near home are likelier, by the purpose's distance scale.

    to: zones that are known, -1 where they are drawn. minimum_m: street distance below which an errand is not a trip; a
    place nearer is drawn again, up to ATTEMPTS times.
    """
    least_m = minimum_m / parameters["distance.street_detour"]
    c = network.compiled
    cells = network.cells
    scales_m = np.array([parameters[name] for name in SCALES]) * 1000 / parameters["distance.street_detour"]
    both = 0.5 * (cells.home_share + cells.work_share)
    work, home = cells.work_share, cells.home_share
    attract = np.stack([work, home, both, work, both, work, both])
    kind = _kinds(seed, people.key[person], number, purpose, parameters)
    kind[people.kind[person] == GUEST] = FAR_LEISURE
    kind[people.kind[person] == GATEWAY] = FROM_GATEWAY
    n = len(person)
    zone, cell = np.empty(n, np.int64), np.empty(n, np.int64)
    x, y = np.empty(n), np.empty(n)
    _draw(
        seed, people.key[person], number, kind, people.zone[person], people.x_m[person], people.y_m[person],
        to, cumulative, c.zone_first_cell, cells.x_m, cells.y_m, attract, scales_m, least_m, zone, cell, x, y,
    )  # fmt: skip
    return zone, cell, x, y


def _kinds(seed: int, key: Ints, number: Ints, purpose: Ints, parameters: Parameters) -> Ints:
    """Draw which errands and leisure tours leave the neighbourhood; return each tour's kind of destination."""
    far_share = np.zeros(4)
    far_share[ERRAND] = parameters["distance.errand_far_share"]
    far_share[LEISURE] = parameters["distance.leisure_far_share"]
    out = purpose.copy()
    _draw_far(seed, key, number, far_share, out)
    return out


@njit(parallel=True)
def _draw_far(seed: int, key: Ints, number: Ints, far_share: Floats, kind: Ints) -> None:
    """Turn the errands and leisure tours that are drawn to leave the neighbourhood into kinds of their own."""
    for i in prange(key.shape[0]):
        if draws.uniform(seed, key[i], draws.FAR, number[i]) < far_share[kind[i]]:
            kind[i] = FAR_ERRAND if kind[i] == ERRAND else FAR_LEISURE


@njit(parallel=True)
def _draw(
    seed: int, key: Ints, number: Ints, kind: Ints, home: Ints, home_x: Floats, home_y: Floats, to: Ints,
    cumulative: Floats, first_cell: NDArray[np.int32], cell_x: Floats, cell_y: Floats, attract: Floats,
    scales_m: Floats, least_m: float, zone: Ints, cell: Ints, x: Floats, y: Floats,
) -> None:  # fmt: skip
    """Fill zone, cell, x and y for each tour."""
    for i in prange(key.shape[0]):
        _draw_one(
            i, seed, key, number, kind, home, home_x, home_y, to, cumulative, first_cell, cell_x, cell_y, attract,
            scales_m, least_m, zone, cell, x, y,
        )  # fmt: skip


@njit()
def _draw_one(
    i: int, seed: int, key: Ints, number: Ints, kind: Ints, home: Ints, home_x: Floats, home_y: Floats, to: Ints,
    cumulative: Floats, first_cell: NDArray[np.int32], cell_x: Floats, cell_y: Floats, attract: Floats,
    scales_m: Floats, least_m: float, zone: Ints, cell: Ints, x: Floats, y: Floats,
) -> None:  # fmt: skip
    """Fill one tour."""
    p = kind[i]
    u = draws.uniform(seed, key[i], draws.DESTINATION, number[i])
    z = to[i]
    if z < 0:
        z = min(np.searchsorted(cumulative[p, home[i]], u, side="right"), cumulative.shape[2] - 1)
    a, b = first_cell[z], first_cell[z + 1]
    weight = np.empty(b - a)
    nearest = 1e300
    for c in range(a, b):
        east, north = cell_x[c] - home_x[i], cell_y[c] - home_y[i]
        weight[c - a] = np.sqrt(east * east + north * north)
        nearest = min(nearest, weight[c - a])
    total = 0.0
    steep = 1.0 / scales_m[p]
    for c in range(a, b):
        pull = attract[p, c]
        if pull > 0.0:
            pull *= np.exp((nearest - weight[c - a]) * steep)
        weight[c - a] = pull
        total += pull
    for attempt in range(ATTEMPTS):  # a trip has a least length by definition: draw again what falls below
        index = (number[i] * ATTEMPTS + attempt) * 4
        left = draws.uniform(seed, key[i], draws.PLACE_IN_ZONE, index) * total
        chosen = a
        for c in range(a, b):
            if weight[c - a] > 0.0:
                chosen = c
                left -= weight[c - a]
                if left <= 0.0:
                    break
        zone[i], cell[i] = z, chosen
        x[i] = cell_x[chosen] + (draws.uniform(seed, key[i], draws.PLACE_IN_ZONE, index + 1) - 0.5) * SIDE_M
        y[i] = cell_y[chosen] + (draws.uniform(seed, key[i], draws.PLACE_IN_ZONE, index + 2) - 0.5) * SIDE_M
        if np.hypot(x[i] - home_x[i], y[i] - home_y[i]) >= least_m:
            break
