"""Charts and maps as plain SVG: the same drawing in the page and in the PDF, the same bytes for the same figures."""

from collections.abc import Sequence
from html import escape

FONT = "Noto Sans CJK SC, sans-serif"
BLUE, GREY, GREEN, RED = "#1f5a92", "#6b7680", "#1a7f4b", "#b3352c"

Row = tuple[str, float, tuple[float, float] | None]  # label, value, interval


def intervals(rows: Sequence[Row], unit: str, *, better: int = 0, wide: int = 760) -> str:
    """Draw a dot and its interval for each row, with a line at zero; green and red where an interval leaves zero."""
    left, top, step = 230, 14, 26
    ends = [x for _, value, span in rows for x in (value, *(span or ()))]
    low, high = float(min(0.0, *ends)), float(max(0.0, *ends))
    margin = (high - low or 1.0) * 0.06
    low, high = low - margin, high + margin
    tall = top + step * len(rows) + 46

    def x(value: float) -> float:
        return left + float(wide - left - 70) * (value - low) / (high - low)

    parts = [f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{top}" y2="{tall - 42}" stroke="{GREY}"/>']
    parts += [
        _text(x(tick), tall - 27, f"{tick:g}", anchor="middle", size=11, colour=GREY) for tick in ticks(low, high)
    ]
    parts.append(_text(wide - 4, tall - 7, unit, anchor="end", size=11, colour=GREY))
    for i, (label, value, span) in enumerate(rows):
        y = top + step * i + step / 2
        colour = _colour(span, better)
        parts.append(_text(left - 8, y + 4, label, anchor="end"))
        if span is not None:
            parts.append(
                f'<line x1="{x(span[0]):.1f}" x2="{x(span[1]):.1f}" y1="{y}" y2="{y}" '
                f'stroke="{colour}" stroke-width="3"/>'
            )
        parts.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="5" fill="{colour}"/>')
        parts.append(_text(wide - 62, y + 4, signed(value), size=11, colour=colour))
    return _svg(wide, tall, parts)


def bars(rows: Sequence[tuple[str, float]], unit: str, *, wide: int = 760) -> str:
    """Draw one bar a row, longest possible within the page."""
    left, top, step = 230, 6, 24
    most = max((abs(v) for _, v in rows), default=1.0) or 1.0
    parts = []
    for i, (label, value) in enumerate(rows):
        y = top + step * i
        length = (wide - left - 110) * abs(value) / most
        parts.append(_text(left - 8, y + 15, label, anchor="end"))
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="{step - 8}" fill="{BLUE}"/>')
        parts.append(_text(left + length + 6, y + 15, f"{value:,.0f}", size=11))
    tall = top + step * len(rows) + 20
    parts.append(_text(wide - 4, tall - 4, unit, anchor="end", size=11, colour=GREY))
    return _svg(wide, tall, parts)


def city(
    points: Sequence[tuple[float, float, float, float | None]],
    lines: Sequence[Sequence[tuple[float, float]]],
    routes: Sequence[Sequence[tuple[float, float]]],
    unit: str,
    *,
    wide: int = 760,
) -> str:
    """Draw places as circles coloured by a change, with lines thin and routes thick.

    Parameters
    ----------
    points
        (x, y, radius as a share of the largest, change or None), metres.
    lines, routes
        Paths in metres: rail, and what a plan adds.
    unit
        Of the change.
    wide
        Width of the drawing, pixels.

    """
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    west, south = min(xs), min(ys)
    span = max(max(xs) - west, 1.0)
    scale = (wide - 60) / span
    tall = int((max(ys) - south) * scale) + 90
    most = max((abs(p[3]) for p in points if p[3] is not None), default=0.0)

    def at(x: float, y: float) -> str:
        return f"{30 + (x - west) * scale:.1f},{tall - 60 - (y - south) * scale:.1f}"

    parts = [
        f'<polyline points="{" ".join(at(*p) for p in path)}" fill="none" stroke="#c3cad1" stroke-width="1"/>'
        for path in lines
    ]
    for x, y, radius, change in sorted(points, key=lambda p: -p[2]):
        cx, cy = at(x, y).split(",")
        fill = "#d9dee3" if change is None or most == 0 else _shade(change / most)
        parts.append(
            f'<circle cx="{cx}" cy="{cy}" r="{2 + 9 * radius:.1f}" fill="{fill}" fill-opacity="0.85" stroke="#fff"/>'
        )
    parts += [
        f'<polyline points="{" ".join(at(*p) for p in path)}" fill="none" stroke="{BLUE}" stroke-width="2"/>'
        for path in routes
    ]
    for i in range(5):
        share = i / 2 - 1
        parts.append(f'<rect x="{30 + 56 * i}" y="{tall - 34}" width="54" height="12" fill="{_shade(share)}"/>')
        label = signed(share * most, 3)
        parts.append(_text(57 + 56 * i, tall - 8, label, anchor="middle", size=10, colour=GREY))
    parts.append(_text(330, tall - 24, unit, size=11, colour=GREY))
    return _svg(wide, tall, parts)


def ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two ends."""
    size = 10.0 ** len(str(int(abs(high - low)))) if high - low >= 1 else 1.0
    while (high - low) / size < 4:
        for step in (2.0, 2.5, 2.0):
            size /= step
            if (high - low) / size >= 4:
                break
    first = int(low / size) - 1
    return [round(i * size, 10) for i in range(first, first + 60) if low <= i * size <= high]


def signed(value: float, digits: int = 2) -> str:
    """Return a figure with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def _colour(span: tuple[float, float] | None, better: int) -> str:
    if span is None or not better or span[0] <= 0 <= span[1]:
        return GREY if span is None else BLUE
    return GREEN if (span[0] > 0) == (better > 0) else RED


def _shade(share: float) -> str:
    """Return a colour between red (-1), pale (0) and green (1)."""
    strength = min(1.0, abs(share))
    end = (26, 127, 75) if share > 0 else (179, 53, 44)
    mixed = [round(242 + (c - 242) * strength) for c in end]
    return "#" + "".join(f"{c:02x}" for c in mixed)


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#1d252c") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(text)}</text>'
    )


def _svg(wide: int, tall: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall:.0f}" width="{wide}" height="{tall:.0f}" '
        f'font-family="{FONT}">{"".join(parts)}</svg>'
    )
