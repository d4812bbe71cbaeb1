"""Commands on the model's parameters."""

from pathlib import Path
from typing import Annotated

import typer

from greentrip.cli.calibrate import table, work
from greentrip.cli.options import AsJson, print_data

app = typer.Typer(help="Take the model's parameters from a survey.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Take the model's parameters from a survey."""


@app.command("from-biogeme")
def parameters_from_biogeme(
    file: Annotated[Path, typer.Argument(help="The YAML file that biogeme wrote; pickles are never read.")],
    names: Annotated[
        Path | None,
        typer.Option("--map", help="TOML that says which parameter is which beta. [betas are called like parameters]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write CITY.toml; runs find it in the folder that GREENTRIP_CALIBRATIONS names.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read an estimation result as parameters with their standard errors and 95 % ranges."""
    if not file.exists():
        raise FileNotFoundError(f"{file}: no such file")
    arguments = ["from-biogeme", str(file)]
    arguments += ["--map", str(names)] if names is not None else []
    arguments += ["--out", str(out)] if out is not None else []
    found = work(arguments, "reading", as_json)
    if as_json:
        print_data(found)
        return
    rows = [
        (p["name"], f"{p['value']:.4g}", f"{p['std_err']:.2g}", f"{p['low']:.4g} to {p['high']:.4g}")
        for p in found["parameters"]
    ]
    title = f"{found['model']}, {found['observations']:,} observations"
    table(title, ("parameter", "value", "standard error", "95 %"), rows)
    if found["unused"]:
        typer.echo(f"not used: {', '.join(found['unused'])}")
    typer.echo(f"Written to {found['written']}." if found["written"] else "Nothing written.")
