"""Commands that simulate, and look at runs."""

import csv
import io
from pathlib import Path
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


@app.command("table")
def run_table(
    run: Annotated[str, typer.Argument(help="A finished run.")],
    name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="trip_lengths, desire_lines, screenlines, select_link, counts, section_loads, hourly_profile, "
            "emissions, or one that the run keeps: trips, links, lines, sections, routes, travellers, outside.",
        ),
    ],
    place: Annotated[
        list[str] | None,
        typer.Option(help="Screenline or cordon: ring road, area, district, or WKT line or polygon; may be repeated."),
    ] = None,
    link: Annotated[str, typer.Option(help="Street of select_link: row of the links table, NODE>NODE, or id:ID.")] = "",
    counts: Annotated[
        Path | None, typer.Option(help="CSV with columns link, direction, period (or hour), count (vehicles an hour).")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Desire lines between district or zone; section loads and screenlines by hour.")
    ] = "district",
    period: Annotated[
        str, typer.Option(help="am, off or pm; of tables by hour also an hour, 05 to 21. [the whole day]")
    ] = "",
    mode: Annotated[str, typer.Option(help="One main mode. [all]")] = "",
    most: Annotated[int, typer.Option(min=1, help="Rows at most where a table is cut.")] = 50,
    out: Annotated[Path | None, typer.Option(help="Write the table: .csv, or .arrow for an Arrow stream.")] = None,
    layer: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the map layer, as GeoJSON.")] = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a table of a run: trip lengths, desire lines, screenlines, select link, counts, section loads, exhaust."""
    from greentrip.counts import read_counts

    if out is not None and out.suffix not in (".csv", ".arrow"):
        raise ValueError(f"--out: saw {out.name!r}; expected a name that ends with .csv or .arrow")
    options: dict[str, Any] = {
        "places": place or [], "link": link, "by": by, "period": period, "mode": mode, "most": most,
        "counts": read_counts(counts) if counts is not None else [],
    }  # fmt: skip
    arrow = out is not None and out.suffix == ".arrow"
    with client_of(server, data_dir) as client:
        content, notes = client.table_with_notes(run, name, output="arrow" if arrow else "csv", **options)
        drawn = client.layer(run, name, **options) if layer is not None else b""
    for path, data in ((out, content), (layer, drawn)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    if as_json and not arrow:
        print_data({"table": name, "notes": notes, "rows": list(csv.DictReader(io.StringIO(content.decode())))})
        return
    if out is None:
        from greentrip import show

        rows = list(csv.reader(io.StringIO(content.decode())))
        console = show.console()
        heads = [head.replace("_", " ") for head in rows[0]]  # so that they may wrap
        console.print(show.table(f"{run}: {name}", heads, [[_cell(c) for c in row] for row in rows[1 : most + 1]]))
        if len(rows) - 1 > most:
            console.print(f"{len(rows) - 1 - most:,} rows more; --out FILE.csv has them all")
    for note in notes:
        typer.echo(note)
    for path in (out, layer):
        if path is not None:
            typer.echo(str(path))


def _cell(text: str) -> str | float | int | None:
    """Return a cell of CSV as the figure it is."""
    if text == "":
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    if abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.1f}" if value != int(value) and abs(value) < 1000 else f"{value:,.0f}"
