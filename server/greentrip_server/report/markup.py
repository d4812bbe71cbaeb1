"""The page's building blocks: words in two languages, tables, figures and style."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Cell = str | int | float | None

MODES: Mapping[str, tuple[str, str, str]] = {  # English, Chinese, colour
    "walk": ("Walk", "步行", "#8bc34a"),
    "bicycle": ("Bicycle", "自行车", "#43a047"),
    "ebike": ("E-bike", "电动自行车", "#00897b"),
    "bus": ("Bus", "公交", "#29b6f6"),
    "metro": ("Metro", "轨道交通", "#1565c0"),
    "pr": ("Park and ride", "停车换乘", "#7986cb"),
    "car": ("Car", "小汽车", "#e65100"),
    "taxi": ("Taxi, ride-hailing", "出租车、网约车", "#fbc02d"),
}
CLASSES: Mapping[str, tuple[str, str]] = {
    "metro": ("Metro", "轨道交通"),
    "bus": ("Bus", "公交"),
    "bicycle": ("Bicycle", "自行车"),
    "walk": ("Walk", "步行"),
    "other": ("Car, taxi, other", "小汽车及其他"),
}
PALETTE = (
    "#c62828", "#1565c0", "#2e7d32", "#6a1b9a", "#ef6c00", "#00838f", "#ad1457", "#4e342e", "#9e9d24", "#283593",
    "#00695c", "#d84315", "#5e35b1", "#558b2f", "#0277bd", "#c2185b",
)  # fmt: skip


def both(english: str, chinese: str) -> str:
    """Return a heading in two languages as HTML."""
    return f'{escape(english)} <span class="zh">{escape(chinese)}</span>'


def mode_name(mode: str) -> str:
    """Return a mode's name in two languages; an unknown mode keeps its own."""
    return " ".join(MODES[mode][:2]) if mode in MODES else mode


def class_name(name: str) -> str:
    """Return a published class's name in two languages; an unknown one keeps its own."""
    return " ".join(CLASSES[name]) if name in CLASSES else name


def number(value: Cell, digits: int = 1) -> str:
    """Return a figure with thousands separated, text as it is and nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """Return a change with its sign; nothing as a dash."""
    return "–" if value is None else f"{value:+,.{digits}f}".replace("-", "−")


def span(interval: Any, digits: int = 2) -> str:
    """Return an interval as text; a dash where there is none (a single seed)."""
    if interval is None or any(end is None for end in interval):
        return "–"
    return f"{signed(float(interval[0]), digits)} to {signed(float(interval[1]), digits)}"


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    digits: int = 1,
    caption: str = "",
    text: int = 1,
    total: bool = False,
) -> str:
    """Return a table as HTML; the first `text` columns are set left, the others right, and a total is the last row."""
    head = "".join(f"<th{_side(i, text)}>{escape(c)}</th>" for i, c in enumerate(columns))
    body = []
    for r, row in enumerate(rows):
        cells = "".join(f"<td{_side(i, text)}>{escape(number(c, digits))}</td>" for i, c in enumerate(row))
        body.append(f"<tr{' class=sum' if total and r == len(rows) - 1 else ''}>{cells}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows_html = "\n".join(body)
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>\n{rows_html}\n</tbody></table></div>'
    )


def _side(i: int, text: int) -> str:
    """Return the class of a column's cells."""
    return "" if i < text else " class=n"


def figure(
    name: str, data: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], *, height: int, is_map: bool = False
) -> str:
    """Return a Plotly figure as HTML; `name` is its fixed id, so that the same input gives the same bytes."""
    base: dict[str, Any] = {
        "font": {"family": "system-ui, 'Noto Sans CJK SC', sans-serif", "size": 12, "color": "#1c2733"},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "margin": {"l": 10, "r": 10, "t": 30, "b": 30},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "height": height,
        "dragmode": "pan" if is_map else False,
    }
    arguments = ",".join(_json(a) for a in (name, list(data), {**base, **layout}, is_map))
    return f'<div id="{escape(name)}" class="plot" style="height:{height}px"></div>\n<script>draw({arguments})</script>'


def _json(data: Any) -> str:
    """Return data as JSON that may stand in a script."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.replace("</", "<\\/")
