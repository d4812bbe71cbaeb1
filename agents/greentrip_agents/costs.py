"""From a network and parameters to the arrays that choice reads: tastes, fares, walks to stops, who travels where."""

import numpy as np
from greentrip_networks.network import PERIODS, Fares, Network
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_agents.choice import Taste, Travellers
from greentrip_agents.definitions import MODES, NEST_OF_MODE, PURPOSES
from greentrip_agents.departures import departures
from greentrip_agents.parameters import Parameters
from greentrip_agents.population import Population, Tours

Floats = NDArray[np.float64]


def taste(network: Network, p: Parameters) -> Taste:
    """Gather the parameters that choice needs."""
    f = network.fares
    return Taste(
        constant=np.array([p.constants[m] for m in MODES]),
        per_minute=np.array([p[f"choice.per_minute.{name}"] for name in PURPOSES]),
        nest_scale=np.array([p[f"choice.nest_scale.{name}"] for name in ("active", "public_transport", "motor")]),
        nest=np.array(NEST_OF_MODE, np.int64),
        detour=p["distance.street_detour"],
        walk_m_min=p["speed.walk_m_s"] * 60,
        bicycle_km_min=p["speed.bicycle_km_h"] / 60,
        ebike_km_min=p["speed.ebike_km_h"] / 60,
        walk=p["weight.walk"],
        walk_access=p["weight.walk_access"],
        wait=p["weight.wait"],
        bicycle=p["weight.bicycle"],
        bicycle_fixed=p["weight.bicycle_fixed_min"],
        ebike=p["weight.ebike"],
        walk_tires=p["weight.walk_tires_min"],
        bicycle_tires=p["weight.bicycle_tires_min"],
        ebike_tires=p["weight.ebike_tires_min"],
        terminal=p["speed.car_terminal_min"],
        search=p["speed.parking_search_min"],
        taxi_wait=p["speed.taxi_wait_min"],
        station_access=2 * network.station_access_s / 60,
        local_bus_km_min=p["speed.local_bus_km_h"] / 60,
        bus_base=f.bus_base_cny,
        bus_base_km=f.bus_base_km,
        bus_step_km=f.bus_step_km,
        bus_factor=f.bus_card_factor,
        fuel_km=f.fuel_cny_km / p["population.car_occupancy"],  # those in a car share its cost
        taxi_base=f.taxi_base_cny,
        taxi_base_km=f.taxi_base_km,
        taxi_km=f.taxi_km_cny,
        taxi_far_km=f.taxi_far_km,
        taxi_far_factor=f.taxi_far_factor,
        taxi_surcharge=f.taxi_surcharge_cny,
        timing_scale=p["departure.scale"],
    )


def rail_fares(network: Network, km: Floats) -> Floats:
    """Return fares between stations in CNY, by distance band and card discount; special lines add their flat fare."""
    f = network.fares
    price = np.full(km.shape, f.metro_bands[-1][1])
    for up_to, cny in reversed(f.metro_bands):
        price = np.where(km <= up_to, cny, price)
    beyond = km > f.metro_bands[-1][0]
    price[beyond] += np.ceil((km[beyond] - f.metro_bands[-1][0]) / f.metro_step_km)
    price *= f.metro_card_factor
    system = {line.id: line.fare for line in network.lines}
    rail = network.compiled.rail
    flat = np.zeros(len(rail.stations))
    for s in range(len(rail.stations)):
        lines = {system[rail.line_ids[k]] for k in rail.platform_line[rail.platform_station == s]}
        if lines and lines <= f.special.keys():
            flat[s] = min(f.special[name] for name in lines)
    return price + np.maximum(flat[:, None], flat[None, :])


def bus_walks(network: Network, p: Parameters) -> Floats:
    """Return plain minutes from each cell to its nearest bus stop; inf beyond reach."""
    b, cells = network.compiled.buses, network.cells
    if not len(b.stop_node):
        return np.full(len(cells.zone), np.inf)
    far, _ = cKDTree(np.column_stack([b.x_m, b.y_m])).query(np.column_stack([cells.x_m, cells.y_m]))
    walk = far * p["distance.street_detour"] / p["speed.walk_m_s"] / 60
    return np.where(far <= 2000.0, walk, np.inf)


def bus_waits(network: Network, p: Parameters) -> Floats:
    """Return the expected wait at each zone's stops in minutes, shape (periods, zones); inf where no bus calls."""
    b, z = network.compiled.buses, network.zones
    out = np.full((len(PERIODS), len(z)), np.inf)
    if not len(b.stop_node):
        return out
    cells = network.cells
    nearest = cKDTree(np.column_stack([cells.x_m, cells.y_m])).query(np.column_stack([b.x_m, b.y_m]))
    cell = np.asarray(nearest[1], np.int64)
    pattern = np.repeat(np.arange(len(b.pattern_line)), np.diff(b.pattern_first))
    zone = cells.zone[cell[b.call_stop]]
    n = np.bincount(zone, minlength=len(z))
    for t in range(len(PERIODS)):
        total = np.bincount(zone, weights=b.headway_s[pattern, t], minlength=len(z))
        out[t] = np.where(n > 0, 0.5 * p["speed.bus_bunching"] * total / np.maximum(n, 1) / 60, np.inf)
    return out


def travellers(network: Network, people: Population, tours: Tours, p: Parameters, *, seed: int) -> Travellers:
    """Spread what choice needs to know of each tour's person over the tours, and draw when each would like to go."""
    i = tours.person
    hours = np.array([p[f"parking.hours.{name}"] for name in PURPOSES])
    pays = np.array([p[f"parking.pays.{name}"] for name in PURPOSES])
    price = network.zones.parking_cny_h[tours.zone]
    wanted = np.column_stack([tours.out_period, tours.back_period])
    other, shift = departures(seed, people.key[i], tours.number, tours.purpose, wanted, p)
    shift[people.plan[i, 2:] >= 0] = np.inf  # who was seen to travel then does
    return Travellers(
        key=people.key[i],
        number=tours.number,
        purpose=tours.purpose,
        home_cell=people.cell[i].astype(np.int32),
        home_zone=people.zone[i].astype(np.int32),
        home_x=people.x_m[i],
        home_y=people.y_m[i],
        cell=tours.cell.astype(np.int32),
        zone=tours.zone.astype(np.int32),
        x=tours.x_m,
        y=tours.y_m,
        out_period=tours.out_period,
        back_period=tours.back_period,
        other=other,
        shift=shift,
        vot=people.vot_cny_min[i],
        has_car=people.has_car[i],
        has_ebike=people.has_ebike[i],
        has_bicycle=people.has_bicycle[i],
        parking_cny=price * (hours * pays)[tours.purpose] / p["population.car_occupancy"],
    )


def check_fares(fares: Fares) -> None:
    """Raise ScenarioError when a fare makes no sense."""
    from greentrip_networks.errors import ScenarioError

    bands = [up_to for up_to, _ in fares.metro_bands]
    if not bands or bands != sorted(bands):
        raise ScenarioError("fares.metro_bands", f"saw {bands}; expected distances that rise")
