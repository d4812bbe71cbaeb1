"""Every file format that a network is read from or written to, by name.

A format is a module of this package with a `FORMAT` (a `Format`), listed in `_MODULES`. To add one:

    FORMAT = Format(
        name="gmns",
        title="General Modeling Network Specification, CSV",
        detect=...,  # (Source) -> bool: by content, reading a few kilobytes at most; never raises
        read=...,    # (sources, options, problems) -> Layers
        write=...,   # (layers, path, problems) -> None
    )

A reader adds what is wrong to `problems` and goes on, so that one reading names every problem; it may raise
BadInputError (`problems.bad_input`) where nothing can follow. `read_layers` raises BadInputError after reading if there
is any error, so a reader that met errors may return whatever it has. It opens files through `Source` only (archives,
sizes and encodings are guarded there) and imports heavy libraries inside its functions. All paths of one format come in
one call.

A writer writes a new file, or a folder if `folder` is true, and adds a warning for what the format cannot hold.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from greentrip_networks.errors import UnknownNameError
from greentrip_networks.formats.sources import Limits, Source, open_source
from greentrip_networks.layers import Layers
from greentrip_networks.problems import Problems, bad_input

if TYPE_CHECKING:
    import polars as pl

_MODULES: tuple[str, ...] = (  # in the order in which they are asked what a file is
    "gtfs",
    "osm",
    "gmns",
    "matsim",
    "sumo",
    "node_link",
    "geopackage",
    "geojson",
    "geoparquet",
    "omx",
    "matrix_csv",
    "population",
    "tntp",
    "visum",
    "emme",
)


@dataclass(frozen=True)
class ReadOptions:
    """What a reader is told beside the files."""

    name: str = ""
    crs: str = ""  # of the files, such as "EPSG:2435"; "": as the files say, else WGS-84
    gcj02: bool = False  # coordinates are those of Chinese web maps
    encoding: str = ""  # of text files; "": found out
    repair: bool = False  # leave out records that cannot be used and warn, where that is safe, instead of an error
    limits: Limits = field(default_factory=Limits)
    more: Mapping[str, str] = field(default_factory=dict)  # options of one format, by name


Detect = Callable[[Source], bool]
Read = Callable[[Sequence[Source], ReadOptions, Problems], Layers]
Write = Callable[[Layers, Path, Problems], None]


@dataclass(frozen=True)
class Format:
    """One file format: how it is recognised, read and written; None where it is not."""

    name: str
    title: str
    detect: Detect | None = None
    read: Read | None = None
    write: Write | None = None
    suffix: str = ""  # of a file that is written, such as ".zip"; "" if it is a folder
    folder: bool = False  # is a folder written


@cache
def formats() -> dict[str, Format]:
    """Return every format by its name."""
    made = [import_module(f"{__name__}.{module}").FORMAT for module in _MODULES]
    return {f.name: f for f in made}


def format_named(name: str) -> Format:
    """Return a format by its name; raise UnknownNameError with the nearest names."""
    if name not in formats():
        raise UnknownNameError("format", name, formats())
    return formats()[name]


def detect(source: Source) -> Format | None:
    """Return the format that recognises a file, folder or archive by its content; None if none does."""
    return next((f for f in formats().values() if f.read and f.detect and f.detect(source)), None)


def read_layers(
    *paths: Path | str,
    form: str = "",
    options: ReadOptions | None = None,
    problems: Problems | None = None,
    names: Sequence[str] = (),
) -> Layers:
    """Read files, folders or archives into one network; paths of several formats are joined.

    Parameters
    ----------
    paths
        What to read: `read_layers("feed.zip", "roads.osm.pbf")`.
    form
        The name of the format of all paths; found by content if empty.
    options
        Coordinates, encoding, limits.
    problems
        Gathers warnings too, for a caller that wants to show them.
    names
        What messages call each path, where that is not its own name.

    Raises
    ------
    BadInputError
        If anything is an error; it carries all problems found.
    UnknownNameError
        If there is no such format.
    """
    options = options or ReadOptions()
    found = Problems() if problems is None else problems
    wanted = format_named(form) if form else None
    called = list(names) or [Path(p).name for p in paths]
    shown = ", ".join(called)
    with ExitStack() as stack:
        groups: dict[str, list[Source]] = {}
        for path, name in zip(paths, called, strict=True):
            source = stack.enter_context(open_source(Path(path), options.limits, name))
            kind = wanted or detect(source)
            if kind is None or kind.read is None:
                readable = ", ".join(f.name for f in formats().values() if f.read)
                raise bad_input(
                    form or "network",
                    source.name,
                    "unknown-format",
                    f"a format that can be read: {readable}",
                    remedy="name it with --format if it is one of these",
                    file=source.name,
                )
            groups.setdefault(kind.name, []).append(source)
        parts: list[Layers] = []
        for name, sources in groups.items():
            read = formats()[name].read
            assert read is not None
            parts.append(read(sources, options, found))
            found.raise_errors(name, shown)
    layers = parts[0] if len(parts) == 1 else join(parts)
    return layers.with_(notes=replace(layers.notes, name=options.name)) if options.name else layers


def _one_each(zones: "pl.DataFrame") -> "pl.DataFrame":
    """Make one row of the rows of a zone: in each column the first that says something."""
    import polars as pl
    import polars.selectors as cs

    said = zones.with_columns(
        cs.string().exclude("zone_id").replace("", None),
        cs.float().fill_nan(None),
        pl.when(pl.col("areas").list.len() > 0).then("areas"),
    )
    one = said.group_by("zone_id", maintain_order=True).agg(pl.all().drop_nulls().first())
    return one.with_columns(cs.string().fill_null(""), pl.col("areas").fill_null([])).select(zones.columns)


def join(parts: Sequence[Layers]) -> Layers:
    """Put networks that hold different things, such as streets and a timetable, into one; ids must not clash.

    But zones that several tell of, such as one their places and another their residents, become one: what the first
    says of each of their columns holds.
    """
    import polars as pl

    frames = {}
    for name, _ in parts[0].frames():
        held = [getattr(p, name) for p in parts if len(getattr(p, name))]
        frames[name] = pl.concat(held) if held else getattr(parts[0], name)
        if name == "zones" and len(held) > 1:
            frames[name] = _one_each(frames[name])
    notes = parts[0].notes
    for part in parts[1:]:
        notes = replace(
            notes,
            format=f"{notes.format}+{part.notes.format}",
            files=(*notes.files, *part.notes.files),
            counts={**notes.counts, **part.notes.counts},
            assumptions=tuple(dict.fromkeys((*notes.assumptions, *part.notes.assumptions))),
            sources=tuple(dict.fromkeys((*notes.sources, *part.notes.sources))),
            extra={**notes.extra, **part.notes.extra},
        )
    return Layers(**frames, matrices={n: m for p in parts for n, m in p.matrices.items()}, notes=notes)


def write_layers(layers: Layers, path: Path | str, form: str) -> Problems:
    """Write a network as a file or folder of a format; return warnings that say what the format could not hold.

    Raises
    ------
    UnknownNameError
        If there is no such format or it is not written.
    """
    kind = format_named(form)
    if kind.write is None:
        raise UnknownNameError("format to write", form, [f.name for f in formats().values() if f.write])
    problems = Problems()
    kind.write(layers, Path(path), problems)
    problems.raise_errors(kind.name, Path(path).name)
    return problems
