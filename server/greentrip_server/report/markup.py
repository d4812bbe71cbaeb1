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

CSS = """
:root{--ink:#1c2733;--soft:#5b6773;--line:#d9dfe5;--ground:#f5f7f9;--green:#1b7f4b}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:20px 18px 60px;color:var(--ink);background:#fff;line-height:1.45;
font-family:system-ui,-apple-system,"Segoe UI","PingFang SC","Noto Sans CJK SC","Noto Sans SC","Microsoft YaHei",sans-serif;
font-size:15px}
h1{font-size:1.65rem;line-height:1.2;margin:.3em 0 .2em}h2{font-size:1.25rem;margin:2.2em 0 .4em;padding-top:.5em;
border-top:2px solid var(--ink)}h3{font-size:1rem;margin:1.5em 0 .3em}
p{margin:.5em 0;max-width:48em}.zh{color:var(--soft);font-weight:500;white-space:nowrap}.soft{color:var(--soft)}
small,.note{font-size:.85rem;color:var(--soft)}
.box{border:2px solid var(--green);border-radius:10px;padding:16px 20px;margin:14px 0;background:#f3faf6}
.box.open{border-color:#b26a00;background:#fffaf0}.answer{font-size:1.5rem;font-weight:700;margin:.1em 0 .3em}
.alarm{border:3px solid #b3261e;border-radius:10px;background:#fdecea;padding:12px 20px;margin:14px 0}
.alarm ul{margin:.3em 0;padding-left:1.2em}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(175px,1fr));gap:10px;margin:12px 0}
.tile{background:#fff;border:1px solid var(--line);border-radius:8px;padding:9px 12px}
.tile b{display:block;font-size:1.35rem}.tile span{font-size:.82rem;color:var(--soft)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.88rem;margin:.4em 0}
caption{text-align:left;font-weight:600;padding:.3em 0}
th{text-align:left;background:var(--ground);border-bottom:2px solid var(--line);vertical-align:bottom}
th,td{padding:4px 9px}td{border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}tr.sum td{font-weight:700;border-top:2px solid var(--line)}
.plot{width:100%;margin:.4em 0}.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:16px}
.panel{border:1px solid var(--line);border-radius:8px;padding:8px 10px;break-inside:avoid}
.panel svg{width:100%;height:auto;display:block;background:#fafbfc}.panel h3{margin:.1em 0 .4em}
.key{font-size:.82rem;margin:.15em 0}.key i{display:inline-block;width:14px;height:4px;margin-right:6px;vertical-align:middle}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:6px 28px}
.fine{font-size:.8rem;columns:2 320px;padding-left:1.1em}.fine li{break-inside:avoid;margin:.15em 0;overflow-wrap:anywhere}
nav{font-size:.85rem;margin:.4em 0}nav a{color:#1565c0;margin-right:.9em;white-space:nowrap}
@media(max-width:600px){body{padding:12px 10px 40px;font-size:14px}.answer{font-size:1.2rem}th,td{padding:3px 6px}}
@media print{body{max-width:none;padding:0;font-size:10.5pt}nav{display:none}h2{break-after:avoid}
table,.plot,.box,.tile{break-inside:avoid}.scroll{overflow:visible}.panels{grid-template-columns:repeat(3,1fr)}
@page{margin:14mm}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

SCRIPT = """
function draw(id,data,layout,map){Plotly.newPlot(id,data,layout,{responsive:true,displaylogo:false,displayModeBar:map?true:false,
modeBarButtonsToRemove:["select2d","lasso2d","toImage","autoScale2d"],scrollZoom:false})}
window.addEventListener("beforeprint",function(){document.querySelectorAll(".plot").forEach(function(d){
Plotly.relayout(d,{width:680})})});
window.addEventListener("afterprint",function(){document.querySelectorAll(".plot").forEach(function(d){
Plotly.relayout(d,{width:null,autosize:true})})});
"""


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
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, digits: int = 1, caption: str = "", text: int = 1, total: bool = False
) -> str:
    """Return a table as HTML; the first `text` columns are set left, the others right, and a total is the last row."""
    head = "".join(f"<th{_side(i, text)}>{escape(c)}</th>" for i, c in enumerate(columns))
    body = []
    for r, row in enumerate(rows):
        cells = "".join(f"<td{_side(i, text)}>{escape(number(c, digits))}</td>" for i, c in enumerate(row))
        body.append(f"<tr{' class=sum' if total and r == len(rows) - 1 else ''}>{cells}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows_html = "\n".join(body)
    return f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>\n{rows_html}\n</tbody></table></div>'


def _side(i: int, text: int) -> str:
    """Return the class of a column's cells."""
    return "" if i < text else " class=n"


def figure(name: str, data: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], *, height: int, is_map: bool = False) -> str:
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
