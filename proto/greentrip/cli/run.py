"""Commands that simulate, and look at runs."""

from typing import Annotated, Any

import typer

from greentrip.cli.options import (
    AsJson,
    DataDir,
    MaxDays,
    Sample,
    Server,
    client_of,
    numbers,
    print_all,
    print_data,
)

app = typer.Typer(help="Look at runs and stop them.", no_args_is_help=True)


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

    chosen = numbers(seeds, "--seeds")
    with client_of(server, data_dir) as client:
        with show.bars(quiet=as_json) as bars:
            done = client.simulate(
                scenario, plan=plan, seeds=chosen, sample=sample, max_days=max_days, progress=bars.run(scenario)
            )
        results = done.results()
    if as_json:
        from greentrip.plain import plain

        print_data([plain(r) for r in results])
        return
    out = show.console()
    show.runs(out, ", ".join(done.names), done.runs, results)
    show.mode_shares(out, results)


@app.command("list")
def run_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the runs."""
    from greentrip.v1 import run_pb2

    def line(run: Any) -> str:
        state = run_pb2.RunState.Name(run.state).removeprefix("RUN_STATE_").lower()
        return f"{run.name}  {run.scenario}  seed {run.seed}  sample {run.sample:g}  {state}"

    with client_of(server, data_dir) as client:
        print_all(client.runs(), as_json, line)


@app.command("cancel")
def run_cancel(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Stop a run."""
    with client_of(server, data_dir) as client:
        print_all([client.cancel(name)], as_json, lambda run: run.name)
