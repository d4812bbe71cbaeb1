"""The report's maps, drawn from the network's own coordinates: the city, and the routes of each station."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from greentrip_networks import FeederRoute, Network

from greentrip_server.report.figures import Subject
from greentrip_server.report.markup import PALETTE, figure

_WIDE = ("motorway", "expressway")
_MAIN = (*_WIDE, "arterial")
_FEW = 50  # sampled trips; a zone with fewer shows no share
_MARGIN_M = 1500.0

Point = tuple[float, float]


def city_map(subject: Subject, shares: Mapping[str, tuple[int, float]]) -> str:
    """Draw zones coloured by their residents' trips by car and taxi, rail by line, main roads thin, feeders on top."""
    network = subject.network
    data = [
        _lines("Main roads 主要道路", _roads(network, ("arterial",)), "#dfe3e7", 0.7, legend=False),
        _lines("Main roads 主要道路", _roads(network, _WIDE), "#b8c0c8", 1.3),
        *_zones(subject, shares),
        *_rail(network),
        *_feeders(network, subject.plan.routes),
    ]
    zones = network.zones
    inside = zones.areas[subject.area]
    x, y = zones.x_m[inside] / 1000, zones.y_m[inside] / 1000
    axis = {"showgrid": False, "zeroline": False, "showticklabels": False}
    layout = {
        "xaxis": {**axis, "range": [round(float(x.min()) - 3, 2), round(float(x.max()) + 3, 2)], "constrain": "domain"},
        "yaxis": {**axis, "range": [round(float(y.min()) - 3, 2), round(float(y.max()) + 3, 2)], "scaleanchor": "x"},
        "coloraxis": {
            "colorscale": [[0, "#1a9850"], [0.35, "#a6d96a"], [0.5, "#fee08b"], [0.75, "#f46d43"], [1, "#a50026"]],
            "colorbar": {
                "title": {"text": "car, taxi %<br>小汽车、出租车"},
                "thickness": 12,
                "len": 0.5,
                "x": 1,
                "xanchor": "right",
                "y": 0.3,
            },
        },
        "hovermode": "closest",
        "plot_bgcolor": "#fafbfc",
        "margin": {"l": 0, "r": 0, "t": 40, "b": 0},
    }
    return figure("city", data, layout, height=720, is_map=True)


def station_panels(subject: Subject) -> str:
    """Draw one small map a station with its routes, stops and headways."""
    by_station: dict[str, list[FeederRoute]] = {}
    for route in subject.plan.routes:
        by_station.setdefault(route.station, []).append(route)
    panels = [_panel(subject.network, station, routes) for station, routes in by_station.items()]
    return (
        f'<div class="panels">{"".join(panels)}</div>' if panels else "<p>The plan holds no route. 方案不含线路。</p>"
    )


def _lines(
    name: str, paths: Iterable[Sequence[Point]], colour: str, width: float, *, legend: bool = True, text: str = ""
) -> dict[str, Any]:
    """Return paths (metres) as one trace in kilometres, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for path in paths:
        x.extend(round(p[0] / 1000, 3) for p in path)
        y.extend(round(p[1] / 1000, 3) for p in path)
        x.append(None)
        y.append(None)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": name,
        "x": x,
        "y": y,
        "line": {"color": colour, "width": width},
        "showlegend": legend,
        **({"text": text, "hoverinfo": "text"} if text else {"hoverinfo": "skip"}),
    }


def _roads(network: Network, facilities: Sequence[str]) -> list[list[Point]]:
    """Return the named streets of some classes as paths: each stretch once, those of one street joined."""
    at = network.roads.nodes
    pairs: dict[tuple[str, str], str] = {}
    for u, v, edge in network.roads.edges(data=True):
        if edge["facility"] in facilities and not edge["generated"]:
            pairs.setdefault((u, v) if u < v else (v, u), edge["name"])
    by_name: dict[str, list[tuple[str, str]]] = {}
    for pair, name in sorted(pairs.items()):
        by_name.setdefault(name, []).append(pair)
    return [
        [(at[n]["x_m"], at[n]["y_m"]) for n in chain] for name in sorted(by_name) for chain in _chains(by_name[name])
    ]


def _chains(pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Join stretches end to end, so that the page holds each inner node once."""
    near: dict[str, list[str]] = {}
    for u, v in pairs:
        near.setdefault(u, []).append(v)
        near.setdefault(v, []).append(u)
    left = {frozenset(p) for p in pairs}
    chains = []
    for start in sorted(near, key=lambda n: (len(near[n]) == 2, n)):  # ends and crossings first
        for following in near[start]:
            chain, here = [start], following
            while frozenset((chain[-1], here)) in left:
                left.discard(frozenset((chain[-1], here)))
                chain.append(here)
                here = next((n for n in near[here] if frozenset((here, n)) in left), here)
            if len(chain) > 1:
                chains.append(chain)
    return chains


def _zones(subject: Subject, shares: Mapping[str, tuple[int, float]]) -> list[dict[str, Any]]:
    """Return the zones as circles whose area grows with residents; those with few sampled trips are grey."""
    z = subject.network.zones
    largest = float(z.residents.max())
    known = [i for i, name in enumerate(z.id) if shares.get(name, (0, 0.0))[0] >= _FEW]
    rest = [i for i in range(len(z)) if i not in set(known)]
    traces = []
    for name, rows in (("Sub-districts 街道、乡镇", known), ("Too few sampled 样本不足", rest)):
        if not rows:
            continue
        text = [
            f"{escape(z.name_en[i])} {escape(z.name_zh[i])}<br>{escape(z.district_en[i])} {escape(z.district_zh[i])}"
            f"<br>{z.residents[i]:,.0f} residents 居民"
            + (f"<br>car, taxi {shares[z.id[i]][1]:.1f} %" if i in known else "")
            for i in rows
        ]
        colour: dict[str, Any] = (
            {"color": [round(shares[z.id[i]][1], 2) for i in rows], "coloraxis": "coloraxis"}
            if rows is known
            else {"color": "#cfd8dc"}
        )
        size = [round(4 + 24 * float(np.sqrt(z.residents[i] / largest)), 1) for i in rows]
        marker: dict[str, Any] = {"size": size, "opacity": 0.8, "line": {"color": "#fff", "width": 0.6}}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [round(float(z.x_m[i]) / 1000, 3) for i in rows],
                "y": [round(float(z.y_m[i]) / 1000, 3) for i in rows],
                "marker": marker | colour,
                "text": text,
                "hoverinfo": "text",
            }
        )
    return traces


def _rail(network: Network) -> list[dict[str, Any]]:
    """Return one trace a rail line, and the stations."""
    at = network.rail.nodes
    traces: list[dict[str, Any]] = []
    for i, line in enumerate(network.lines):
        rides = sorted(
            (int(d["seq"]), u, v)
            for u, v, d in network.rail.edges(data=True)
            if d["line"] == line.id and d["direction"] == 0
        )
        paths: list[list[Point]] = []
        last = ""
        for _, u, v in rides:
            if u != last:
                paths.append([(at[u]["x_m"], at[u]["y_m"])])
            paths[-1].append((at[v]["x_m"], at[v]["y_m"]))
            last = v
        if paths:
            text = f"{escape(line.name_en)} {escape(line.name_zh)}"
            made = _lines("Rail 轨道", paths, PALETTE[i % len(PALETTE)], 2.2, text=text)
            traces.append({**made, "showlegend": not traces})
    names = list(at)
    traces.append({
        "type": "scatter",
        "mode": "markers",
        "name": "Stations 车站",
        "x": [round(at[n]["x_m"] / 1000, 3) for n in names],
        "y": [round(at[n]["y_m"] / 1000, 3) for n in names],
        "marker": {"size": 4, "color": "#fff", "line": {"color": "#37474f", "width": 1}},
        "text": [f"{escape(at[n]['name_en'])} {escape(at[n]['name_zh'])}" for n in names],
        "hoverinfo": "text",
        "showlegend": False,
    })  # fmt: skip
    return traces


def _feeders(network: Network, routes: Sequence[FeederRoute]) -> list[dict[str, Any]]:
    """Return the routes, and their stops with headways to read when pointed at."""
    if not routes:
        return []
    at, rail = network.roads.nodes, network.rail.nodes
    stops = [(n, r) for r in routes for n in r.stops]
    text = [
        f"{escape(r.id)} → {escape(rail[r.station]['name_en'])} {escape(rail[r.station]['name_zh'])}<br>"
        f"every {r.every_min} min (am/off/pm) 发车间隔（早/平/晚，分钟）{'<br>loop 环线' if r.loop else ''}"
        for _, r in stops
    ]
    name = "Feeder routes 接驳线路"
    return [
        _lines(name, [_path(network, r) for r in routes], "#d500f9", 2.6),
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "legendgroup": name,
            "showlegend": False,
            "x": [round(at[n]["x_m"] / 1000, 3) for n, _ in stops],
            "y": [round(at[n]["y_m"] / 1000, 3) for n, _ in stops],
            "marker": {"size": 5, "color": "#fff", "line": {"color": "#d500f9", "width": 1.5}},
            "text": text,
            "hoverinfo": "text",
        },
    ]


def _path(network: Network, route: FeederRoute) -> list[Point]:
    """Return a route's way on the streets and its last metres to the station, a loop's first metres from it too."""
    at, station = network.roads.nodes, network.rail.nodes[route.station]
    end = (station["x_m"], station["y_m"])
    return [*((end,) * route.loop), *((at[n]["x_m"], at[n]["y_m"]) for n in route.path), end]


def _panel(network: Network, station: str, routes: Sequence[FeederRoute]) -> str:
    """Draw one station's surroundings as SVG, square, 1 unit a 10 m."""
    here = network.rail.nodes[station]
    points = [p for r in routes for p in _path(network, r)]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    half = max(max(xs) - min(xs), max(ys) - min(ys), 1000.0) / 2 + 300.0
    left, top = (min(xs) + max(xs)) / 2 - half, (min(ys) + max(ys)) / 2 + half
    size = round(half / 5)

    def at(x: float, y: float) -> str:
        return f"{round((x - left) / 10)} {round((top - y) / 10)}"

    def path(line: Sequence[Point]) -> str:
        return "M" + "L".join(at(*p) for p in line)

    unit = size / 400  # widths and letters look the same in every panel
    box = (left, top - 2 * half, left + 2 * half, top)
    minor, main = _streets_within(network, box)
    out = [
        f'<path d="{"".join(map(path, minor))}" stroke="#e3e7ea" stroke-width="{unit:.2f}" fill="none"/>',
        f'<path d="{"".join(map(path, main))}" stroke="#c3cad1" stroke-width="{2 * unit:.2f}" fill="none"/>',
    ]
    for u, v, d in sorted(network.rail.edges(data=True), key=lambda e: (e[0], e[1], str(e[2]["line"]))):
        a, b = network.rail.nodes[u], network.rail.nodes[v]
        if d["direction"] == 0 and _meets(box, [(a["x_m"], a["y_m"]), (b["x_m"], b["y_m"])]):
            out.append(
                f'<path d="{path([(a["x_m"], a["y_m"]), (b["x_m"], b["y_m"])])}" stroke="#78909c" '
                f'stroke-width="{3.5 * unit:.2f}" stroke-dasharray="{7 * unit:.1f} {3 * unit:.1f}" fill="none"/>'
            )
    keys = []
    for i, route in enumerate(routes):
        colour = PALETTE[i % len(PALETTE)]
        every = f"{route.every_min} min"
        line = path(_path(network, route))
        out.append(
            f'<path d="{line}" stroke="{colour}" stroke-width="{4.5 * unit:.2f}" stroke-opacity=".85" '
            f'stroke-linejoin="round" fill="none"><title>{escape(route.id)}: every {every}</title></path>'
        )
        for k, (node, ride_s) in enumerate(zip(route.stops, route.ride_s, strict=True)):
            out_min = f", {route.ride_out_s[k] / 60:.0f} min from it" if route.loop else ""
            data = network.roads.nodes[node]
            x, y = at(data["x_m"], data["y_m"]).split()
            out.append(
                f'<circle cx="{x}" cy="{y}" r="{4.5 * unit:.1f}" fill="#fff" stroke="{colour}" '
                f'stroke-width="{2 * unit:.2f}"><title>{escape(route.id)}, stop {k + 1}: '
                f"{ride_s / 60:.0f} min to the station{out_min}, every {every}</title></circle>"
            )
        keys.append(
            f'<p class="key"><i style="background:{colour}"></i>{escape(route.id)}{_loop(route)}: every {every}, '
            f"{_count(len(route.stops), 'stop')}, {route.length_m / 1000:.1f} km, "
            f"{_count(route.vehicles, 'bus', 'buses')}</p>"
        )
    out.extend(_station_marks(network, box, at, unit, station))
    title = f"{escape(here['name_en'])} <span class=zh>{escape(here['name_zh'])}</span>"
    bar = _scale_bar(half, size, unit)
    return (
        f'<div class="panel"><h3>{title}</h3><svg viewBox="0 0 {size} {size}" role="img" '
        f'aria-label="Feeder routes of {escape(here["name_en"], quote=True)}">{"".join(out)}{bar}</svg>'
        f"{''.join(keys)}</div>"
    )


def _loop(route: FeederRoute) -> str:
    """Return a loop's mark beside its id."""
    return " (loop 环线)" if route.loop else ""


def _count(n: int, one: str, many: str = "") -> str:
    """Return a number of things."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def _station_marks(
    network: Network, box: tuple[float, float, float, float], at: Any, unit: float, station: str
) -> list[str]:
    """Return the stations in a panel, its own in full and the others small."""
    out = []
    for name, data in network.rail.nodes(data=True):
        if not _meets(box, [(data["x_m"], data["y_m"])]):
            continue
        x, y = at(data["x_m"], data["y_m"]).split()
        own = name == station
        side = (7 if own else 4.5) * unit
        out.append(
            f'<rect x="{int(x) - side:.1f}" y="{int(y) - side:.1f}" width="{2 * side:.1f}" height="{2 * side:.1f}" '
            f'fill="{"#1c2733" if own else "#fff"}" stroke="#1c2733" stroke-width="{1.5 * unit:.2f}"/>'
        )
        left = int(x) > 300 * unit  # names near the right edge go to the left of their mark
        place = int(x) + (-1 if left else 1) * (side + 3 * unit)
        out.append(
            f'<text x="{place:.1f}" y="{int(y) - side:.1f}" font-size="{(15 if own else 12) * unit:.1f}" '
            f'font-weight="{700 if own else 400}" fill="#1c2733" stroke="#fff" stroke-width="{3 * unit:.1f}" '
            f'paint-order="stroke" text-anchor="{"end" if left else "start"}">{escape(data["name_zh"])}</text>'
        )
    return out


def _scale_bar(half: float, size: int, unit: float) -> str:
    """Return a bar of 500 m or 1 km."""
    metres = 1000 if half > 1500 else 500
    y = size - 14 * unit
    return (
        f'<path d="M{12 * unit:.1f} {y:.1f}h{metres / 10}" stroke="#37474f" stroke-width="{3 * unit:.2f}"/>'
        f'<text x="{12 * unit:.1f}" y="{y - 5 * unit:.1f}" font-size="{12 * unit:.1f}" '
        f'fill="#37474f">{metres:,} m</text>'
    )


def _streets_within(
    network: Network, box: tuple[float, float, float, float]
) -> tuple[list[list[Point]], list[list[Point]]]:
    """Return the minor and the main streets that meet a box, each stretch once."""
    at = network.roads.nodes
    near = {
        n
        for n, d in at(data=True)
        if box[0] - _MARGIN_M < d["x_m"] < box[2] + _MARGIN_M and box[1] - _MARGIN_M < d["y_m"] < box[3] + _MARGIN_M
    }
    minor: list[tuple[str, str]] = []
    main: list[tuple[str, str]] = []
    seen: set[tuple[str, str]] = set()
    for u, v, edge in network.roads.edges(near, data=True):
        pair = (u, v) if u < v else (v, u)
        if v in near and pair not in seen and edge["facility"] != "connector":
            seen.add(pair)
            (main if edge["facility"] in (*_MAIN, "secondary") and not edge["generated"] else minor).append(pair)
    places = {n: (float(at[n]["x_m"]), float(at[n]["y_m"])) for n in near}
    groups = ([[places[n] for n in chain] for chain in _chains(sorted(pairs))] for pairs in (minor, main))
    made = [[line for chain in group for line in _inside(box, chain)] for group in groups]
    return made[0], made[1]


def _inside(box: tuple[float, float, float, float], chain: Sequence[Point]) -> list[list[Point]]:
    """Return the parts of a path that meet a box."""
    parts: list[list[Point]] = []
    last: Point | None = None
    for a, b in pairwise(chain):
        if _meets(box, [a, b]):
            if last != a:
                parts.append([a])
            parts[-1].append(b)
            last = b
    return parts


def _meets(box: tuple[float, float, float, float], line: Sequence[Point]) -> bool:
    """Return whether a line's bounding box meets a box."""
    xs, ys = [p[0] for p in line], [p[1] for p in line]
    return max(xs) >= box[0] and min(xs) <= box[2] and max(ys) >= box[1] and min(ys) <= box[3]
