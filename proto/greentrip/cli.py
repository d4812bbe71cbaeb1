"""The command line: `greentrip demo`, `serve`, `network`, `scenario`, `simulate`, `optimize`, `compare`, `report`.

Every command takes `--server HOST:PORT`, else it starts the service on `--data-dir`; `--json` prints data for machines.
Whatever a command needs beyond typer is imported when it runs, so that `--help` is quick.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from greentrip.client import Client

app = typer.Typer(
    help="Simulate a city's commuters, test a green-trip target, design bus feeder routes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
network_app = typer.Typer(help="Look at the bundled networks.", no_args_is_help=True)
scenario_app = typer.Typer(help="Keep scenarios: a network and what changes in it.", no_args_is_help=True)
run_app = typer.Typer(help="Look at runs and stop them.", no_args_is_help=True)
plan_app = typer.Typer(help="Look at plans and export them.", no_args_is_help=True)
optimize_app = typer.Typer(help="Design what to change.", no_args_is_help=True)
app.add_typer(network_app, name="network")
app.add_typer(scenario_app, name="scenario")
app.add_typer(run_app, name="run")
app.add_typer(optimize_app, name="optimize")
app.add_typer(plan_app, name="plan")

Server = Annotated[
    str | None, typer.Option("--server", metavar="HOST:PORT", help="A running server, instead of one on --data-dir.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="GREENTRIP_DATA",
        help="Data directory of the service; its owner is used if one runs. [greentrip-data]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data for machines.")]
Sample = Annotated[float, typer.Option(help="Share of residents simulated, above 0 to 1.")]
MaxDays = Annotated[int, typer.Option(help="Simulated days at most.")]


def main() -> None:
    """Run the command line; a failure is one line on standard error and exit code 1."""
    try:
        app()
    except Exception as error:
        from greentrip.client.errors import CallError, ConnectError

        if not isinstance(error, CallError | ConnectError | ValueError | OSError):
            raise
        prefix = f"{error.code.lower().replace('_', ' ')}: " if isinstance(error, CallError) else ""
        sys.stderr.write(f"greentrip: {prefix}{' '.join(str(error).split())}\n")
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _root(*, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Simulate a city's commuters, test a green-trip target, design bus feeder routes."""
    if version:
        from greentrip import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    city: Annotated[str | None, typer.Option(help="Network to use. [beijing-2019]")] = None,
    sample: Annotated[float | None, typer.Option(help="Share of residents simulated. [0.005]")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds, from 0. [3]")] = None,
    stations: Annotated[
        str | None, typer.Option(help="Stations to serve, separated by commas. [16 outer ones]")
    ] = None,
    vehicles: Annotated[int | None, typer.Option(help="Buses at hand. [120]")] = None,
    max_days: Annotated[int | None, typer.Option(help="Simulated days at most. [60]")] = None,
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("out/demo.html"),
    small: Annotated[bool, typer.Option("--small", help="The tiny city, in seconds.")] = False,
    server: Server = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Keep the data here. [a temporary folder]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Do the main job end to end: simulate, test the target, design feeders, simulate again, compare, report."""
    from dataclasses import replace

    from greentrip.demo import BEIJING, TINY, run_demo

    given: dict[str, Any] = {
        "city": city,
        "sample": sample,
        "seeds": seeds,
        "vehicles": vehicles,
        "max_days": max_days,
        "out": out,
    }
    given["stations"] = tuple(_commas(stations)) if stations else None
    chosen = {name: value for name, value in given.items() if value is not None}
    run_demo(replace(TINY if small else BEIJING, **chosen), server=server, data_dir=data_dir, as_json=as_json)


@app.command()
def serve(
    address: Annotated[str, typer.Option(help="HOST:PORT on loopback; port 0 takes a free one.")] = "127.0.0.1:50051",
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes at most. [one a core]")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads a worker. [1]")] = None,
) -> None:
    """Serve until stopped; prints one JSON line with the address once ready."""
    import os
    from importlib.util import find_spec

    if find_spec("greentrip_server") is None:
        raise ValueError("the engine is not installed: `pip install greentrip[engine]`")
    command = [sys.executable, "-m", "greentrip_server", f"--address={address}"]
    command += [f"--data={data_dir}"] if data_dir else []
    command += [f"--{k}={v}" for k, v in (("workers", workers), ("threads", threads)) if v is not None]
    os.execv(sys.executable, command)  # noqa: S606


@network_app.command("list")
def network_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the networks."""
    with _client(server, data_dir) as client:
        names = client.networks()
    _print(names) if as_json else typer.echo("\n".join(names))


@network_app.command("show")
def network_show(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a network's counts, kilometres and coverage."""
    with _client(server, data_dir) as client:
        city = client.network(name)
    if as_json:
        _print_message(city)
        return
    from greentrip import show

    out = show.console()
    show.network(out, city)
    for title, lines in (("Assumed", city.assumptions), ("Sources", city.sources)):
        out.print(f"{title}:")
        for line in lines:
            out.print(f"  - {line}", markup=False)


@scenario_app.command("create")
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
    with _client(server, data_dir) as client:
        made = client.create_scenario(network, steps, name=name, description=description, validate_only=validate_only)
    _print_message(made) if as_json else typer.echo(made.name or "valid")


@scenario_app.command("list")
def scenario_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the scenarios."""
    with _client(server, data_dir) as client:
        _print_all(
            client.scenarios(),
            as_json,
            lambda s: f"{s.name}  {s.network}  {len(s.interventions)} changes  {s.description}",
        )


@scenario_app.command("show")
def scenario_show(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a scenario."""
    with _client(server, data_dir) as client:
        found = client.scenario(name)
    _print_message(found) if as_json else typer.echo(str(found).strip())


@app.command()
def simulate(
    scenario: Annotated[str, typer.Argument(help="A scenario or a network.")],
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0",
    sample: Sample = 0.005,
    max_days: MaxDays = 60,
    plan: Annotated[str | None, typer.Option(help="Add the routes of this plan.")] = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a weekday until it settles, once for each seed."""
    from greentrip import show

    numbers = _numbers(seeds, "--seeds")
    with _client(server, data_dir) as client:
        with show.bars(quiet=as_json) as bars:
            done = client.simulate(
                scenario, plan=plan, seeds=numbers, sample=sample, max_days=max_days, progress=bars.run(scenario)
            )
        results = done.results()
    if as_json:
        from greentrip.plain import plain

        _print([plain(r) for r in results])
        return
    out = show.console()
    show.runs(out, ", ".join(done.names), done.runs, results)
    show.mode_shares(out, results)


@optimize_app.command("feeders")
def optimize_feeders(
    run: Annotated[str, typer.Option(help="A finished run, for its demand and costs.")],
    stations: Annotated[str, typer.Option(help="Stations to serve, separated by commas.")],
    vehicles: Annotated[int, typer.Option(help="Buses at hand.")],
    budget: Annotated[float | None, typer.Option(help="Operating budget, CNY a day.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    name: Annotated[str, typer.Option(help="Name of the plan. [chosen by the service]")] = "",
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Design feeder routes that end at stations."""
    from greentrip import show

    with _client(server, data_dir) as client, show.bars(quiet=as_json) as bars:
        made = client.design_feeders(
            run, _commas(stations), vehicles=vehicles, budget_cny_day=budget, seed=seed, name=name, progress=bars.design
        )
    _print_message(made) if as_json else show.plan(show.console(), made)


@app.command()
def compare(
    base: Annotated[str, typer.Argument(help="Runs compared with, separated by commas.")],
    other: Annotated[str, typer.Argument(help="Runs of the same seeds.")],
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs of two scenarios, paired by seed."""
    with _client(server, data_dir) as client:
        found = client.compare(_commas(base), _commas(other))
    if as_json:
        _print_message(found)
        return
    from greentrip import show

    out = show.console()
    show.comparison(out, found)
    show.headline(out, found)


@app.command()
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
    with _client(server, data_dir) as client:
        page = client.report(_commas(base), _commas(other), plan)
    _write(out, page, as_json)


@run_app.command("list")
def run_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the runs."""
    from greentrip.v1 import run_pb2

    def line(run: Any) -> str:
        state = run_pb2.RunState.Name(run.state).removeprefix("RUN_STATE_").lower()
        return f"{run.name}  {run.scenario}  seed {run.seed}  sample {run.sample:g}  {state}"

    with _client(server, data_dir) as client:
        _print_all(client.runs(), as_json, line)


@run_app.command("cancel")
def run_cancel(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Stop a run."""
    with _client(server, data_dir) as client:
        _print_all([client.cancel(name)], as_json, lambda run: run.name)


@plan_app.command("list")
def plan_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the plans."""
    with _client(server, data_dir) as client:
        _print_all(
            client.plans(), as_json, lambda p: f"{p.name}  {p.network}  {len(p.routes)} routes  {p.vehicles} buses"
        )


@plan_app.command("show")
def plan_show(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a plan by station."""
    with _client(server, data_dir) as client:
        found = client.plan(name)
    if as_json:
        _print_message(found)
        return
    from greentrip import show

    show.plan(show.console(), found)


@plan_app.command("export")
def plan_export(
    name: str,
    out: Annotated[Path, typer.Option(help="Where the zipped GTFS feed goes.")],
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a plan as a zipped GTFS feed."""
    with _client(server, data_dir) as client:
        feed = client.export_plan(name)
    _write(out, feed, as_json)


def _client(server: str | None, data_dir: Path | None) -> "Client":
    """Connect as the options say."""
    from greentrip.client import connect

    return connect(server, data_dir)


def _commas(text: str) -> list[str]:
    """Split at commas, Chinese ones too."""
    return [part.strip() for part in text.replace("，", ",").split(",") if part.strip()]


def _numbers(text: str, option: str) -> list[int]:
    """Read whole numbers separated by commas."""
    try:
        return [int(part) for part in _commas(text)]
    except ValueError:
        raise ValueError(f"{option}: saw {text!r}; expected whole numbers separated by commas, such as 0,1,2") from None


def _print(data: Any) -> None:
    """Print plain data as JSON."""
    from greentrip.plain import dumps

    typer.echo(dumps(data))


def _print_message(message: Any) -> None:
    """Print a message as JSON."""
    from greentrip.plain import plain

    _print(plain(message))


def _print_all(messages: list[Any], as_json: bool, line: Any) -> None:
    """Print messages as JSON or one line each."""
    from greentrip.plain import plain

    if as_json:
        _print([plain(m) for m in messages])
    else:
        for message in messages:
            typer.echo(line(message).rstrip())


def _write(path: Path, content: bytes, as_json: bool) -> None:
    """Write a file and say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if as_json:
        _print({"path": str(path), "bytes": len(content)})
    else:
        typer.echo(str(path))


if __name__ == "__main__":
    main()
