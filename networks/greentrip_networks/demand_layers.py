"""People by class and observed trips, between the neutral form and the simulated one."""

import numpy as np
import polars as pl

from greentrip_networks.demand import AGES, TRIPS, People
from greentrip_networks.errors import ScenarioError
from greentrip_networks.layers import SCHEMAS, Layers, Matrix
from greentrip_networks.network import Floats, Network, Zones


def people_of(layers: Layers, zones: Zones) -> People | None:
    """Return the residents by class, sorted by zone; None where the network does not say.

    Raises ScenarioError for a zone that is not there, a class that is none, and zones whose classes do not add up to
    their residents.
    """
    frame = layers.people
    if not len(frame):
        return None
    row = {z: i for i, z in enumerate(zones.id)}
    for column, known in (("zone_id", row), ("age", AGES)):
        other = [v for v in frame[column].unique(maintain_order=True) if v not in known]
        if other:
            raise ScenarioError(f"people.{column}", f"saw {other[0]!r}; expected {column} of {', '.join(known)[:200]}")
    frame = frame.with_columns(
        _zone=pl.col("zone_id").replace_strict(row, return_dtype=pl.Int64),
        _age=pl.col("age").replace_strict({a: i for i, a in enumerate(AGES)}, return_dtype=pl.Int8),
    ).sort("_zone", "_age", "works", "car", "bicycle", "income_fifth")
    persons = np.rint(frame["persons"].fill_null(0).to_numpy()).astype(np.int64)
    zone = frame["_zone"].to_numpy()
    total = np.bincount(zone, persons, minlength=len(zones))
    off = np.flatnonzero(total != np.rint(zones.residents))
    if len(off) or (persons < 0).any():
        z = int(off[0]) if len(off) else int(zone[persons < 0][0])
        raise ScenarioError(
            "people.persons",
            f"zone {zones.id[z]}: saw {total[z]:,.0f} by class; expected its {zones.residents[z]:,.0f} residents",
        )
    return People(
        zone=zone,
        age=frame["_age"].to_numpy(),
        works=frame["works"].to_numpy(),
        car=frame["car"].to_numpy(),
        bicycle=frame["bicycle"].to_numpy(),
        income_fifth=(frame["income_fifth"].fill_null(1).to_numpy() - 1).astype(np.int8),
        income_cny_year=frame["income_cny_year"].fill_null(0).to_numpy(),
        persons=persons,
    )


def people_frame(network: Network) -> pl.DataFrame:
    """Return the residents by class as a frame, empty where the network does not say."""
    people = network.demand.people
    if people is None:
        return pl.DataFrame()
    return pl.DataFrame(
        {
            "zone_id": [network.zones.id[z] for z in people.zone.tolist()],
            "age": [AGES[a] for a in people.age.tolist()],
            "works": people.works,
            "car": people.car,
            "bicycle": people.bicycle,
            "income_fifth": people.income_fifth.astype(np.int32) + 1,
            "income_cny_year": people.income_cny_year,
            "persons": people.persons.astype(np.float64),
        },
        schema=dict(SCHEMAS["people"]),
    )


def trips_of(layers: Layers, zones: Zones) -> dict[str, Floats]:
    """Return the matrices that are the network's demand, in the order of its zones; zones that are not there are empty.

    Raises ScenarioError for a zone that the network does not have.
    """
    found: dict[str, Floats] = {}
    row = {z: i for i, z in enumerate(zones.id)}
    for name in sorted(layers.matrices):
        if not name.startswith(f"{TRIPS} "):
            continue
        matrix = layers.matrices[name]
        other = [z for z in matrix.zones if z not in row]
        if other:
            raise ScenarioError(f"matrices.{name}", f"saw zone {other[0]!r}; expected zones of the network")
        at = np.array([row[z] for z in matrix.zones], np.int64)
        values = np.zeros((len(zones), len(zones)))
        values[np.ix_(at, at)] = np.nan_to_num(matrix.values)
        found[name.removeprefix(f"{TRIPS} ")] = values
    return found


def trip_matrices(network: Network) -> dict[str, Matrix]:
    """Return the observed trips of a network as matrices of the neutral form."""
    return {f"{TRIPS} {name}": Matrix(network.zones.id, v) for name, v in network.demand.trips.items()}
