"""Commands on plans."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, print_all, print_message, read_json, write_file

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


@app.command("create")
def plan_create(
    routes: Annotated[Path, typer.Argument(help="JSON file with `routes` as `plan show --json` prints them.")],
    network: Annotated[str, typer.Option(help="The network they run on.")],
    name: Annotated[str, typer.Option(help="Name of the plan. [chosen by the service]")] = "",
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Store feeder routes drawn by hand as a plan, such as one that `optimize feeders --keep` keeps."""
    given = read_json(routes).get("routes", ())
    with client_of(server, data_dir) as client:
        made = client.create_plan(network, given, name=name)
    print_message(made) if as_json else typer.echo(made.name)


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


@app.command("diff")
def plan_diff(
    before: Annotated[str, typer.Argument(help="The plan compared with.")],
    after: Annotated[str, typer.Argument(help="The other plan, of the same network.")],
    gtfs: Annotated[Path | None, typer.Option(help="Write both plans as zipped GTFS feeds to this folder.")] = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print which routes are added, dropped and changed, and how many people that touches."""
    with client_of(server, data_dir) as client:
        found = client.compare_plans(before, after)
        for name in (found.before, found.after) if gtfs is not None else ():
            assert gtfs is not None
            gtfs.mkdir(parents=True, exist_ok=True)
            (gtfs / f"{name.removeprefix('plans/')}.zip").write_bytes(client.export_plan(name))
    if as_json:
        print_message(found)
        return
    from greentrip import show_experiment

    show_experiment.plan_difference(found)
