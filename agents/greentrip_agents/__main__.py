"""Work on a model without a service: `python -m greentrip_agents calibrate beijing-2019`, one JSON object a line.

What `greentrip calibrate` and its like start: lines {"progress": ...} while it works, then one {"result": ...}, or
{"error": ...} and exit code 1. Interrupting the process ends the work; nothing is kept of it.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from greentrip_networks.errors import GreentripError, UnknownNameError
from greentrip_networks.network import Network

from greentrip_agents.input_jobs import INPUT_JOBS, add_job


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one job and return the exit code."""
    parser = argparse.ArgumentParser(prog="greentrip_agents", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    for name in INPUT_JOBS:
        add_job(jobs.add_parser(name), name)
    for name in _JOBS:
        job = jobs.add_parser(name)
        job.add_argument("network", help="a bundled network, or a folder of tables")
        job.add_argument("--sample", type=float, default=0.005)
        job.add_argument("--seed", type=int, default=0)
        job.add_argument("--days", type=int, default=None if name == "uncertainty" else 80)
        if name == "calibrate":
            job.add_argument("--targets", type=Path)
            job.add_argument("--out", type=Path)
        if name == "uncertainty":
            job.add_argument("--interventions", type=Path, required=True)
            job.add_argument("--points", type=int, default=12)
        if name in ("ridership", "response"):
            job.add_argument("--rail-year", type=int)
    asked = parser.parse_args(arguments)
    try:
        _say({"result": {**_JOBS, **INPUT_JOBS}[asked.job](asked)})
    except (GreentripError, OSError, ValueError) as error:
        _say({"error": {"kind": type(error).__name__, "message": str(error)}})
        return 1
    return 0


def _say(line: dict[str, Any]) -> None:
    """Print one line at once."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def find_network(name: str, placement: int = 0) -> Network:
    """Load a bundled network by its name, or read a folder of tables under the folder's name, of its last year."""
    from greentrip_networks.names import NAMES
    from greentrip_networks.read import City, load, read_tables

    if name in NAMES:
        return load(name, placement)
    folder = Path(name)
    if not folder.is_dir():
        raise UnknownNameError("network", name, NAMES)
    city = City(folder)
    years = [*city.listed("rail_years"), *city.listed("residents_years")] or [2019]
    observed = [o["year"] for o in city.listed("observed") if isinstance(o, dict) and "year" in o]
    year = max([y for y in observed if min(years) <= y <= max(years)] or [max(years)])
    return read_tables(folder, year=int(year), name=f"{folder.resolve().name}-{year}", placement=placement)


def _calibrate(asked: argparse.Namespace) -> dict[str, Any]:
    """Fit the constants; write them only when the targets are met."""
    from greentrip_agents.calibration import calibrate, to_toml
    from greentrip_agents.definitions import default_definition
    from greentrip_agents.targets import observed_targets, read_targets

    network = find_network(asked.network)
    if asked.targets is None:
        targets = observed_targets(network)
    else:
        targets = read_targets(asked.targets, network, default_definition().area)
    found = calibrate(
        network, targets=targets, sample=asked.sample, seed=asked.seed, max_days=asked.days,
        progress=lambda day, worst: _say({"progress": {"day": day, "of": asked.days, "worst_points": worst}}),
    )  # fmt: skip
    written = ""
    if found.reached and asked.out is not None:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(to_toml(found), encoding="utf-8")
        written = str(asked.out)
    return {**found.to_dict(), "written": written}


def _settled(asked: argparse.Namespace, network: Network) -> Any:
    """Return a model that has lived until nobody would change, or to its last day."""
    from greentrip_agents.model import CommuterModel
    from greentrip_agents.run import finish, refuse_bad

    refuse_bad(network)
    model = CommuterModel(network, sample=asked.sample, seed=asked.seed)

    def tell(day: int, days: int, gap: float, green_share: float) -> None:
        _say({"progress": {"day": day, "of": days, "gap": gap, "green_share": green_share}})

    run = finish(model, max_days=asked.days, progress=tell)
    return model, {
        k: run.indicators[k] for k in ("converged", "days", "gap", "calibrated_on", "warnings", "sample", "seed")
    }


def _validate(asked: argparse.Namespace) -> dict[str, Any]:
    """Hold a run against published figures."""
    from greentrip_agents.validation import score, validate_model

    model, told = _settled(asked, find_network(asked.network))
    checks = validate_model(model)
    return {**told, "score": score(checks), "checks": [c.to_dict() for c in checks]}


def _response(asked: argparse.Namespace) -> dict[str, Any]:
    """Test how a run reacts to prices and times, and in Beijing to the fares of 2014."""
    from greentrip_agents.backcast import fare_reform
    from greentrip_agents.response import reactions

    model, told = _settled(asked, _of_rail_year(asked))
    found = reactions(model)
    cast = fare_reform(model) if model.network.name.startswith("beijing") else []
    return {
        **told, "inside": all(r.inside for r in found), "reactions": [r.to_dict() for r in found],
        "fare_reform": [c.to_dict() for c in cast],
    }  # fmt: skip


def _of_rail_year(asked: argparse.Namespace) -> Network:
    """Return the network asked for, with the rail of another year where one is named."""
    from greentrip_networks.read import rail_of_year

    network = find_network(asked.network)
    return network if asked.rail_year is None else rail_of_year(network, asked.rail_year)


def _ridership(asked: argparse.Namespace) -> dict[str, Any]:
    """Predict boardings by rail line and the fullest sections."""
    from greentrip_agents.line_ridership import ridership

    network = _of_rail_year(asked)
    model, told = _settled(asked, network)
    found = ridership(model)
    return {
        **told, "rail_year": asked.rail_year or network.year, "lines": found.lines.to_dicts(),
        "sections": found.sections.head(10).to_dicts(),
    }  # fmt: skip


def _uncertainty(asked: argparse.Namespace) -> dict[str, Any]:
    """Say how sure the change that some interventions bring is."""
    from greentrip_networks.scenario import Scenario, intervention_from_dict

    from greentrip_agents.uncertainty import uncertainty

    find_network(asked.network)  # a folder or a name that is not there fails before any work
    steps = tuple(intervention_from_dict(row) for row in json.loads(asked.interventions.read_text(encoding="utf-8")))
    scenario = Scenario("asked", asked.network, steps)

    def build(placement: int) -> tuple[Network, Network]:
        base = find_network(asked.network, placement)
        return base, scenario.build(base)

    def tell(k: int, points: int, change: float) -> None:
        _say({"progress": {"message": f"city {k} of {points}, change {change:+.3f} points", "fraction": k / points}})

    return uncertainty(build, points=asked.points, sample=asked.sample, seed=asked.seed, days=asked.days, progress=tell)


_JOBS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "calibrate": _calibrate,
    "validate": _validate,
    "response": _response,
    "ridership": _ridership,
    "uncertainty": _uncertainty,
}

if __name__ == "__main__":
    sys.exit(main())
