"""Commands that design what to change."""

from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, commas, print_message

app = typer.Typer(help="Design what to change.", no_args_is_help=True)


@app.command("feeders")
def optimize_feeders(
    run: Annotated[str, typer.Option(help="A finished run, for its demand and costs.")],
    stations: Annotated[str, typer.Option(help="Stations to serve, separated by commas.")],
    vehicles: Annotated[int, typer.Option(help="Buses at hand.")],
    budget: Annotated[float | None, typer.Option(help="Operating budget, CNY a day.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    rounds: Annotated[int, typer.Option(help="Design, simulate and price anew so often at most; 1 designs once.")] = 1,
    name: Annotated[str, typer.Option(help="Name of the plan. [chosen by the service]")] = "",
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Design feeder routes that end at stations."""
    from greentrip import show

    with client_of(server, data_dir) as client, show.bars(quiet=as_json) as bars:
        made = client.design_feeders(
            run,
            commas(stations),
            vehicles=vehicles,
            budget_cny_day=budget,
            seed=seed,
            rounds=rounds,
            name=name,
            progress=bars.design,
        )
    print_message(made) if as_json else show.plan(show.console(), made)
