"""Commands that design what to change."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, commas, print_data, print_message, read_json

app = typer.Typer(help="Design what to change.", no_args_is_help=True)

Name = Annotated[str, typer.Option(help="Name of the plan. [chosen by the service]")]
JsonAnyway = Annotated[bool, typer.Option("--json", help="Print data for machines, as it does anyway.")]
Given = Annotated[Path, typer.Argument(help="JSON file with what is given; its fields are in the manual.")]


@app.command("feeders")
def optimize_feeders(
    run: Annotated[str, typer.Option(help="A finished run, for its demand and costs.")],
    stations: Annotated[str, typer.Option(help="Stations to serve, separated by commas.")],
    vehicles: Annotated[int, typer.Option(help="Buses at hand.")],
    budget: Annotated[float | None, typer.Option(help="Operating budget, CNY a day.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    rounds: Annotated[int, typer.Option(help="Design, simulate and price anew so often at most; 1 designs once.")] = 1,
    keep: Annotated[str, typer.Option(help="A plan whose routes run as they are and stay in the new plan.")] = "",
    range_km: Annotated[float, typer.Option(help="Range of an electric bus on a full battery, km; 0: no limit.")] = 0.0,
    charge_km_h: Annotated[float, typer.Option(help="Range that an hour of layover charges, km.")] = 0.0,
    turn_m: Annotated[float, typer.Option(help="Longest way round to turn at the last stop, m; 0: on the spot.")] = 0.0,
    loops: Annotated[bool, typer.Option("--loops", help="Design loops too: round and back by other streets.")] = False,
    street_buses_h: Annotated[
        float | None, typer.Option(help="Most buses an hour through one direction of a street. [no limit]")
    ] = None,
    gap: Annotated[float, typer.Option(help="Good enough: share of the bound that the plan may be worth less.")] = 0.0,
    seconds: Annotated[float, typer.Option(help="Take the best plan found after so much time; 0: no limit.")] = 0.0,
    start: Annotated[str, typer.Option(help="A plan to start from; its routes do not bind.")] = "",
    placements: Annotated[int, typer.Option(help="Placements of the population to judge rounds by; 0: 5.")] = 0,
    rules: Annotated[Path | None, typer.Option(help="JSON file with further rules; the manual lists them.")] = None,
    name: Name = "",
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
            keep=keep,
            range_km=range_km,
            charge_km_h=charge_km_h,
            turn_m=turn_m,
            loops=loops,
            street_buses_h=street_buses_h,
            gap=gap,
            seconds=seconds,
            start=start,
            placements=placements,
            rules=read_json(rules) if rules else None,
            name=name,
            progress=bars.design,
        )
    print_message(made) if as_json else show.plan(show.console(), made)


@app.command("lines")
def optimize_lines(
    run: Annotated[str, typer.Option(help="A finished run of the very network, for its loads.")],
    near: Annotated[float, typer.Option(help="Metres from a rail line at which a stop is beside it.")] = 400.0,
    share: Annotated[float, typer.Option(help="Share of a line beside rail that makes it parallel.")] = 0.4,
    full: Annotated[float, typer.Option(help="Riders over places at which a rail section is over capacity.")] = 1.0,
    vehicles: Annotated[int | None, typer.Option(help="Buses at hand then. [as many as today]")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    name: Name = "",
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Fit bus lines to rail: shorten, reroute or withdraw those beside it, strengthen those beside full trains."""
    from greentrip import show

    with client_of(server, data_dir) as client, show.bars(quiet=as_json) as bars:
        made = client.adjust_lines(
            run,
            near_m=near,
            least_share=share,
            full=full,
            vehicles=vehicles,
            seed=seed,
            name=name,
            progress=bars.design,
        )
    print_message(made) if as_json else show.plan(show.console(), made)


@app.command("commuter-buses")
def optimize_commuter_buses(
    run: Annotated[str, typer.Option(help="A finished run, for the people who drive to work.")],
    vehicles: Annotated[int, typer.Option(help="Buses at hand.")],
    seats: Annotated[int, typer.Option(help="Seats a bus.")] = 45,
    prices: Annotated[str, typer.Option(help="Prices of a ride to choose from, CNY, separated by commas.")] = "",
    arrive: Annotated[str, typer.Option(help="Windows of arrival, such as 08:00-08:30,08:30-09:00.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    name: Name = "",
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Design customised buses for people who drive to work: pick-ups, a fast leg, drop-offs, a seat, a price."""
    from greentrip import show

    try:
        chosen = [float(p) for p in commas(prices)]
    except ValueError:
        raise ValueError(f"--prices: saw {prices!r}; expected numbers separated by commas, such as 6,8,10") from None
    with client_of(server, data_dir) as client, show.bars(quiet=as_json) as bars:
        made = client.design_commuter_buses(
            run,
            vehicles=vehicles,
            seats=seats,
            prices_cny=chosen,
            arrive=commas(arrive),
            seed=seed,
            name=name,
            progress=bars.design,
        )
    print_message(made) if as_json else show.plan(show.console(), made)


@app.command("frequencies")
def optimize_frequencies(
    given: Given,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: JsonAnyway = True,  # noqa: ARG001
) -> None:
    """Share a fleet among given lines so that riders wait least; prints JSON."""
    _schedule("frequencies", given, server, data_dir)


@app.command("blocks")
def optimize_blocks(given: Given, server: Server = None, data_dir: DataDir = None, as_json: JsonAnyway = True) -> None:  # noqa: ARG001
    """Chain given trips into blocks, one a vehicle, with the fewest vehicles proven; prints JSON."""
    _schedule("blocks", given, server, data_dir)


@app.command("offsets")
def optimize_offsets(given: Given, server: Server = None, data_dir: DataDir = None, as_json: JsonAnyway = True) -> None:  # noqa: ARG001
    """Time the first bus of given lines so that riders wait least for trains; prints JSON."""
    _schedule("offsets", given, server, data_dir)


def _schedule(question: str, given: Path, server: str | None, data_dir: Path | None) -> None:
    """Ask the service and print its answer."""
    with client_of(server, data_dir) as client:
        print_data(client.schedule_lines(question, read_json(given)))
