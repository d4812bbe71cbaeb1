"""Energy and exhaust of a run as a table by mode, and by street as a map layer."""

import polars as pl
from greentrip_networks.network import Network

from greentrip_agents.emissions import emissions, link_emissions
from greentrip_agents.parameters import Parameters
from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import Made
from greentrip_agents.run_tables.links import drawn

NOTES = (
    "hot exhaust by speed (EMEP/EEA); cold starts, brakes, tyres and traffic outside the model are left out",
    "CO2 of electricity at the grid's mean; its NOx and PM are left out; the fleet's mix is assumed",
)


def emission_table(run: Run, network: Network, parameters: Parameters) -> Made:
    """Return `emissions`, and as map layer each street's vehicle-km, CO2 and NOx of cars and taxis over the day."""
    amounts = ("vehicle_km", "co2_t", "nox_kg")
    links = link_emissions(run, network).group_by("link").agg(pl.col(amounts).sum()).sort("link")
    shapes = drawn(network, links["link"].to_numpy())
    features = [
        (shape, {"link": r["link"], "vehicle_km": round(r["vehicle_km"], 1), "co2_t": round(r["co2_t"], 4),
                 "nox_kg": round(r["nox_kg"], 4)})
        for shape, r in zip(shapes, links.iter_rows(named=True),
                            strict=True)
    ]  # fmt: skip
    return Made(emissions(run, network, parameters), features, NOTES)
