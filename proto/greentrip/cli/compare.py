"""Commands that set runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, commas, print_data, print_message, write_file


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
    about: Annotated[list[str], typer.Argument(help="An experiment; or, with --plan, runs without and runs with it.")],
    to: Annotated[Path | None, typer.Option(help="Folder of an experiment's report.")] = None,
    baseline: Annotated[str, typer.Option(help="The scenario compared with. [the experiment's]")] = "",
    detailed: Annotated[int, typer.Option(min=1, help="Scenarios shown in detail, the best first.")] = 4,
    plan: Annotated[str | None, typer.Option(help="Report on this plan instead.")] = None,
    out: Annotated[Path, typer.Option(help="Where a plan's page goes.")] = Path("out/report.html"),
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a report for a council: HTML, PDF, CSV and XLSX on an experiment, or one HTML page on a plan."""
    if plan is not None:
        if len(about) != 2:
            raise ValueError(f"saw {len(about)} arguments; with --plan expected runs without and runs with the plan")
        with client_of(server, data_dir) as client:
            page = client.report(commas(about[0]), commas(about[1]), plan)
        write_file(out, page, as_json)
        return
    if len(about) != 1:
        raise ValueError(f"saw {len(about)} arguments; expected one experiment, or --plan")
    folder = to if to is not None else Path("out") / about[0].removeprefix("experiments/")
    with client_of(server, data_dir) as client:
        files = client.experiment_report(about[0], baseline=baseline, detailed=detailed)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    if as_json:
        print_data({str(folder / path): len(content) for path, content in files.items()})
    else:
        typer.echo("\n".join(str(folder / path) for path in files))
