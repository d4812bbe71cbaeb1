"""Commands that set runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, commas, print_message, write_file


def compare(
    base: Annotated[str, typer.Argument(help="Runs compared with, separated by commas.")],
    other: Annotated[str, typer.Argument(help="Runs of the same seeds.")],
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs of two scenarios, paired by seed."""
    with client_of(server, data_dir) as client:
        found = client.compare(commas(base), commas(other))
    if as_json:
        print_message(found)
        return
    from greentrip import show

    out = show.console()
    show.comparison(out, found)
    show.headline(out, found)


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
