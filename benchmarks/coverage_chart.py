"""Draw coverage by year against a target, and the map of it, from what `greentrip network coverage` writes.

greentrip network coverage beijing-2020 --years 2013-2020 --area "central six" --area "central city" \
        --area "5th Ring Road" --layer near.geojson --json > near.json
python benchmarks/coverage_chart.py near.json near.geojson --chart coverage.png --map coverage-map.png
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

mpl.use("Agg")
from matplotlib import pyplot as plt

COLOURS = {"area": "#4477aa", "built-up area": "#66ccee", "residents": "#ee6677", "jobs": "#ccbb44"}
TARGET = 90.0


def chart(found: dict[str, Any], to: Path) -> None:
    """Draw a panel an area: a line a denominator and way."""
    areas = list(dict.fromkeys(r["area"] for r in found["rows"]))
    figure, panels = plt.subplots(1, len(areas), figsize=(4.0 * len(areas), 4.4), sharey=True, squeeze=False)
    for panel, area in zip(panels[0], areas, strict=True):
        for of, colour in COLOURS.items():
            for way, style in (("crow", "-"), ("street", "--")):
                rows = [r for r in found["rows"] if (r["area"], r["of"], r["way"]) == (area, of, way)]
                years, shares = [r["year"] for r in rows], [100 * r["share"] for r in rows]
                panel.plot(years, shares, style, color=colour, marker="o", markersize=3)
        panel.axhline(TARGET, color="#444444", linewidth=1)
        panel.set(title=area, ylim=(0, 100), xlabel="end of year", xticks=sorted({r["year"] for r in found["rows"]}))
        panel.tick_params(axis="x", rotation=45)
        panel.grid(axis="y", color="#dddddd")
        panel.text(0.02, TARGET + 1, "the plan's 90 %, of what is not said", transform=panel.get_yaxis_transform())
    panels[0][0].set_ylabel(f"% within {found['distance_m']:.0f} m of a rail station")
    keys = [Line2D([], [], color=c, label=of) for of, c in COLOURS.items()]
    keys += [
        Line2D([], [], color="#444444", label="as the crow flies"),
        Line2D([], [], color="#444444", linestyle="--", label="along streets"),
    ]
    figure.legend(handles=keys, loc="lower center", ncols=len(keys), frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(to, dpi=110)
    plt.close(figure)


def draw_map(layer: dict[str, Any], to: Path) -> None:
    """Draw what is covered, areas with an outline and stations."""
    figure, panel = plt.subplots(figsize=(8, 7.4))
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    for feature in layer["features"]:
        about = feature["properties"]
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        if about["layer"] == "covered":
            colour = "#bbddee" if about["way"] == "crow" else "#4477aa"
            for part in shapely.get_parts(shape):
                rings = [part.exterior, *part.interiors]
                path = mpl.path.Path.make_compound_path(*(mpl.path.Path(np.array(r.coords)) for r in rings))
                panel.add_patch(mpl.patches.PathPatch(path, facecolor=colour, edgecolor="none"))
        elif about["layer"] == "area":
            panel.plot(*shape.exterior.xy, color="#222222", linewidth=1.5)
            low_x, low_y, high_x, high_y = shape.bounds
            bounds = np.array([*np.minimum(bounds[:2], (low_x, low_y)), *np.maximum(bounds[2:], (high_x, high_y))])
        else:
            panel.plot(shape.x, shape.y, ".", color="#222222", markersize=2)
    low_x, low_y, high_x, high_y = bounds
    panel.set(xlim=(low_x - 0.12, high_x + 0.12), ylim=(low_y - 0.08, high_y + 0.08))
    panel.set(aspect=1 / np.cos(np.radians((low_y + high_y) / 2)), xlabel="degrees east", ylabel="degrees north")
    about = next(f["properties"] for f in layer["features"] if f["properties"]["layer"] == "covered")
    panel.set_title(f"Within {about['distance_m']:.0f} m of a rail station at the end of {about['year']}")
    panel.legend(
        handles=[
            Patch(color="#bbddee", label="as the crow flies"),
            Patch(color="#4477aa", label="along streets"),
            Line2D([], [], color="#222222", marker=".", linestyle="", label="station"),
            Line2D([], [], color="#222222", label="ring road asked for"),
        ],
        loc="lower left",
    )
    figure.tight_layout()
    figure.savefig(to, dpi=110)
    plt.close(figure)


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("layer", type=Path)
    parser.add_argument("--chart", type=Path, required=True)
    parser.add_argument("--map", type=Path, required=True)
    args = parser.parse_args()
    chart(json.loads(args.table.read_text(encoding="utf-8")), args.chart)
    draw_map(json.loads(args.layer.read_text(encoding="utf-8")), args.map)


if __name__ == "__main__":
    main()
