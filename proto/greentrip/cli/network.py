"""Commands on networks."""

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, print_data, print_message

app = typer.Typer(help="Look at the bundled networks.", no_args_is_help=True)


@app.command("list")
def network_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the networks."""
    with client_of(server, data_dir) as client:
        names = client.networks()
    print_data(names) if as_json else typer.echo("\n".join(names))


@app.command("show")
def network_show(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a network's counts, kilometres and coverage."""
    with client_of(server, data_dir) as client:
        city = client.network(name)
    if as_json:
        print_message(city)
        return
    from greentrip import show

    out = show.console()
    show.network(out, city)
    for title, lines in (("Assumed", city.assumptions), ("Sources", city.sources)):
        out.print(f"{title}:")
        for line in lines:
            out.print(f"  - {line}", markup=False)
