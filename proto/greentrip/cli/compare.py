"""Commands that set runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, commas, print_message, write_file


def compare(
    sides: Annotated[
        list[str],
        typer.Argument(help="An experiment, experiment:scenario, or runs separated by commas; two sides or more."),
    ],
    baseline: Annotated[str, typer.Option(help="The side that the others are compared with. [the first]")] = "",
    indicators: Annotated[str, typer.Option(help="Indicators or their beginnings, separated by commas.")] = "",
    level: Annotated[float, typer.Option(help="Confidence of the intervals, 0.5 to below 1.")] = 0.95,
    detail: Annotated[
        bool, typer.Option("--detail/--no-detail", help="Read the trips too: flows, districts, who gains, verdict.")
    ] = True,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare scenarios with one of them, seed by seed: what differs, how sure that is, which is best."""
    with client_of(server, data_dir) as client:
        found = client.compare_scenarios(
            *sides, baseline=baseline, indicators=commas(indicators), level=level, detail=detail
        )
    if as_json:
        print_message(found)
        return
    from greentrip import show_experiment

    show_experiment.comparison(found)


def report(
    base: Annotated[str, typer.Argument(help="Runs compared with, separated by commas.")],
    other: Annotated[str, typer.Argument(help="Runs with the plan, of the same seeds.")],
    plan: Annotated[str, typer.Option(help="The plan.")],
    out: Annotated[Path, typer.Option(help="Where the page goes.")] = Path("out/report.html"),
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a self-contained HTML page on a plan."""
    with client_of(server, data_dir) as client:
        page = client.report(commas(base), commas(other), plan)
    write_file(out, page, as_json)
