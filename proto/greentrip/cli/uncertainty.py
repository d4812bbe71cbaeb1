"""The command that says how sure a scenario's change is."""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from greentrip.cli.calibrate import table, work
from greentrip.cli.options import AsJson, DataDir, Sample, Server, client_of, print_data


def uncertainty(
    scenario: Annotated[str, typer.Argument(help="A scenario of the service.")],
    plan: Annotated[str | None, typer.Option(help="Add the routes of this plan.")] = None,
    points: Annotated[int, typer.Option(min=5, help="Cities that could be, each fitted anew.")] = 12,
    sample: Sample = 0.002,
    days: Annotated[
        int | None, typer.Option(help="Days each city lives. [0 where the calibrated city's traffic fits, else 6]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the points.")] = 0,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a change its total interval: parameters, placement, published shares, model form and luck together."""
    from greentrip.interventions import to_dict
    from greentrip.v1 import scenario_pb2

    with client_of(server, data_dir) as client:
        found = client.scenario(scenario) if scenario not in _networks(client) else None
        network = found.network if found is not None else scenario
        steps: list[Any] = [to_dict(step) for step in found.interventions] if found is not None else []
        if plan is not None:
            routes = client.plan(plan).routes
            steps.append(to_dict(scenario_pb2.Intervention(add_feeders=scenario_pb2.AddFeeders(routes=routes))))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "interventions.json"
        file.write_text(json.dumps(steps, ensure_ascii=False), encoding="utf-8")
        arguments = ["uncertainty", network.removeprefix("networks/"), "--interventions", str(file)]
        arguments += ["--points", str(points), "--sample", str(sample), "--seed", str(seed)]
        arguments += ["--days", str(days)] if days is not None else []
        result = work(arguments, "asking cities that could be", as_json)
    if as_json:
        print_data(result)
        return
    low, high = result["total_interval"]
    typer.echo(f"Change {result['change_points']:+.3f} points, total 95 % interval {low:+.3f} to {high:+.3f}.")
    low, high = result["forecast_interval"]
    typer.echo(
        f"Forecast {result['forecast']:.2f} % ({low:.2f} to {high:.2f}) against {result['target']:g} %: "
        f"{result['verdict']}. {result['note']}."
    )
    table(
        "What the change hangs on",
        ("cause", "swing, points", "chance alone"),
        [(r["cause"], f"{r['swing_points']:+.4f}", f"{r['noise_points']:.4f}") for r in result["tornado"]],
    )


def _networks(client: Any) -> set[str]:
    """Return the networks by both their names."""
    names = client.networks()
    return {*names, *(n.removeprefix("networks/") for n in names)}
