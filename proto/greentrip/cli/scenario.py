"""Commands on scenarios."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, print_all, print_message

app = typer.Typer(help="Keep scenarios: a network and what changes in it.", no_args_is_help=True)


@app.command("create")
def scenario_create(
    name: str,
    network: Annotated[str, typer.Option(help="Base network.")] = "beijing-2019",
    intervention: Annotated[
        list[str] | None,
        typer.Option(
            help='One change as JSON: {"kind": "SetHeadway", "line": "1", "headway_s": 120}; repeat for more.'
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A JSON list of changes.")] = None,
    description: Annotated[str, typer.Option(help="A sentence for people.")] = "",
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Check only.")] = False,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Store a scenario that can be built; the first change that cannot be is named."""
    import json

    steps = json.loads(file.read_text()) if file else []
    steps += [json.loads(text) for text in intervention or []]
    with client_of(server, data_dir) as client:
        made = client.create_scenario(network, steps, name=name, description=description, validate_only=validate_only)
    print_message(made) if as_json else typer.echo(made.name or "valid")


@app.command("list")
def scenario_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the scenarios."""
    with client_of(server, data_dir) as client:
        print_all(
            client.scenarios(),
            as_json,
            lambda s: f"{s.name}  {s.network}  {len(s.interventions)} changes  {s.description}",
        )


@app.command("show")
def scenario_show(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a scenario."""
    with client_of(server, data_dir) as client:
        found = client.scenario(name)
    print_message(found) if as_json else typer.echo(str(found).strip())
