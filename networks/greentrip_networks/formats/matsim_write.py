"""Write a MATSim network (v2), transit schedule (v2) and vehicles into a folder, in metres of its UTM zone.

MATSim routes transit vehicles over links. Streets of a pattern are not known here, so each pattern runs over links of
its own from stop to stop (ids that start with `PT`), as MATSim's CreatePseudoNetwork makes them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import polars as pl

from greentrip_networks.crs import from_wgs84, segment_m, utm_of
from greentrip_networks.formats.frames import not_held
from greentrip_networks.layers import Layers
from greentrip_networks.problems import Problems

PT = "pt "  # a blank, so that no id of ours that is also somebody else's starts so
OWN = ("name", "name_en", "geometry", "bus_lane", "generated", "toll_cny", "b", "power", "free_kmh", "unsaid")
STANDARD = {"lanes": 1.0, "free_kmh": 50.0, "capacity_vph": 600.0}  # assumed where unknown: MATSim needs a number
_UNFIT = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_matsim(layers: Layers, path: Path, problems: Problems) -> None:
    """Write network.xml and, with a timetable, transitSchedule.xml and transitVehicles.xml."""
    from greentrip_networks.formats.matsim_schedule_write import write_schedule

    path.mkdir(parents=True, exist_ok=True)
    places = pl.concat([layers.nodes.select("lon", "lat"), layers.stops.select("lon", "lat")]).drop_nulls()
    middle = places.mean().row(0) if len(places) else (0.0, 0.0)
    crs = utm_of(*middle)
    lost = layers.nodes.filter(pl.col("lon").is_null() | pl.col("lat").is_null())
    if len(lost):
        records = lost["node_id"].head(20).to_list()
        problems.many("error", "no-place", "nodes with coordinates", count=len(lost), records=records, field="nodes")
        return
    with (path / "network.xml").open("w", encoding="utf-8") as out:
        out.write(HEAD + '<!DOCTYPE network SYSTEM "http://www.matsim.org/files/dtd/network_v2.dtd">\n')
        out.write(f"<network name={quoted(layers.notes.name or 'network')}>\n")
        out.write(attributes({"coordinateReferenceSystem": crs}) + "<nodes>\n")
        x, y = from_wgs84(layers.nodes["lon"].to_numpy(), layers.nodes["lat"].to_numpy(), crs)
        for node, a, b in zip(layers.nodes.iter_rows(named=True), x.tolist(), y.tolist(), strict=True):
            own = attributes({"name": node["name"], "control": "" if node["control"] == "none" else node["control"]})
            out.write(element("node", {"id": node["node_id"], "x": repr(a), "y": repr(b)}, own))
        out.writelines(_stop_nodes(layers, crs))
        out.write('</nodes>\n<links capperiod="01:00:00" effectivecellsize="7.5" effectivelanewidth="3.75">\n')
        guessed = 0
        for link in layers.links.iter_rows(named=True):
            text, unsaid = _link(link)
            guessed += bool(unsaid) and link["drive"]
            out.write(text)
        out.writelines(_stop_links(layers))
        out.write("</links>\n</network>\n")
    if guessed:
        problems.warn(
            "guessed",
            "lanes, speed and capacity of every link",
            field="links",
            saw=f"{guessed} links without",
            times=guessed,
            remedy=f"{', '.join(f'{k} {v:g}' for k, v in STANDARD.items())} stand for them; repair the network first",
        )
    held = ["nodes", "links"]
    if len(layers.patterns):
        write_schedule(layers, path, crs, problems)
        held += ["stops", "lines", "patterns", "pattern_stops", "headways", "trips", "transfers", "calendars"]
    not_held(layers, held, problems)


def _link(link: dict[str, Any]) -> tuple[str, list[str]]:
    """Return a link's element and what had to be assumed."""
    unsaid = [c for c in STANDARD if link[c] is None]
    value = {c: STANDARD[c] if link[c] is None else link[c] for c in STANDARD}
    modes = [m for m, c in (("car", "drive"), ("bike", "cycle"), ("walk", "walk")) if link[c]]
    if link["bus"] and not link["drive"]:
        modes.append("bus")
    own = {
        "name": link["name"],
        "name_en": link["name_en"],
        "geometry": " ".join(map(repr, link["geometry"])),
        "bus_lane": "1" if link["bus_lane"] else "",
        "generated": "1" if link["generated"] else "",
        **{c: "" if link[c] is None else repr(link[c]) for c in ("toll_cny", "b", "power", "free_kmh")},
        "unsaid": " ".join(unsaid),
    }
    given = {
        "id": link["link_id"],
        "from": link["from_node"],
        "to": link["to_node"],
        "length": repr(link["length_m"] if link["length_m"] is not None else 0.0),
        "freespeed": repr(value["free_kmh"] / 3.6),
        "capacity": repr(value["capacity_vph"]),
        "permlanes": repr(value["lanes"]),
        "oneway": "1",
        "modes": ",".join(modes),
        "type": link["kind"],
    }
    return element("link", given, attributes(own)), unsaid


def used_stops(layers: Layers) -> pl.DataFrame:
    """Return the stops that patterns call at and that have a place."""
    called = layers.pattern_stops["stop_id"].unique()
    return layers.stops.filter(
        pl.col("stop_id").is_in(called.implode()) & pl.col("lon").is_not_null() & pl.col("lat").is_not_null()
    )


def stop_pairs(layers: Layers) -> pl.DataFrame:
    """Return the pairs of stops that follow each other in a pattern, each once, with metres as the crow flies."""
    calls = layers.pattern_stops.sort("pattern_id", "order")
    follows = calls.select("pattern_id", a="stop_id", b=pl.col("stop_id").shift(-1).over("pattern_id")).drop_nulls()
    pairs = follows.select("a", "b").unique(maintain_order=True).filter(pl.col("a") != pl.col("b"))
    place = used_stops(layers).select("stop_id", "lon", "lat")
    pairs = pairs.join(place, left_on="a", right_on="stop_id", maintain_order="left")
    pairs = pairs.join(place, left_on="b", right_on="stop_id", suffix="_b", maintain_order="left")
    metres = segment_m(pairs["lon"], pairs["lat"], pairs["lon_b"], pairs["lat_b"]) if len(pairs) else np.empty(0)
    return pairs.with_columns(metres=pl.Series(metres))


def _stop_nodes(layers: Layers, crs: str) -> Iterator[str]:
    stops = used_stops(layers)
    x, y = from_wgs84(stops["lon"].to_numpy(), stops["lat"].to_numpy(), crs)
    for stop, a, b in zip(stops["stop_id"], x.tolist(), y.tolist(), strict=True):
        yield element("node", {"id": f"{PT}{stop}", "x": repr(a), "y": repr(b)})


def _stop_links(layers: Layers) -> Iterator[str]:
    given = {"freespeed": "50.0", "capacity": "9999.0", "permlanes": "1.0", "oneway": "1", "modes": "pt"}
    for stop in used_stops(layers)["stop_id"]:
        node = f"{PT}{stop}"
        yield element("link", {"id": node, "from": node, "to": node, "length": "50.0", **given})
    for a, b, metres in stop_pairs(layers).select("a", "b", "metres").iter_rows():
        ends = {"from": f"{PT}{a}", "to": f"{PT}{b}", "length": repr(max(metres, 1.0))}
        yield element("link", {"id": pair_id(a, b), **ends, **given})


def pair_id(a: str, b: str) -> str:
    """Return the id of the link from one stop to the next."""
    return f"{PT}{a} {b}"


def clean(text: object) -> str:
    """Return a text that XML can hold: control characters and what is no character become blanks."""
    return _UNFIT.sub(" ", str(text))


def quoted(text: object) -> str:
    """Return an attribute's value in quotes, fit for XML."""
    return quoteattr(clean(text))


def attributes(own: dict[str, str]) -> str:
    """Return an attributes element with those that have a value."""
    parts = [
        f'<attribute name={quoted(k)} class="java.lang.String">{escape(clean(v))}</attribute>'
        for k, v in own.items()
        if v != ""
    ]
    return f"<attributes>{''.join(parts)}</attributes>\n" if parts else ""


def element(tag: str, given: dict[str, str], inside: str = "") -> str:
    """Return an element with its attributes."""
    text = "".join(f" {k}={quoted(v)}" for k, v in given.items())
    return f"<{tag}{text}>{inside}</{tag}>\n" if inside else f"<{tag}{text}/>\n"
