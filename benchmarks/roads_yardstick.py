"""Report how far Beijing's hand-laid roads lie from a yardstick street graph; it only measures, nothing is moved.

The yardstick is a folder ``beijing/roads_reference`` with a link.csv (WKT geometry) under GREENTRIP_REFERENCE
(default ../shared/data). Every named road is sampled each 50 m; a sample's distance is that to the nearest yardstick
street whose bearing is within 25 degrees (bearings taken to 2 degrees). The yardstick comes from bus routes and does
not reach the outer towns and hills: a sample counts as covered where at least COVERED_KM of yardstick streets, of any
bearing, lie within COVER_M. Figures are given for covered length, for all that lies inside the laid-down 4th and 5th
rings, and for everything. Run ``python benchmarks/roads_yardstick.py [--json]``.
"""

import argparse
import csv
import itertools
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from greentrip_networks.beijing_roads.shapes import inside
from greentrip_networks.beijing_roads.sources import FOLDER, PLANE, read_sources
from greentrip_networks.network import Floats
from scipy.spatial import cKDTree

STEP_M = 50.0
REFERENCE_STEP_M = 20.0
BEARING_DEG = 25.0
WITHIN_M = 250.0
COVER_M = 2000.0
COVERED_KM = 20.0
RINGS = ("二环路", "三环路", "四环路", "五环路", "六环路")


def samples(line: Floats, step: float) -> tuple[Floats, Floats]:
    """Return points (n, 2) each ``step`` metres along a line and the bearing there, degrees from 0 to 180."""
    run = np.hypot(*(line[1:] - line[:-1]).T)
    line = line[np.concatenate([[True], run > 0])]
    run = run[run > 0]
    if not len(run):
        return np.zeros((0, 2)), np.zeros(0)
    along = np.concatenate([[0.0], np.cumsum(run)])
    count = max(1, round(along[-1] / step))
    at = (np.arange(count) + 0.5) * along[-1] / count
    which = np.clip(np.searchsorted(along, at, side="right") - 1, 0, len(run) - 1)
    delta = line[which + 1] - line[which]
    points = np.column_stack([np.interp(at, along, line[:, d]) for d in (0, 1)])
    return points, np.degrees(np.arctan2(delta[:, 0], delta[:, 1])) % 180.0


def reference_points(folder: Path) -> tuple[Floats, Floats]:
    """Return points along every yardstick street, metres, and their bearings."""
    points, bearings = [], []
    with (folder / "link.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = row["geometry"].split("(")[1].rstrip(")")
            degrees = np.array([p.split() for p in text.split(",")], np.float64)
            p, b = samples(np.column_stack(PLANE.to_metres(degrees[:, 0], degrees[:, 1])), REFERENCE_STEP_M)
            points.append(p)
            bearings.append(b)
    return np.vstack(points), np.concatenate(bearings)


def distances(points: Floats, bearings: Floats, reference: Floats, reference_bearings: Floats) -> Floats:
    """Return for each sample the metres to the nearest yardstick point of about the same bearing."""
    result = np.full(len(points), np.inf)
    rounded = (np.round(bearings / 2.0) * 2.0) % 180.0
    for bearing in np.unique(rounded).tolist():
        turn = np.abs((reference_bearings - bearing + 90.0) % 180.0 - 90.0)
        near = turn <= BEARING_DEG
        mine = rounded == bearing
        if near.any():
            result[mine] = cKDTree(reference[near]).query(points[mine])[0]
    return result


def summary(d: Floats) -> dict[str, float]:
    """Return km sampled, median metres and the share of length within 250 m."""
    return {
        "km": round(len(d) * STEP_M / 1000, 1),
        "median_m": round(float(np.median(d)), 0),
        "within_250m": round(float((d <= WITHIN_M).mean()), 3),
    }


def rests_on(provenance: str) -> str:
    """Return the kind of source that a point's provenance names."""
    kinds = {"station": "a station", "OpenStreetMap": "OpenStreetMap's line", "mosstool": "a boundary"}
    return next((kind for word, kind in kinds.items() if word in provenance), "own layout")


def by_source(reference: Floats, reference_bearings: Floats) -> dict[str, dict[str, float]]:
    """Measure the covered length between two points of one kind of source; roads on OpenStreetMap are where they are.

    What the yardstick does not confirm of those it does not contain: no layout could do better there.
    """
    lines: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    with (FOLDER / "points.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            x, y = PLANE.to_metres(float(row["lon"]), float(row["lat"]))
            lines[row["road_id"]].append((float(x), float(y), rests_on(row["provenance"])))
    found: dict[str, list[tuple[Floats, Floats]]] = defaultdict(list)
    for line in lines.values():
        for a, b in itertools.pairwise(line):
            kind = a[2] if a[2] == b[2] else "two kinds"
            found[kind].append(samples(np.array([a[:2], b[:2]]), STEP_M))
    tree = cKDTree(reference)
    out = {}
    for kind, parts in sorted(found.items()):
        at, bearing = np.vstack([p for p, _ in parts]), np.concatenate([b for _, b in parts])
        covered = tree.query_ball_point(at, COVER_M, return_length=True) * REFERENCE_STEP_M / 1000 >= COVERED_KM
        out[kind] = summary(distances(at[covered], bearing[covered], reference, reference_bearings))
    return out


def report(folder: Path) -> dict[str, object]:
    """Measure every named road; groups by area first, then roads from the worst, on their covered length."""
    reference, reference_bearings = reference_points(folder)
    tree = cKDTree(reference)
    groups: dict[str, dict[str, list[Floats]]] = {
        area: defaultdict(list) for area in ("covered", "inside 4th ring", "inside 5th ring", "everywhere")
    }
    roads, uncovered = [], []
    sources = read_sources()
    fourth, fifth = (next(r.line for r in sources.roads if r.name_zh == name) for name in ("四环路", "五环路"))
    lines = [samples(road.line, STEP_M) for road in sources.roads]
    owner = np.repeat(np.arange(len(lines)), [len(p) for p, _ in lines])
    every, bearings = np.vstack([p for p, _ in lines]), np.concatenate([b for _, b in lines])
    measured = distances(every, bearings, reference, reference_bearings)
    around = tree.query_ball_point(every, COVER_M, return_length=True) * REFERENCE_STEP_M / 1000
    masks = {"covered": around >= COVERED_KM, "inside 5th ring": inside(every[:, 0], every[:, 1], fifth)}
    masks["inside 4th ring"] = inside(every[:, 0], every[:, 1], fourth)
    masks["everywhere"] = np.ones(len(every), bool)
    for i, road in enumerate(sources.roads):
        group = "ring" if road.name_zh in RINGS else road.facility
        for area, mask in masks.items():
            d = measured[mask & (owner == i)]
            for name in (group, "all", *(("rings and arterials",) if group in ("ring", "arterial") else ())):
                groups[area][name].append(d)
        d = measured[masks["covered"] & (owner == i)]
        if len(d):
            roads.append({"road_id": road.road_id, "name_zh": road.name_zh, "group": group} | summary(d))
        else:
            uncovered.append(road.road_id)
    roads.sort(key=lambda r: (-float(r["median_m"]), str(r["road_id"])))
    tables = {area: {g: summary(np.concatenate(v)) for g, v in sorted(kinds.items())} for area, kinds in groups.items()}
    tables["covered, by what both ends rest on"] = by_source(reference, reference_bearings)
    return {"areas": tables, "roads": roads, "roads_without_covered_length": uncovered}


def main() -> None:
    """Print the report as a table or, with --json, as JSON; exit 2 when the yardstick is not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--roads", type=int, default=40, help="how many of the worst roads to print")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("GREENTRIP_REFERENCE", "../shared/data")) / "beijing" / "roads_reference"
    if not (folder / "link.csv").is_file():
        sys.stderr.write(f"{folder}/link.csv is missing; set GREENTRIP_REFERENCE to the folder of the reference data\n")
        raise SystemExit(2)
    result = report(folder)
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False, indent=1))
        return
    areas, roads = result["areas"], result["roads"]
    for area, groups in areas.items():  # type: ignore[attr-defined]
        print(f"{area:<36}{'km':>9}{'median m':>10}{'within 250 m':>14}")
        for name, row in groups.items():
            print(f"  {name:<34}{row['km']:>9}{row['median_m']:>10.0f}{row['within_250m']:>14.1%}")
    for row in roads[: arguments.roads]:  # type: ignore[index]
        print(
            f"{row['road_id']} {row['group']:<12}{row['km']:>7}{row['median_m']:>8.0f}{row['within_250m']:>8.1%}"
            f"  {row['name_zh']}"
        )


if __name__ == "__main__":
    main()
