"""One self-contained page about a plan: the answer first, then changes, routes, maps and what was assumed."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plotly.offline import get_plotlyjs

from greentrip_server.report.figures import Subject
from greentrip_server.report.markup import both
from greentrip_server.report.sections import SECTIONS
from greentrip_server.report.verdict import alarm, verdict_box

if TYPE_CHECKING:
    from greentrip_agents import Run
    from greentrip_networks import Network
    from greentrip_optimizer import Plan


def write_report(
    path: Path | str,
    *,
    network: "Network",
    base_runs: Sequence["Run"],
    plan: "Plan",
    with_runs: Sequence["Run"],
    comparison: Any,
) -> None:
    """Write a page that opens from disk without a network; the same input gives the same bytes.

    Parameters
    ----------
    path
        File to write.
    network
        The city without the plan.
    base_runs, with_runs
        Finished runs without and with the plan, at least one each.
    plan
        The plan.
    comparison
        What `greentrip_agents.compare` returned for these runs; its `summary` is shown.

    """
    subject = Subject(network, base_runs, plan, with_runs, comparison.summary)
    city = f"{network.name_en} {network.name_zh}, {network.year}"
    links = "".join(f'<a href="#{anchor}">{escape(f"{en} {zh}")}</a>' for anchor, en, zh, _ in SECTIONS)
    parts = [
        f"<h1>{both('Green trips and feeder buses', '绿色出行与接驳公交')}</h1>",
        f'<p class="soft">{escape(city)} · plan 方案 “{escape(plan.name)}”</p>',
        alarm(subject),
        verdict_box(subject),
        f"<nav>{links}</nav>",
    ]
    for anchor, english, chinese, write in SECTIONS:
        parts.append(f'<section id="{anchor}"><h2>{both(english, chinese)}</h2>\n{write(subject)}\n</section>')
    style, script = ((files(__name__) / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(f'Green trips and feeder buses: {city}')}</title>\n<style>\n{style}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n<script>{script}</script>\n</head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
    Path(path).write_text(page, encoding="utf-8")
