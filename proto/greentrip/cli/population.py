"""Commands on who travels: a population from margins of zones, tours from observed trips."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from greentrip.cli.calibrate import table, work
from greentrip.cli.options import AsJson, DataDir, Server, client_of, print_data

app = typer.Typer(help="Say who lives in a city and where they travel.", no_args_is_help=True)

Base = Annotated[str, typer.Option("--network", metavar="NAME", help="Network whose zones these are.")]
As = Annotated[str, typer.Option("--as", metavar="NAME", help="Store the network with this demand under a new name.")]
Tables = Annotated[Path | None, typer.Option(help="Folder for persons.parquet and tours.parquet.")]
Share = Annotated[float, typer.Option("--sample", help="Share of travellers drawn for the tables and the check.")]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]


@app.command("synthesise")
def population_synthesise(
    margins: Annotated[Path, typer.Argument(help="CSV or Parquet: zone_id and any of residents, workers, cars ...")],
    network: Base,
    name: As = "",
    tables: Tables = None,
    sample: Share = 0.01,
    seed: Seed = 0,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Fit residents by age, work, car, bicycle and income to margins of zones; without --as only check."""
    found = _work("synthesise", margins, network, name, tables, sample, seed, server, data_dir, as_json)
    if not as_json:
        rows = [(m["margin"], f"{m['persons']:,.0f}", f"{m['largest_miss_persons']:.1f}") for m in found["margins"]]
        table(f"{found['residents']:,} residents of {found['zones']:,} zones", ("margin", "persons", "missed by"), rows)
        for line in found["assumed"]:
            typer.echo(f"assumed: {line}")


@app.command("from-od")
def population_from_od(
    matrix: Annotated[Path, typer.Argument(help="OMX or CSV: trips from home by purpose and period, such as work_am.")],
    network: Base,
    name: As = "",
    tables: Tables = None,
    sample: Share = 0.01,
    seed: Seed = 0,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make observed trips the demand of a network; without --as only check them."""
    found = _work("from-od", matrix, network, name, tables, sample, seed, server, data_dir, as_json)
    if not as_json:
        rows = [
            (m["matrix"], f"{m['trips']:,.0f}", f"{m['tours']:,.0f}", f"{m['largest_miss_percent']:.2f} %")
            for m in found["matrices"]
        ]
        title = f"{found['travellers']:,} travellers at a sample of {found['sample']:g}"
        table(title, ("matrix", "trips", "of the tours", "margin missed by"), rows)


def _work(
    job: str,
    file: Path,
    network: str,
    name: str,
    tables: Path | None,
    sample: float,
    seed: int,
    server: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> dict[str, Any]:
    """Fetch the network, let the engine work on it, keep what it made; print the result for machines."""
    if not file.exists():
        raise FileNotFoundError(f"{file}: no such file")
    with client_of(server, data_dir) as client, tempfile.TemporaryDirectory(prefix="greentrip-") as folder:
        title = network.removeprefix("networks/")
        base, made = Path(folder, f"{title}.json"), Path(folder, "made.json")
        client.network_files.export(title, "node-link", base)
        arguments = [job, str(file), "--network", str(base), "--sample", str(sample), "--seed", str(seed)]
        arguments += ["--out", str(made)] if name else []
        arguments += ["--tables", str(tables)] if tables is not None else []
        found = work(arguments, "fitting", as_json)
        found.pop("network", None)
        if name:
            reply = client.network_files.add([made], name)
            if not reply.stored:
                first = next((p for p in reply.check.problems if p.level == "error"), None)
                raise ValueError(f"nothing is stored as {name}: {first.place if first else 'the network has errors'}")
            found["stored"] = reply.network.name
    if as_json:
        print_data(found)
        return found
    for line in found["warnings"]:
        typer.echo(line, err=True)
    typer.echo(f"stored as {found['stored']}" if name else "checked; nothing is stored without --as")
    return found
