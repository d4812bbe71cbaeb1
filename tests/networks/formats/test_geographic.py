"""Layers that other tools made, in their coordinate systems; what is wrong in them is named, and no view is run."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from greentrip_networks.formats import ReadOptions, read_layers
from greentrip_networks.problems import BadInputError, Problems


def streets() -> gpd.GeoDataFrame:
    lines = [
        shapely.LineString([(116.0, 39.9), (116.01, 39.91), (116.02, 39.9)]),
        shapely.LineString([(116.02, 39.9), (116.03, 39.9)]),
        shapely.MultiLineString([[(116.03, 39.9), (116.04, 39.9)], [(116.04, 39.9), (116.05, 39.9)]]),
    ]
    columns = {
        "osm_id": ["7", "8", "9"],
        "fclass": ["primary", "service", "trunk"],
        "oneway": ["F", "B", "T"],
        "maxspeed": [60, 0, 80],
    }
    return gpd.GeoDataFrame(columns, geometry=lines, crs="EPSG:4326")


def write(frame: gpd.GeoDataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, driver="GPKG" if path.suffix == ".gpkg" else "GeoJSON", engine="pyogrio")
    return path


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet"])
def test_lines_in_any_system_become_streets(tmp_path: Path, suffix: str) -> None:
    path = write(streets().to_crs("EPSG:4547" if suffix != ".geojson" else "EPSG:4326"), tmp_path / f"roads{suffix}")
    layers = read_layers(path)
    rows = {r["link_id"]: r for r in layers.links.iter_rows(named=True)}
    assert len({i.lstrip("-") for i in rows}) == 4
    assert len(layers.nodes) == 5
    assert rows["7"]["to_node"] == rows["8"]["from_node"]
    assert rows["7"]["geometry"][2:4] == pytest.approx([116.01, 39.91], abs=1e-7)
    assert rows["8"]["length_m"] == pytest.approx(855.0, abs=1)
    assert rows["8"]["geometry"] == []
    assert (rows["7"]["kind"], rows["7"]["free_kmh"], rows["7"]["drive"]) == ("primary", 60, True)
    assert "lines are streets" in layers.notes.assumptions[0]


def test_polygons_become_zones_and_points_stops_or_people(tmp_path: Path) -> None:
    squares = [shapely.box(116, 39, 116.1, 39.1), shapely.box(116.1, 39, 116.2, 39.1)]
    zones = gpd.GeoDataFrame(
        {"code": ["A", "B"], "Name": ["甲", "乙"], "Population": [1000, 2000]}, geometry=squares, crs=4326
    )
    points = gpd.GeoDataFrame(
        {"stop_name": ["x", "y"]}, geometry=[shapely.Point(116, 39), shapely.Point(116.1, 39)], crs=4326
    )
    people = gpd.GeoDataFrame({"pop": [3.5, 4]}, geometry=points.geometry, crs=4326)
    path = tmp_path / "city.gpkg"
    zones.to_crs("EPSG:32650").to_file(path, layer="districts", driver="GPKG")
    points.to_file(path, layer="halts", driver="GPKG")
    layers = read_layers(path)
    assert layers.zones["zone_id"].to_list() == ["A", "B"]
    assert layers.zones["residents"].to_list() == [1000, 2000]
    assert layers.zones["name"].to_list() == ["甲", "乙"]
    assert layers.zones["lon"].to_list() == pytest.approx([116.05, 116.15], abs=1e-4)
    assert shapely.from_wkb(layers.zones["geometry"][0]).bounds == pytest.approx((116, 39, 116.1, 39.1), abs=1e-6)
    assert layers.stops["name"].to_list() == ["x", "y"]
    cells = read_layers(write(people, tmp_path / "people.parquet"))
    assert cells.zones["residents"].to_list() == [3.5, 4]
    only = read_layers(path, options=ReadOptions(more={"layers": "halts"}))
    assert (len(only.zones), len(only.stops)) == (0, 2)


def refused(path: Path, **options: Any) -> list[tuple[str, int | None]]:
    with pytest.raises(BadInputError) as caught:
        read_layers(path, options=ReadOptions(**options))
    return [(p.code, p.line) for p in caught.value.problems.kept if p.level == "error"]


def feature(geometry: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(path: Path, *features: object) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_every_problem_is_named(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [39.9, 116.4]}
    good = {"type": "Point", "coordinates": [116.4, 39.9]}
    path = collection(
        tmp_path / "stops.geojson", feature(point, stop_id="1"), feature(good, stop_id="1"), feature(point, stop_id="3")
    )
    assert refused(path) == [("duplicate-id", 2), ("out-of-range", 1), ("out-of-range", 3)]
    mixed = collection(
        tmp_path / "x.geojson", feature(point), feature({"type": "LineString", "coordinates": [[1, 2], [3, 4]]})
    )
    assert refused(mixed) == [("mixed-geometries", None)]
    crossed = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    problems = Problems()
    read_layers(collection(tmp_path / "z.geojson", feature(crossed, pop="many")), problems=problems)
    assert [(p.code, p.level) for p in problems.kept] == [("bad-number", "warning"), ("crossed-polygon", "warning")]
    assert refused(write(streets(), tmp_path / "a.gpkg"), crs="EPSG:77") == [("unknown-crs", None)]


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet"])
def test_damaged_files_are_refused(tmp_path: Path, suffix: str) -> None:
    whole = write(streets(), tmp_path / f"a{suffix}").read_bytes()
    path = tmp_path / f"b{suffix}"
    for data in (whole[:-30], whole[: len(whole) // 2], whole[:200]):
        path.write_bytes(data)
        assert refused(path)


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.geojson"
    path.write_text('{"type":"FeatureCollection","features":[' + "[" * 200_000)
    assert refused(path) == [("too-deep", None)]


def test_a_view_in_a_geopackage_is_not_run(tmp_path: Path) -> None:
    path = write(streets(), tmp_path / "roads.gpkg")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, NULL AS geom FROM n"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("ALTER TABLE roads RENAME TO other")
        base.execute(f"CREATE VIEW roads AS {endless}")
    assert ("no-table", None) in refused(path)
