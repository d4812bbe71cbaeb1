"""GeoJSON: a folder with one file for each frame of a network, and anybody's file of streets, zones or stops."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.frames import not_held
from greentrip_networks.formats.geo_frames import layers_of, tables_of
from greentrip_networks.formats.geopackage import read_ogr, write_ogr
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import SCHEMAS, Layers
from greentrip_networks.problems import Problems, bad_input

SUFFIXES = (".geojson", ".json")
DEPTH = 32


def is_geojson(source: Source) -> bool:
    """Say whether a file, or the files of a folder, are collections of features."""
    return any(_is_one(source, name) for name in _files(source)[:20])


def _files(source: Source) -> list[str]:
    return (
        list(source.files) if len(source.files) == 1 else [n for n in source.files if n.casefold().endswith(SUFFIXES)]
    )


def _is_one(source: Source, name: str) -> bool:
    head = source.head(name).lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"{") and b'"type"' in head and (b'"Feature' in head or b'"coordinates"' in head)


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read files or folders of files; each file is a layer named after it."""
    tables = []
    for source in sources:
        names = [n for n in _files(source) if _is_one(source, n)]
        if not names:
            raise bad_input("geojson", source.name, "no-features", "a FeatureCollection", file=source.name)
        for name in names:
            _check_depth(source, name)
            table = read_ogr(source.on_disk(name).resolve(), None, source.name, name, problems)
            tables.append(type(table)(PurePosixPath(name).stem, table.columns, table.wkb, table.crs))
    file = sources[0].name if len(sources) > 1 or len(tables) > 1 else next(iter(sources[0].files))
    return layers_of(tables, options, problems, format_name="geojson", file=file)


def _check_depth(source: Source, name: str) -> None:
    """Refuse objects nested deeper than any geometry, which would use up the parser's stack; strings are skipped."""
    depth, inside, rest = 0, False, b""
    marks = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)
    with source.open(name) as stream:
        while block := stream.read(1 << 20):
            text = rest + block
            rest = text[-1:] if text.endswith(b"\\") else b""
            for mark in marks.findall(text[: len(text) - len(rest)]):
                if mark == b'"':
                    inside = not inside
                elif not inside and mark in b"[{":
                    depth += 1
                    if depth > DEPTH:
                        raise bad_input("geojson", source.name, "too-deep", f"at most {DEPTH} levels", file=name)
                elif not inside and mark in b"]}":
                    depth -= 1


def write(layers: Layers, path: Path, problems: Problems) -> None:
    """Write NAME.geojson for every frame with rows; rows without a place have a null geometry."""
    path.mkdir(parents=True, exist_ok=True)
    for table in tables_of(layers):
        target = path / f"{table.name}.geojson"
        target.unlink(missing_ok=True)
        write_ogr(
            table,
            target,
            "GeoJSON",
            layer=table.name,
            COORDINATE_PRECISION="15",
            AUTODETECT_JSON_STRINGS="NO",
        )
    not_held(layers, tuple(SCHEMAS), problems)


FORMAT = Format(
    name="geojson",
    title="GeoJSON (a file, or a folder of one a layer)",
    detect=is_geojson,
    read=read,
    write=write,
    folder=True,
)
