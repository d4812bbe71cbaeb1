"""People on the move who are no residents: guests of the city, and travellers through its stations and airports.

Guests stay where the jobs are, since hotels do. Travellers start at a gateway, make one tour from it and come back to
it: two passages of the gateway. Both are further rows of the population, with a weight like everybody's.
"""

from dataclasses import fields

import numpy as np
from greentrip_networks.cells import SIDE_M
from greentrip_networks.network import Bools, Floats, Ints, Network
from scipy.spatial import cKDTree

from greentrip_agents import draws
from greentrip_agents.definitions import GATEWAY, GUEST
from greentrip_agents.parameters import Parameters
from greentrip_agents.population import ADULT, ZONE_STRIDE, Population, incomes

_GUEST_KEYS = ZONE_STRIDE // 2  # above any resident's rank
_GATEWAY_KEYS = ZONE_STRIDE * 3 // 4
_GATEWAY_SPREAD_M = 300.0


def add_visitors(
    network: Network, people: Population, *, sample: float, seed: int, parameters: Parameters
) -> Population:
    """Return the residents with the guests and travellers of a day among them, sorted by zone again."""
    parts = [people, _guests(network, sample, seed, parameters), _travellers(network, sample, seed, parameters)]
    columns = {
        f.name: np.concatenate([getattr(q, f.name) for q in parts]) for f in fields(people) if f.name != "zone_first"
    }
    order = np.argsort(columns["zone"], kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(columns["zone"], minlength=len(network.zones)))])
    return Population(**{name: column[order] for name, column in columns.items()}, zone_first=first)


def _guests(network: Network, sample: float, seed: int, p: Parameters) -> Population:
    """Draw the guests of every zone, in proportion to its jobs."""
    zones = network.zones
    total = p["population.visitors_per_resident"] * zones.residents.sum()
    total *= network.demand.background_factor("visitors")
    present = total * zones.jobs / max(zones.jobs.sum(), 1)
    zone, rank, weight = _spread(present, sample, seed, index=5)
    key = zone * ZONE_STRIDE + _GUEST_KEYS + rank
    cells = network.cells
    cdf = np.cumsum(cells.work_share)
    cell = np.searchsorted(cdf, zone + draws.uniforms(seed, key, draws.PLACE, 2), side="right")
    first = network.compiled.zone_first_cell
    cell = np.clip(cell, first[zone], first[zone + 1] - 1).astype(np.int64)
    x = cells.x_m[cell] + (draws.uniforms(seed, key, draws.PLACE, 3) - 0.5) * SIDE_M
    y = cells.y_m[cell] + (draws.uniforms(seed, key, draws.PLACE, 4) - 0.5) * SIDE_M
    shared = np.full(len(key), "shared_bicycles" not in network.demand.switched_off)
    return _people(seed, key, zone, cell, x, y, np.zeros(len(key), bool), shared, weight, GUEST, p)


def _travellers(network: Network, sample: float, seed: int, p: Parameters) -> Population:
    """Draw the travellers of every gateway; a tour passes it twice."""
    gates = network.extra.get("gateways", [])
    lon, lat = (np.array([float(g[name]) for g in gates]) for name in ("lon", "lat"))
    at_x, at_y = network.plane.to_metres(lon, lat)
    passages = np.array([float(g["passengers_day"]) for g in gates])
    passages = passages * network.demand.background_factor("visitors")
    gate, rank, weight = _spread(passages / 2, sample, seed, index=6)
    cells = network.cells
    if len(gates):
        near = cKDTree(np.column_stack([cells.x_m, cells.y_m])).query(np.column_stack([at_x, at_y]))[1]
    else:
        near = np.zeros(0, np.int64)
    cell = np.asarray(near, np.int64)[gate]
    zone = cells.zone[cell]
    key = zone * ZONE_STRIDE + _GATEWAY_KEYS + gate * (ZONE_STRIDE // 64) + rank
    x = at_x[gate] + (draws.uniforms(seed, key, draws.PLACE, 3) - 0.5) * _GATEWAY_SPREAD_M
    y = at_y[gate] + (draws.uniforms(seed, key, draws.PLACE, 4) - 0.5) * _GATEWAY_SPREAD_M
    car = draws.uniforms(seed, key, draws.OWNS_CAR, 0) < p["population.travellers_met"]
    shared = np.full(len(key), "shared_bicycles" not in network.demand.switched_off)
    return _people(seed, key, zone, cell, x, y, car, shared, weight, GATEWAY, p)


def _spread(present: Floats, sample: float, seed: int, index: int) -> tuple[Ints, Ints, Floats]:
    """Return place, rank and weight of the persons sampled at each place, evenly spaced from a keyed start."""
    persons = np.rint(present).astype(np.int64)
    place = np.arange(len(persons))
    start = draws.uniforms(seed, place, draws.PLACE, index)
    count = np.minimum(np.floor(persons * sample + start).astype(np.int64), persons)
    first = np.concatenate([[0], np.cumsum(count)])
    at = np.repeat(place, count)
    rank = np.arange(first[-1]) - first[at]
    k = np.minimum(np.floor((rank + start[at]) / sample).astype(np.int64), persons[at] - 1) if sample < 1 else rank
    return at, k, (persons / np.maximum(count, 1))[at]


def _people(
    seed: int, key: Ints, zone: Ints, cell: Ints, x: Floats, y: Floats, car: Bools, bicycle: Bools, weight: Floats,
    kind: int, p: Parameters,
) -> Population:  # fmt: skip
    """Return rows of one kind: adults without an e-bike, with incomes like residents'."""
    income, vot = incomes(seed, key, p)
    n = len(key)
    first = np.zeros(1, np.int64)  # not used before the rows are sorted among the residents
    return Population(
        key, zone, cell, x, y, np.full(n, ADULT, np.int8), income, vot, car, np.zeros(n, bool), bicycle,
        np.full(n, -1, np.int8), np.full((n, 4), -1, np.int16), weight, np.full(n, kind, np.int8), first,
    )  # fmt: skip
