"""Commands on the model itself: fit it, hold it against published figures, test its reactions, predict lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from greentrip.cli.engine import run_engine
from greentrip.cli.options import AsJson, Sample, print_data

Where = Annotated[str, typer.Argument(metavar="NETWORK", help="A bundled network, or a folder of tables.")]
Seed = Annotated[int, typer.Option(help="Seed of every draw.")]
RailYear = Annotated[int | None, typer.Option(help="Run the rail open at the end of this year.")]
Days = Annotated[int, typer.Option(help="Simulated days at most.")]


def calibrate(
    network: Where,
    targets: Annotated[
        Path | None, typer.Option(help="Published shares, TOML or CSV. [those that come with the network]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the constants go when the targets are met; runs find them in GREENTRIP_CALIBRATIONS."),
    ] = None,
    sample: Sample = 0.005,
    seed: Seed = 0,
    days: Days = 80,
    as_json: AsJson = False,
) -> None:
    """Fit one constant a mode to published shares, with the simulator in the loop."""
    arguments = ["calibrate", network, *_common(sample, seed, days)]
    arguments += ["--targets", str(targets)] if targets is not None else []
    arguments += ["--out", str(out)] if out is not None else []
    found = work(arguments, "calibrating", as_json)
    if as_json:
        print_data(found)
    else:
        table(
            f"Shares, percent ({found['calibrated_on']})",
            ("class", "published", "before", "after", "residual"),
            [
                (c["class"], _n(c["observed"]), _n(c["before"]), _n(c["after"]), f"{c['residual']:+.3f}")
                for c in found["classes"]
            ],
        )
        table("Constants", ("mode", "utility"), [(m, f"{v:+.4f}") for m, v in found["constants"].items()])
        if found["checks"]:
            table(
                "Not fitted",
                ("measure", "published", "before", "after"),
                [(c["measure"], _n(c["published"]), _n(c["before"]), _n(c["after"])) for c in found["checks"]],
            )
        _reactions(found["response"])
        typer.echo(f"Written to {found['written']}." if found["written"] else "Nothing written.")
    if not found["reached"]:
        raise ValueError(f"not calibrated: {found['reason']}")


def validate(network: Where, sample: Sample = 0.005, seed: Seed = 0, days: Days = 60, as_json: AsJson = False) -> None:
    """Hold the model against published figures, the misses first."""
    found = work(["validate", network, *_common(sample, seed, days)], "simulating", as_json)
    if as_json:
        print_data(found)
        return
    rows = [
        (
            "met" if c["met"] else "MISSED",
            c["what"],
            str(c["year"]),
            _n(c["published"]),
            _n(c["modelled"]),
            f"{c['off_percent']:+.1f} %",
            "set with it in view" if c["used"] else "",
        )
        for c in found["checks"]
    ]
    table("Published figures", ("", "figure", "year", "published", "model", "off", "used"), rows)
    score = found["score"]
    typer.echo(
        f"{score['met']} of {score['of']} figures that nothing was set with are within {score['within_percent']:g} % "
        f"({score['percent']:.0f} %)."
    )


def response(
    network: Where,
    rail_year: RailYear = None,
    sample: Sample = 0.005,
    seed: Seed = 0,
    days: Days = 60,
    as_json: AsJson = False,
) -> None:
    """Test how the model reacts to prices and times, against published reviews; in Beijing to the fares of 2014 too."""
    arguments = ["response", network, *_common(sample, seed, days)]
    arguments += ["--rail-year", str(rail_year)] if rail_year is not None else []
    found = work(arguments, "simulating", as_json)
    if as_json:
        print_data(found)
        return
    _reactions(found["reactions"])
    if found["fare_reform"]:
        table(
            "Back-cast of the fare reform of 28 December 2014, percent",
            ("what", "published", "model", "at incomes of 2015", "source"),
            [
                (
                    c["name"], f"{c['published']:+.1f}", f"{c['model']:+.1f}", f"{c['model_at_income_then']:+.1f}",
                    c["source"],
                )
                for c in found["fare_reform"]
            ],
        )  # fmt: skip


def ridership(
    network: Where,
    rail_year: RailYear = None,
    out: Annotated[Path | None, typer.Option(help="Write the lines as CSV.")] = None,
    sample: Sample = 0.005,
    seed: Seed = 0,
    days: Days = 60,
    as_json: AsJson = False,
) -> None:
    """Predict boardings by rail line and the ten fullest sections."""
    arguments = ["ridership", network, *_common(sample, seed, days)]
    arguments += ["--rail-year", str(rail_year)] if rail_year is not None else []
    found = work(arguments, "simulating", as_json)
    if out is not None:
        import csv

        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8", newline="") as file:
            rows = csv.DictWriter(file, list(found["lines"][0]), lineterminator="\n")
            rows.writeheader()
            rows.writerows(found["lines"])
    if as_json:
        print_data(found)
        return
    table(
        f"Boardings a day, rail of {found['rail_year']}",
        ("line", "name", "名称", "boardings"),
        [(r["line_id"], r["name_en"], r["name_zh"], f"{r['boardings_per_day']:,}") for r in found["lines"]],
    )
    table(
        "Fullest sections",
        ("period", "line", "from", "to", "persons an hour", "load factor"),
        [
            (
                s["period"],
                s["line_id"],
                s["from_en"],
                s["to_en"],
                f"{s['persons_per_hour']:,.0f}",
                f"{s['load_factor']:.2f}",
            )
            for s in found["sections"]
        ],
    )


def _common(sample: float, seed: int, days: int) -> list[str]:
    """Return the options that every job takes."""
    return ["--sample", str(sample), "--seed", str(seed), "--days", str(days)]


def work(arguments: list[str], doing: str, quiet: bool) -> dict[str, Any]:
    """Run the engine with a line of progress on the terminal."""
    from greentrip import show

    console = show.console()
    if quiet or not console.is_terminal:
        return run_engine(arguments, lambda _: None)
    with console.status(doing) as status:

        def tell(now: dict[str, Any]) -> None:
            worst = f", furthest class off by {now['worst_points']:.2f} points" if "worst_points" in now else ""
            status.update(f"{doing}: {now.get('message') or 'day ' + str(now['day'])}{worst}")

        return run_engine(arguments, tell)


def _reactions(rows: list[dict[str, Any]]) -> None:
    """Print the response tests."""
    table(
        "Response tests",
        ("", "to", "of", "elasticity", "published", "source"),
        [
            (
                "inside" if r["inside"] else "OUTSIDE",
                r["name"],
                r["of"],
                f"{r['elasticity']:+.3f}",
                f"{r['low']:g} to {r['high']:g}",
                r["source"],
            )
            for r in rows
        ],
    )


def _n(value: float | None) -> str:
    """Write a figure with as many decimals as it needs."""
    return "" if value is None else f"{value:.3g}" if abs(value) < 1 else f"{value:,.2f}"


def table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table."""
    from rich.table import Table

    from greentrip import show

    table = Table(title=title, title_justify="left")
    for name in head:
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    show.console().print(table)
