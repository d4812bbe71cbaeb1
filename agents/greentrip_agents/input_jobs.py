"""Jobs of `python -m greentrip_agents` that make inputs: a population, tours of observed trips, tastes of a survey."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from greentrip_networks.errors import UnknownNameError
from greentrip_networks.network import Network


def add_job(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare what a job is asked."""
    if name == "from-biogeme":
        parser.add_argument("file", type=Path, help="the YAML that biogeme wrote")
        parser.add_argument("--map", type=Path, help="which parameter is which beta, TOML")
        parser.add_argument("--out", type=Path, help="write the parameters as TOML")
        return
    parser.add_argument("file", type=Path, help="margins by zone" if name == "synthesise" else "matrices of trips")
    parser.add_argument("--network", required=True, help="a bundled network, or a file or folder that describes one")
    parser.add_argument("--out", type=Path, help="write the network with this demand as node-link JSON")
    parser.add_argument("--tables", type=Path, help="write travellers and their tours as Parquet into this folder")
    parser.add_argument("--sample", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)


def _city(name: str) -> Network:
    """Return a bundled network, or one that files describe."""
    from greentrip_networks import NAMES, load
    from greentrip_networks.formats import read_layers
    from greentrip_networks.from_layers import network_of

    if name in NAMES:
        return load(name)
    if not Path(name).exists():
        raise UnknownNameError("network", name, NAMES)
    return network_of(read_layers(name), Path(name).stem)


def _synthesise(asked: argparse.Namespace) -> dict[str, Any]:
    """Fit a population to margins and write the network that holds it."""
    from greentrip_networks.margins import read_margins
    from greentrip_networks.problems import Problems

    from greentrip_agents.parameters import default_parameters
    from greentrip_agents.synthesis import synthesise

    network, problems = _city(asked.network), Problems()
    margins = read_margins(asked.file, network, problems)
    made = synthesise(network, margins, parameters=default_parameters(network.name), seed=asked.seed, problems=problems)
    return {**made.to_dict(), "warnings": [str(p) for p in problems.kept], **_write(made.network, asked)}


def _from_od(asked: argparse.Namespace) -> dict[str, Any]:
    """Read observed trips and write the network whose demand they are."""
    from dataclasses import replace

    from greentrip_networks.problems import Problems
    from greentrip_networks.trip_tables import read_trips

    from greentrip_agents.observed_trips import margins_of, sample_trips
    from greentrip_agents.parameters import default_parameters

    network, problems = _city(asked.network), Problems()
    trips = read_trips(asked.file, network, problems)
    note = f"demand is the observed trips of {asked.file.name}, {sum(m.sum() for m in trips.values()):,.0f} a day"
    network = network.with_(
        demand=replace(network.demand, trips=trips, people=None), assumptions=(*network.assumptions, note)
    )
    people = sample_trips(network, sample=asked.sample, seed=asked.seed, parameters=default_parameters(network.name))
    margins = [
        {
            "matrix": name, "trips": float(trips[name].sum()), "tours": carried, "largest_miss_percent": 100 * off,
        }
        for name, (carried, off) in margins_of(network, people).items()
    ]  # fmt: skip
    return {
        "zones": len(network.zones), "travellers": len(people), "sample": asked.sample, "matrices": margins,
        "warnings": [str(p) for p in problems.kept], **_write(network, asked),
    }  # fmt: skip


def _from_biogeme(asked: argparse.Namespace) -> dict[str, Any]:
    """Read a survey's estimates and write them as parameters."""
    from greentrip_agents.parameters import default_parameters
    from greentrip_agents.survey import parameters_of, read_biogeme, read_map, to_toml

    found = read_biogeme(asked.file)
    names = read_map(asked.map) if asked.map is not None else {}
    estimated = parameters_of(found, names, default_parameters())
    if asked.out is not None:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(to_toml(found, estimated), encoding="utf-8")
    return {
        "model": found.model, "observations": found.observations, "log_likelihood": found.log_likelihood,
        "parameters": [{"name": n, **e._asdict()} for n, e in estimated.items()],
        "unused": [b for b in found.betas if names and b not in {x for m in names.values() for x in (m.beta, m.over)}],
        "written": str(asked.out) if asked.out is not None else "",
    }  # fmt: skip


def _write(network: Network, asked: argparse.Namespace) -> dict[str, str]:
    """Write what was asked for and say where it is."""
    from greentrip_networks.formats import write_layers
    from greentrip_networks.layers_of import layers_of

    written = {}
    if asked.out is not None:
        write_layers(layers_of(network), asked.out, "node-link")
        written["network"] = str(asked.out)
    if asked.tables is not None:
        from greentrip_agents.demand_tables import write_tables

        write_tables(network, asked.tables, sample=asked.sample, seed=asked.seed)
        written["tables"] = str(asked.tables)
    return written


INPUT_JOBS: Mapping[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "synthesise": _synthesise,
    "from-od": _from_od,
    "from-biogeme": _from_biogeme,
}
