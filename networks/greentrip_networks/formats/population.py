"""Where people live and work, as CSV or Parquet: a row for each zone (zone_id) or for each small square (lon, lat)."""

import csv
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.checks import check_unique
from greentrip_networks.formats.csv_tables import LINE, Field, read_csv, typed_frame
from greentrip_networks.formats.frames import mending, not_held, placed
from greentrip_networks.formats.geoparquet import read_table
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import Layers, Notes
from greentrip_networks.problems import Problems

PEOPLE = ("residents", "population", "pop", "jobs", "employment")
TO = {"population": "residents", "pop": "residents", "employment": "jobs"}
PLACE = (("lon", "lat"), ("longitude", "latitude"), ("x_coord", "y_coord"), ("x", "y"))
FIELDS = (
    "zone_id",
    "name",
    "name_en",
    "district",
    "district_en",
    "area_km2",
    "residents",
    "jobs",
    "school_places",
    "parking_cny_h",
)
TEXTS = ("zone_id", "name", "name_en", "district", "district_en")


def is_population(source: Source) -> bool:
    """Say whether a CSV or Parquet file has residents or jobs, and zones or places."""
    if len(source.files) != 1:
        return False
    names = column_names(source, next(iter(source.files)))
    return (
        bool(set(names) & set(PEOPLE)) and ("zone_id" in names or _place(names) is not None) and "geometry" not in names
    )


def column_names(source: Source, name: str) -> list[str]:
    """Return the names of the columns, none if there are none."""
    if source.head(name, 4) == b"PAR1":
        try:
            import pyarrow.parquet as pq

            return list(pq.read_schema(source.on_disk(name)).names)
        except Exception:  # noqa: BLE001 - whatever is wrong is said when the file is read
            return []
    try:
        line = source.head(name, 1 << 16).split(b"\n", 1)[0].decode("utf-8-sig")
        return [n.strip() for n in next(csv.reader([line.rstrip("\r")]), [])]
    except (UnicodeDecodeError, csv.Error):
        return []


def _place(names: Sequence[str]) -> tuple[str, str] | None:
    return next((p for p in PLACE if set(p) <= set(names)), None)


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read files as zones; squares become zones whose centre alone is known, numbered where they have no id."""
    parts, counts = [], {}
    for source in sources:
        name = next(iter(source.files))
        parts.append(_read_one(source, name, options, problems))
        counts[name] = len(parts[-1])
    zones = pl.concat(parts, how="diagonal_relaxed")
    if len(sources) > 1:
        zones = zones.unique("zone_id", keep="first", maintain_order=True)
    note = (
        ()
        if all("zone_id" in column_names(s, next(iter(s.files))) for s in sources)
        else ("Squares are zones, numbered in the file's order.",)
    )
    return Layers(
        zones=zones,
        notes=Notes(
            format="population",
            files=tuple(s.name for s in sources),
            counts=counts,
            crs=options.crs or "EPSG:4326",
            assumptions=note,
        ),
    )


def _read_one(source: Source, name: str, options: ReadOptions, problems: Problems) -> pl.DataFrame:
    names = column_names(source, name)
    place = _place(names)
    fields = [
        Field(n, needed=n == "zone_id") if n in TEXTS else Field(n, "number", low=0) for n in FIELDS if n in names
    ]
    fields += [Field(n, "number", to=TO[n], low=0) for n in names if n in TO and TO[n] not in names]
    if place:
        fields += [
            Field(place[0], "number", to="lon", needed="zone_id" not in names),
            Field(place[1], "number", to="lat", needed="zone_id" not in names),
        ]
    if not fields or not ({"zone_id"} & set(names) or place):
        problems.error(
            "no-column", "zone_id or lon and lat, and residents or jobs", file=name, line=1, saw=", ".join(names)[:100]
        )
        return pl.DataFrame(schema={"zone_id": pl.String})
    if source.head(name, 4) == b"PAR1":
        table = read_table(source, name).columns
        raw = table.select(
            pl.col(f.name).cast(pl.String, strict=False).fill_null("") for f in fields if f.name in table.columns
        )
        frame = typed_frame(raw.with_row_index(LINE, 1), fields, problems, file=name)
    else:
        frame = read_csv(source, name, fields, problems, encoding=options.encoding)
    if "zone_id" in frame.columns:
        frame = check_unique(frame, "zone_id", problems, file=name, line=LINE)
    else:
        frame = frame.with_columns((pl.int_range(pl.len()) + 1).cast(pl.String).alias("zone_id"))
    if place:
        some = frame.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
        some = placed(some, options, problems, file=name, id_column="zone_id", fields=place)
        frame = frame.drop("lon", "lat").join(
            some.select("zone_id", "lon", "lat"), on="zone_id", how="left", maintain_order="left"
        )
    return frame.drop(LINE)


def write(layers: Layers, path: Path, problems: Problems) -> None:
    """Write zones with their numbers, as Parquet if the path ends so, else as CSV; outlines and areas are left out."""
    frame = layers.zones.select(*FIELDS, "lon", "lat")
    if PurePosixPath(path.name).suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    if layers.zones["geometry"].null_count() < len(layers.zones) or layers.zones["areas"].list.len().sum():
        problems.warn(
            "not-held",
            "a format with outlines, such as geopackage",
            field="zones",
            remedy="outlines and named areas are left out",
        )
    not_held(layers, ("zones",), problems)


FORMAT = Format(
    name="population",
    title="Residents and jobs of zones or squares (CSV or Parquet)",
    detect=is_population,
    read=mending(read),
    write=write,
    suffix=".csv",
)
