"""Who lives where and travels where as tables, for other tools and for a look."""

from pathlib import Path

import numpy as np
import polars as pl
from greentrip_networks.demand import AGES
from greentrip_networks.network import PERIODS, Network

from greentrip_agents.definitions import PURPOSES, default_definition
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_agents.policies import in_force
from greentrip_agents.population import plan_tours, sample_residents


def demand_tables(
    network: Network, *, sample: float = 1.0, seed: int = 0, parameters: Parameters | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return persons on cells of at most 500 m and their tours, as a simulation with this sample and seed has them.

    Persons: person, zone_id, lon, lat (of the home), cell_lon, cell_lat, age, income_cny_year, car (at hand today),
    ebike, bicycle, weight (residents or tours a row stands for). Tours: person, purpose, zone_id, lon, lat (of the
    destination), out_period, back_period, weight.
    """
    p = in_force(network, parameters if parameters is not None else default_parameters(network.name))
    people = sample_residents(network, sample=sample, seed=seed, parameters=p)
    tours = plan_tours(network, people, seed=seed, parameters=p, minimum_m=default_definition().minimum_m)
    zones, cells = np.array(network.zones.id), network.cells
    lon, lat = network.plane.to_degrees(people.x_m, people.y_m)
    persons = pl.DataFrame(
        {
            "person": people.key,
            "zone_id": zones[people.zone],
            "lon": lon,
            "lat": lat,
            "cell_lon": cells.lon[people.cell],
            "cell_lat": cells.lat[people.cell],
            "age": np.array(AGES)[people.age],
            "income_cny_year": people.income_cny_year,
            "car": people.has_car,
            "ebike": people.has_ebike,
            "bicycle": people.has_bicycle,
            "weight": people.weight,
        }
    )
    lon, lat = network.plane.to_degrees(tours.x_m, tours.y_m)
    journeys = pl.DataFrame(
        {
            "person": people.key[tours.person],
            "purpose": np.array(PURPOSES)[tours.purpose],
            "zone_id": zones[tours.zone],
            "lon": lon,
            "lat": lat,
            "out_period": np.array(PERIODS)[tours.out_period],
            "back_period": np.array(PERIODS)[tours.back_period],
            "weight": people.weight[tours.person],
        }
    )
    return persons, journeys


def write_tables(network: Network, folder: Path, *, sample: float, seed: int) -> None:
    """Write persons.parquet and tours.parquet into a folder."""
    persons, tours = demand_tables(network, sample=sample, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    persons.write_parquet(folder / "persons.parquet", compression="zstd")
    tours.write_parquet(folder / "tours.parquet", compression="zstd")
