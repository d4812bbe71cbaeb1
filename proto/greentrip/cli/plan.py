"""Commands on plans."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, print_all, print_message, write_file

app = typer.Typer(help="Look at plans and export them.", no_args_is_help=True)


@app.command("list")
def plan_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the plans."""
    with client_of(server, data_dir) as client:
        print_all(
            client.plans(), as_json, lambda p: f"{p.name}  {p.network}  {len(p.routes)} routes  {p.vehicles} buses"
        )


@app.command("show")
def plan_show(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a plan by station."""
    with client_of(server, data_dir) as client:
        found = client.plan(name)
    if as_json:
        print_message(found)
        return
    from greentrip import show

    show.plan(show.console(), found)


@app.command("export")
def plan_export(
    name: str,
    out: Annotated[Path, typer.Option(help="Where the zipped GTFS feed goes.")],
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a plan as a zipped GTFS feed."""
    with client_of(server, data_dir) as client:
        feed = client.export_plan(name)
    write_file(out, feed, as_json)
