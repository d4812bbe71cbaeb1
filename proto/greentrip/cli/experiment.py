"""Commands on experiments: many scenarios under many seeds as one batch."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, print_all, print_data, print_message

if TYPE_CHECKING:
    from greentrip.client import Client

app = typer.Typer(help="Run many scenarios under many seeds, and look at what came out.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The experiment.")]


@app.command("run")
def experiment_run(
    spec: Annotated[
        Path,
        typer.Argument(help="TOML file (or JSON) of scenarios, plans, sweeps and seeds, or one shipped."),
    ],
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of the file's: 0-9,12.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Check and count only.")] = False,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="RAY://HOST:PORT", help="Compute on this Ray cluster instead of this machine."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait; needs a server that goes on.")] = False,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment: what finished before is reused, what failed is tried again, then its figures are printed."""
    text = _text(spec)
    asked = json.loads(text) if spec.suffix == ".json" else text
    chosen = _seeds(seeds) if seeds is not None else []
    with client_of(server, data_dir, cluster) as client:
        made = client.run_experiment(asked, seeds=chosen, validate_only=check)
        if check or detach:
            print_message(made) if as_json else typer.echo(_line(made))
            return
        made = _follow(client, made.name, as_json)
        _print(client, made, as_json)


def _text(spec: Path) -> str:
    """Return a file's text, or that of the shipped experiment of this name."""
    from importlib.resources import files

    shipped = files("greentrip").joinpath("examples", f"{spec.name}.toml")
    if not spec.exists() and spec.name == str(spec) and shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return spec.read_text(encoding="utf-8")


@app.command("show")
def experiment_show(name: Name, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print an experiment, its figures so far and what is missing."""
    with client_of(server, data_dir) as client:
        _print(client, client.experiment(name), as_json)


@app.command("list")
def experiment_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the experiments."""
    with client_of(server, data_dir) as client:
        print_all(client.experiments(), as_json, _line)


@app.command("watch")
def experiment_watch(name: Name, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Follow an experiment to its end, then print its figures."""
    with client_of(server, data_dir) as client:
        _print(client, _follow(client, name, as_json), as_json)


@app.command("pause")
def experiment_pause(name: Name, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Start no further run; those that have begun go on to their end."""
    with client_of(server, data_dir) as client:
        print_all([client.pause_experiment(name)], as_json, _line)


@app.command("resume")
def experiment_resume(name: Name, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Go on with an experiment that was paused or cancelled."""
    with client_of(server, data_dir) as client:
        made = client.resume_experiment(name)
        if server is None and not as_json:
            made = _follow(client, name, as_json)
        print_all([made], as_json, _line)


@app.command("cancel")
def experiment_cancel(name: Name, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Stop an experiment and its runs; what has finished stays."""
    with client_of(server, data_dir) as client:
        print_all([client.cancel_experiment(name)], as_json, _line)


@app.command("query")
def experiment_query(
    name: Name,
    sql: Annotated[str, typer.Argument(help="One SELECT over trips, sums, links, lines, figures, scenarios.")],
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask the trips of every run that has finished a question in SQL."""
    with client_of(server, data_dir) as client:
        answer = client.query_experiment(name, sql, "json" if as_json else "csv").decode()
    typer.echo(answer.rstrip())


def _seeds(text: str) -> list[int]:
    """Read seeds such as 0-9,12."""
    found: list[int] = []
    for part in text.replace("，", ",").split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.strip().isdecimal()):
            raise ValueError(f"--seeds: saw {text!r}; expected numbers and ranges such as 0-9,12")
        if dash and int(last) - int(first) > 100_000:
            raise ValueError(f"--seeds: saw {part.strip()!r}; expected at most 100000 seeds")
        found.extend(range(int(first), int(last or first) + 1))
    return list(dict.fromkeys(found))


def _follow(client: "Client", name: str, as_json: bool) -> Any:
    """Show an experiment's progress until it no longer runs; return it."""
    from greentrip import show

    last = client.experiment(name)
    with show.bars(quiet=as_json) as bars:
        for last in client.watch_experiment(name):
            bars.experiment(last)
    return last


def _print(client: "Client", made: Any, as_json: bool) -> None:
    """Print an experiment and its figures."""
    result = client.experiment_result(made.name)
    if as_json:
        from greentrip.plain import plain

        print_data({"experiment": plain(made), "result": plain(result)})
        return
    from greentrip import show_experiment

    show_experiment.experiment(made, result)


def _line(made: Any) -> str:
    """Return an experiment in one line."""
    from greentrip.show_experiment import line

    return line(made)
