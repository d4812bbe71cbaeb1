"""The main job, end to end: a city, its target, feeder routes around stations, and what they change."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from greentrip import show
from greentrip.client import Client, connect
from greentrip.plain import dumps, plain


@dataclass(frozen=True)
class Demo:
    """What the demo does: a network, the share of its residents, how many seeds, stations to serve and buses."""

    city: str
    sample: float
    seeds: int
    stations: tuple[str, ...]
    vehicles: int
    max_days: int = 60
    out: Path = Path("out/demo.html")


# Stations of the central six where many homes are beyond a walk from rail.
BEIJING = Demo(
    city="beijing-2019",
    sample=0.0047,
    seeds=3,
    stations=(
        "慈寿寺",
        "七里庄",
        "郭公庄",
        "玉泉路",
        "青年路",
        "欢乐谷景区",
        "垡头",
        "丰台东大街",
        "田村",
        "北宫门",
        "上地",
        "古城",
    ),
    vehicles=90,
)
TINY = Demo(city="tiny", sample=0.01, seeds=2, stations=("Lakeside", "Old Ferry", "West Mill"), vehicles=12)


def run_demo(demo: Demo, *, server: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Run the main job; print tables, or one JSON object, and write the report.

    Everything printed on standard output is the same for the same inputs, the JSON object's `timings` aside.
    """
    with ExitStack() as stack:
        folder = data_dir
        if server is None and folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="greentrip-demo-")))
        times: dict[str, float] = {}
        with _timed(times, "start"):
            client = stack.enter_context(connect(server, folder))
        found = _work(client, demo, times, as_json=as_json)
    times["total"] = sum(times.values())
    if as_json:
        sys.stdout.write(dumps({**found, "timings": {k: round(v, 3) for k, v in times.items()}}) + "\n")
    else:
        sys.stderr.write("seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in times.items()) + "\n")


def _work(client: Client, demo: Demo, times: dict[str, float], *, as_json: bool) -> dict[str, Any]:
    """Do the steps in order; return what was found."""
    out = show.console()
    out.quiet = as_json
    seeds = range(demo.seeds)
    simulate = partial(client.simulate, demo.city, seeds=seeds, sample=demo.sample, max_days=demo.max_days)

    with _timed(times, "network"):
        city = client.network(demo.city)
    show.network(out, city)

    with _timed(times, "base runs"), show.bars(quiet=as_json) as bars:
        base = simulate(progress=bars.run("today"))
    base_results = base.results()
    out.print()
    show.runs(out, "Today's network", base.runs, base_results)
    show.mode_shares(out, base_results)
    with _timed(times, "compare"):
        today = client.compare(base, base)
    show.headline(out, today)

    with _timed(times, "design"), show.bars(quiet=as_json) as bars:
        plan = client.design_feeders(base, demo.stations, vehicles=demo.vehicles, progress=bars.design)
    out.print()
    show.plan(out, plan)

    with _timed(times, "runs with the plan"), show.bars(quiet=as_json) as bars:
        after = simulate(plan=plan, progress=bars.run("with plan"))
    after_results = after.results()
    out.print()
    show.runs(out, "With the plan", after.runs, after_results)
    with _timed(times, "compare"):
        compared = client.compare(base, after)
    show.comparison(out, compared)
    show.headline(out, compared)

    with _timed(times, "report"):
        page = client.report(base, after, plan.name)
        demo.out.parent.mkdir(parents=True, exist_ok=True)
        demo.out.write_bytes(page)
    out.print(f"\nReport: {demo.out}", soft_wrap=True)

    described = plain(plan)
    for name in ("create_time", "update_time"):
        described.pop(name, None)
    return {
        "network": plain(city),
        "base": [plain(r) for r in base_results],
        "today": plain(today),
        "plan": described,
        "with_plan": [plain(r) for r in after_results],
        "comparison": plain(compared),
        "report": str(demo.out),
    }


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    """Add a block's seconds to a name's."""
    started = time.perf_counter()
    yield
    times[name] = times.get(name, 0.0) + time.perf_counter() - started
