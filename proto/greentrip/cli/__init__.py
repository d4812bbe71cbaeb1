"""The command line: `greentrip demo`, `serve`, `network`, `scenario`, `simulate`, `experiment`, `compare` and more.

Every command takes `--server HOST:PORT`, else it starts the service on `--data-dir`; `--json` prints data for machines.
Whatever a command needs beyond typer is imported when it runs, so that `--help` is quick.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli import (
    admin,
    calibrate,
    compare,
    experiment,
    indicators,
    network,
    optimize,
    parameters,
    plan,
    population,
    run,
    scenario,
    service,
    uncertainty,
)

app = typer.Typer(
    help="Simulate a city's commuters, test a green-trip target, design bus feeder routes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(service.demo)
app.command()(service.serve)
app.add_typer(network.app, name="network")
indicators.add_to(network.app)
app.add_typer(scenario.app, name="scenario")
app.command()(run.simulate)
app.add_typer(run.app, name="run")
app.add_typer(optimize.app, name="optimize")
app.add_typer(parameters.app, name="parameters")
app.add_typer(plan.app, name="plan")
app.add_typer(population.app, name="population")
app.add_typer(experiment.app, name="experiment")
app.command()(compare.compare)
app.command()(compare.report)
admin.add_to(app)
app.command()(calibrate.calibrate)
app.command()(calibrate.validate)
app.command()(calibrate.response)
app.command()(calibrate.ridership)
app.command()(uncertainty.uncertainty)


def main() -> None:
    """Run the command line; a failure is one line on standard error and exit code 1."""
    try:
        app()
    except Exception as error:
        from greentrip.client.errors import CallError, ConnectError

        if not isinstance(error, CallError | ConnectError | ValueError | OSError):
            raise
        prefix = f"{error.code.lower().replace('_', ' ')}: " if isinstance(error, CallError) else ""
        said = _of_a_file(error) if isinstance(error, OSError) else str(error)
        sys.stderr.write(f"greentrip: {prefix}{' '.join(said.split())}\n")
        sys.exit(1)


def _of_a_file(error: OSError) -> str:
    """Say what could not be done with which file, and what to do."""
    if error.filename is None or error.strerror is None:
        return str(error)
    place, do = Path(str(error.filename2 or error.filename)), "choose another place"
    if isinstance(error, IsADirectoryError):
        return f"{place}: a folder is where a file is wanted; name a file in it"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{place}: a file is where a folder is wanted; {do}"
    if isinstance(error, PermissionError):
        return f"{place}: not allowed; {do}"
    return f"{place}: {error.strerror.lower()}"


@app.callback(invoke_without_command=True)
def _root(*, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Simulate a city's commuters, test a green-trip target, design bus feeder routes."""
    if version:
        from greentrip import __version__

        typer.echo(__version__)
        raise typer.Exit


if __name__ == "__main__":
    main()
