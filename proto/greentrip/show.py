"""Tables and progress bars for people; at most 100 columns."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from statistics import fmean
from typing import Any

from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from greentrip.plain import plain
from greentrip.v1 import comparison_pb2, network_pb2, plan_pb2, run_pb2

WIDTH = 100
Cell = str | float | int | None


def console() -> Console:
    """Return a console on standard output."""
    return Console(width=WIDTH, highlight=False, soft_wrap=False)


def number(value: Cell, digits: int = 1) -> str:
    """Return a figure with thousands separated, text as it is and nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, digits: int = 1) -> Group:
    """Return a title and a table: columns of figures are set right."""
    made = Table(pad_edge=False)
    text = [[number(cell, digits) for cell in row] for row in rows]
    for i, column in enumerate(columns):
        figures = i > 0 and all(_is_figure(row[i]) for row in text)
        made.add_column(column, justify="right" if figures else "left", overflow="fold")
    for row in text:
        made.add_row(*map(Text, row))
    return Group(Text(title, style="bold"), made)


def _is_figure(text: str) -> bool:
    """Return whether a cell holds a number, a range or nothing."""
    return not text.strip("+-±,.% 0123456789")


_COUNTS = (
    ("zones", "zones"),
    ("districts", "districts"),
    ("residents", "residents"),
    ("jobs", "jobs"),
    ("cells of homes and jobs", "cells"),
    ("rail lines", "lines"),
    ("rail stations", "stations"),
    ("rail, km", "rail_km"),
    ("street nodes", "road_nodes"),
    ("directed street links", "road_links"),
    ("  of named roads", "road_links_named"),
    ("  of the generated grid", "road_links_generated"),
    ("named roads, km", "road_km_named"),
    ("generated streets, km", "road_km_generated"),
    ("bus lines", "bus_lines"),
    ("bus lines, km", "bus_line_km"),
    ("bus stops", "bus_stops"),
    ("feeders", "feeders"),
)


def network(out: Console, city: network_pb2.Network) -> None:
    """Print a network's counts, kilometres and coverage."""
    summary: Mapping[str, Any] = plain(city.summary)
    rows: list[Sequence[Cell]] = [(label, number(summary[key])) for label, key in _COUNTS if key in summary]
    half = (len(rows) + 1) // 2
    paired = [(*rows[i], *(rows[half + i] if half + i < len(rows) else ("", ""))) for i in range(half)]
    out.print(table(f"{city.name}: {city.display_name}, {city.year}", ("what", "count", "what", "count"), paired))
    if "near_station_residents_share" in summary:
        out.print(
            f"Within {number(summary['near_station_m'])} m of a rail station in {summary['near_station_area']}: "
            f"{summary['near_station_residents_share']:.1%} of residents, "
            f"{summary['near_station_area_share']:.1%} of the area"
        )
    for label, key in (("Rail km by line", "rail_km_by_line"), ("Road km by facility", "road_km_by_facility")):
        if summary.get(key):
            out.print(
                f"{label}: " + ", ".join(f"{k} {number(v)}" for k, v in sorted(summary[key].items(), key=_natural))
            )
    if city.HasField("target"):
        t = city.target
        out.print(f"Target: {t.indicator} of {t.area}, {t.percent:g} % by the end of {t.year} ({t.source})")


def _natural(item: tuple[str, Any]) -> tuple[int, str]:
    """Order names by the number in them."""
    digits = "".join(c for c in item[0] if c.isdecimal())
    return (int(digits) if digits else 10**6, item[0])


def runs(out: Console, title: str, done: Sequence[run_pb2.Run], results: Sequence[run_pb2.RunResult]) -> None:
    """Print how each seed ended, and what a reader must know of it."""
    indicators: list[Mapping[str, Any]] = [plain(r.indicators) for r in results]
    area, base = _headline_base(indicators[0])
    rows: list[Sequence[Cell]] = [
        (
            str(run.seed),
            r.residents,
            r.trips,
            r.days,
            number(r.gap, 5),
            "yes" if r.converged else "NO",
            float(found["green_share"][area][base]),
        )
        for run, r, found in zip(done, results, indicators, strict=True)
    ]
    columns = ("seed", "residents", "trips", "days", "gap", "converged", "green %")
    out.print(table(f"{title} (green share of trips: {_words(area, base)})", columns, rows, digits=2))
    for run, found in zip(done, indicators, strict=True):
        for warning in found.get("warnings", ()):
            out.print(f"seed {run.seed}: {warning}", markup=False)


def mode_shares(out: Console, results: Sequence[run_pb2.RunResult]) -> None:
    """Print each mode's share, mean of the seeds, with mean time and distance."""
    indicators: list[Mapping[str, Any]] = [plain(r.indicators) for r in results]
    area, base = _headline_base(indicators[0])
    rows: list[Sequence[Cell]] = [
        (
            mode,
            fmean(i["mode_share"][area][base][mode] for i in indicators),
            _mean(indicators, "mean_km", mode),
            _mean(indicators, "mean_minutes", mode),
        )
        for mode in MODES
        if mode in indicators[0]["mode_share"][area][base]
    ]
    title = f"Main mode of trips, {_words(area, base)}; mean of the seeds"
    out.print(table(title, ("mode", "% of trips", "mean km", "mean min"), rows, digits=2))


def _headline_base(found: Mapping[str, Any]) -> tuple[str, str]:
    """Return the area and base that the run's definition counts for the target."""
    return found["definition"]["area"], found["definition"]["base"]


def _words(area: str, base: str) -> str:
    """Return an area and base as words."""
    return f"{area}, {base.replace('_', ' ')}"


MODES = ("walk", "bicycle", "ebike", "bus", "metro", "pr", "car", "taxi")


def headline(out: Console, compared: comparison_pb2.Comparison) -> None:
    """Print the verdict on the target."""
    h = compared.headline
    for warning in compared.warnings:
        out.print(f"[bold red]{warning}[/bold red]")
    interval = (
        f" [{h.change_interval.low:+.3f}, {h.change_interval.high:+.3f}]" if h.HasField("change_interval") else ""
    )
    out.print(
        f"Green share: observed {h.observed_percent:.1f} % {h.change_points:+.3f} points{interval} "
        f"= forecast {h.forecast_percent:.2f} %, target {h.target_percent:.1f} %"
    )
    out.print(f"Verdict: [bold]{h.verdict}[/bold] ({h.note})")


def spans(headways_s: Sequence[Sequence[float]]) -> str:
    """Return the minutes between buses of routes by period, such as `6/12/6` or `5-6/10-12/5-6`."""
    by_period = [[s / 60 for s in period] for period in zip(*headways_s, strict=True)]
    return "/".join("-".join(dict.fromkeys(f"{m:.3g}" for m in (min(p), max(p)))) for p in by_period) or "-"


def plan(out: Console, made: plan_pb2.Plan) -> None:
    """Print a plan by station, or by line, or by customised route."""
    if made.lines or not made.stations:
        from greentrip import show_plans

        show_plans.lines_or_commuter_buses(out, made)
        return
    rows: list[Sequence[Cell]] = []
    for station in made.stations:
        routes = [r for r in made.routes if r.station == station]
        rows.append(
            (
                station,
                len(routes),
                sum(len(r.stops) for r in routes),
                sum(r.length_m for r in routes) / 1000,
                spans([r.headways_s for r in routes]),
                sum(r.vehicles for r in routes),
                number(sum(r.cost_cny_day for r in routes), 0),
            )
        )
    out.print(
        table(
            f"{made.name}: feeder routes",
            ("station", "routes", "stops", "km", "am/off/pm min", "buses", "CNY a day"),
            rows,
        )
    )
    if made.bound_kind:
        out.print(f"Objective {made.objective:,.1f}, bound {made.bound:,.1f} ({made.bound_kind}), gap {made.gap:.2%}")
    if "repeatable" in made.indicators and not made.indicators["repeatable"]:
        out.print("The search was stopped before it was done: the same request may give another plan")
    for r in plain(made.indicators).get("start_not_used", ()):
        out.print(f"Not started from {r['route']}: {r['reason']}")
    figures = {
        k: v for k, v in plain(made.indicators).items() if isinstance(v, int | float) and not isinstance(v, bool)
    }
    if figures:
        out.print("; ".join(f"{k.replace('_', ' ')} {number(v, 2)}" for k, v in sorted(figures.items())))
    for r in plain(made.indicators).get("rounds", ()):
        if "same_as_round" in r:
            out.print(f"Round {r['round']:.0f}: the plan of round {r['same_as_round']:.0f} again")
            continue
        moved = ", ".join(f"{mode} {n:+,.0f}" for mode, n in r["to_metro_from"].items() if n)
        out.print(
            f"Round {r['round']:.0f}: {r['riders_designed']:,.0f} riders designed for, {r['riders_simulated']:,.0f} "
            f"simulated, green share {r['green_share_change_points']:+.3f} points; to metro from: {moved or 'none'}"
        )


def comparison(out: Console, compared: comparison_pb2.Comparison) -> None:
    """Print what changed, with the seeds' intervals, and who left what for what."""
    rows: list[Sequence[Cell]] = [
        (
            m.mode,
            m.base_percent,
            m.other_percent,
            f"{m.change_points:+.4f}",
            _span(m.change_interval) if m.HasField("change_interval") else "-",
        )
        for m in compared.modes
    ]
    seeds = ", ".join(map(str, compared.seeds))
    out.print(
        table(
            f"Shares, seeds {seeds}",
            ("mode", "before %", "after %", "change, points", "interval (seeds only)"),
            rows,
            digits=3,
        )
    )
    moves = sorted(
        (d for d in compared.diversions if d.trips and d.from_mode != d.to_mode),
        key=lambda d: (-d.trips, d.from_mode, d.to_mode),
    )
    if moves:
        listed: list[Sequence[Cell]] = [(d.from_mode, d.to_mode, number(round(d.trips), 0)) for d in moves[:10]]
        out.print(table("Who left what for what, trips a weekday", ("from", "to", "trips"), listed))
    else:
        out.print("No trip changed its mode.")


@contextmanager
def bars(*, quiet: bool) -> Iterator["Bars"]:
    """Show progress while the block runs, if a person is looking: on standard error, or below a notebook's cell."""
    below_cell = None if quiet else _below_cell()
    if below_cell is not None:
        yield NotebookBars(below_cell)
        return
    hidden = quiet or not sys.stderr.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, width=WIDTH), disable=hidden, transient=True) as shown:
        yield Bars(shown)


class Bars:
    """Progress of runs and designs as bars."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._tasks: dict[str, TaskID] = {}

    def run(self, label: str) -> Callable[[run_pb2.Run], None]:
        """Return a callback that shows each run's days."""

        def update(run: run_pb2.Run) -> None:
            p = run.progress
            ended = run.state == run_pb2.RUN_STATE_SUCCEEDED
            left = "" if ended or not p.seconds_left else f", about {p.seconds_left:.0f} s left"
            if p.day:
                note = f"day {p.day}, gap {p.gap:.4f}, green {p.green_share:.2f} %{left}"
            else:
                note = f"expected: {p.memory_mb:.0f} MB{left}" if p.memory_mb else "waiting"
            self._update(run.name, f"{label}, seed {run.seed}", 1.0 if ended else p.day / max(p.max_days, 1), note)

        return update

    def design(self, metadata: plan_pb2.PlanMetadata) -> None:
        """Show a design's progress: what is being done, the best plan known and the most that any could be worth."""
        best = f"{metadata.incumbent:,.0f}" if metadata.HasField("incumbent") else ""
        most = f"at most {metadata.bound:,.0f}" if metadata.HasField("bound") else ""
        worth = f" ({', '.join(filter(None, (best, most)))} CNY a day)" if best or most else ""
        self._update(metadata.plan, "designing feeders", metadata.fraction, metadata.message + worth)

    def experiment(self, made: Any) -> None:
        """Show an experiment's progress."""
        from greentrip.show_experiment import duration

        p = made.progress
        ended = p.succeeded + p.failed + p.cancelled
        left = f", about {duration(p.seconds_left)} left" if p.seconds_left else ""
        failed = f", {p.failed} failed" if p.failed else ""
        note = f"{ended} of {p.runs} runs ({p.reused} reused){failed}{left}"
        self._update(made.name, made.name, ended / max(p.runs, 1), note)

    def _update(self, key: str, label: str, fraction: float, note: str) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._shown.add_task(label, total=1.0, note=note)
        self._shown.update(self._tasks[key], completed=fraction, note=note)


class NotebookBars(Bars):
    """The same below a notebook's cell, as plain HTML that needs no widgets; `show` draws it, again and again."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rows: dict[str, tuple[str, float, str]] = {}

    def _update(self, key: str, label: str, fraction: float, note: str) -> None:
        if self._rows.get(key) == (label, fraction, note):
            return
        self._rows[key] = label, fraction, note
        rows = (
            f"<tr><td>{escape(name)}<td><progress value={share:.3f}></progress><td>{escape(said)}"
            for name, share, said in self._rows.values()
        )
        self._show(f"<table>{''.join(rows)}</table>")


def _below_cell() -> Callable[[str], None] | None:
    """Return what draws HTML below the cell that runs, in its place; None outside a notebook."""
    shell = sys.modules.get("IPython")
    if shell is None or type(shell.get_ipython()).__name__ != "ZMQInteractiveShell":
        return None
    from importlib import import_module

    display = import_module("IPython.display")
    place = display.display(display.HTML(""), display_id=True)
    return lambda written: place.update(display.HTML(written))


def _mean(indicators: Sequence[Mapping[str, Any]], key: str, mode: str) -> float | None:
    """Return the seeds' mean of a figure by mode, where every seed has it."""
    values = [i.get(key, {}).get(mode) for i in indicators]
    return None if any(v is None for v in values) else fmean(values)


def _span(interval: comparison_pb2.Interval) -> str:
    """Return an interval as text."""
    return f"[{interval.low:+.4f}, {interval.high:+.4f}]"
