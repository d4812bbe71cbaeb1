"""The General Modeling Network Specification: node, link, zone, movement and geometry tables as CSV.

Units are those of config.csv; without it they are found by comparing lengths with geometries, else metres and km/h.
What GMNS has no field for is written in columns of our own, which the specification allows, and read back.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.checks import check_known, check_unique
from greentrip_networks.formats.csv_tables import LINE, Field, read_csv
from greentrip_networks.formats.flat import make_flat
from greentrip_networks.formats.frames import degrees, flat_of_wkt, measured_m, mending, merged, placed, roads
from greentrip_networks.formats.gmns_write import OWN_OF_ZONES, write_gmns
from greentrip_networks.formats.polygons import wkb_of_wkt
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import CONTROLS, SCHEMAS, Layers, Notes, opposite
from greentrip_networks.problems import Problems

METRES = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1.0),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1000.0),
    **dict.fromkeys(("mi", "mile", "miles"), 1609.344),
    **dict.fromkeys(("ft", "foot", "feet"), 0.3048),
}
KMH = {"km/h": 1.0, "kph": 1.0, "kmh": 1.0, "mph": 1.609344, "mi/h": 1.609344, "m/s": 3.6}
GUESSES = (("m", 1.0), ("km", 1000.0), ("mi", 1609.344), ("ft", 0.3048))
USES = {
    "drive": frozenset(
        {"auto", "car", "sov", "hov", "hov2", "hov3", "drive", "vehicle", "motor", "automobile", "all", "any"}
    ),
    "cycle": frozenset({"bike", "bicycle", "cycle", "all", "any"}),
    "walk": frozenset({"walk", "ped", "pedestrian", "foot", "all", "any"}),
    "bus": frozenset({"bus", "transit", "all", "any"}),
}
CONTROL_OF = {
    **{c: c for c in CONTROLS},
    **dict.fromkeys(("", "no_control", "uncontrolled"), "none"),
    **dict.fromkeys(("4_stop", "2_stop"), "stop"),
    "yield": "give_way",
}

_CONFIG = (
    Field("long_length"),
    Field("short_length"),
    Field("speed"),
    Field("crs"),
    Field("currency"),
    Field("dataset_name"),
)
_NODES = (
    Field("node_id", needed=True),
    Field("x_coord", "number", to="lon"),
    Field("y_coord", "number", to="lat"),
    Field("name", default=""),
    Field("ctrl_type", to="control", default=""),
    Field("zone_id", default=""),
)
_LINKS = (
    Field("link_id", needed=True),
    Field("from_node_id", to="from_node", needed=True),
    Field("to_node_id", to="to_node", needed=True),
    Field(
        "directed",
        "flag",
        choices={"1": True, "0": False, "true": True, "false": False, "True": True, "False": False},
        default=True,
    ),
    Field("dir_flag", "whole", low=-1, high=1, default=1),
    Field("name", default=""),
    Field("name_en", default=""),
    Field("length", "number", to="length_m", low=0),
    Field("facility_type", to="kind", default=""),
    Field("capacity", "number", low=0),
    Field("capacity_vph", "number", low=0),
    Field("free_speed", "number", to="free_kmh", low=0),
    Field("lanes", "number", low=0, high=100),
    Field("allowed_uses", default=""),
    Field("bus_lane", "flag", default=False),
    Field("toll", "number", to="toll_cny", low=0),
    Field("vdf_alpha", "number", to="b", low=0),
    Field("vdf_beta", "number", to="power", low=0),
    Field("generated", "flag", default=False),
    Field("geometry_id", default=""),
    Field("geometry", default=""),
)
_GEOMETRY = (Field("geometry_id", needed=True), Field("geometry", default=""))
_ZONES = (
    Field("zone_id", needed=True),
    Field("name", default=""),
    Field("boundary", default=""),
    Field("x_coord", "number", to="lon"),
    Field("y_coord", "number", to="lat"),
    Field("area_km2", "number", low=0),
    *(
        Field(c, "text", default="") if SCHEMAS["zones"][c] == pl.String else Field(c, "number", low=0)
        for c in OWN_OF_ZONES
    ),
    Field("areas", default=""),
)
_MOVEMENTS = (
    Field("mvmt_id", default=""),
    Field("ib_link_id", to="from_link", needed=True),
    Field("ob_link_id", to="to_link", needed=True),
    Field("penalty", "number", to="delay_s"),
    Field("prohibited", "flag", default=False),
)
SKIPPED = (
    "segment.csv",
    "lane.csv",
    "link_tod.csv",
    "segment_lane.csv",
    "signal_controller.csv",
    "signal_timing_plan.csv",
    "location.csv",
)


def is_gmns(source: Source) -> bool:
    """Say whether a folder or archive has a link table whose header has GMNS names."""
    link = source.find("link.csv")
    return link is not None and source.find("node.csv") is not None and b"from_node_id" in source.head(link)


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read folders or archives of GMNS tables."""
    return merged([_read_one(source, options, problems) for source in sources])


def _table(
    source: Source, name: str, fields: Sequence[Field], options: ReadOptions, problems: Problems
) -> pl.DataFrame:
    """Read one table, empty if the file is not there."""
    file = source.find(name)
    if file is None:
        return pl.DataFrame(schema={**{f.column: pl.String for f in fields}, LINE: pl.UInt32})
    return read_csv(source, file, fields, problems, encoding=options.encoding)


def _read_one(source: Source, options: ReadOptions, problems: Problems) -> Layers:
    config = _table(source, "config.csv", _CONFIG, options, problems)
    said = {
        c: config[c][0] or "" if len(config) else ""
        for c in ("long_length", "speed", "crs", "currency", "dataset_name")
    }
    for name in SKIPPED:
        if source.find(name) is not None:
            problems.warn("not-read", "a table that is read", file=name, remedy="its content is left out")
    nodes = _table(source, "node.csv", _NODES, options, problems)
    nodes = placed(
        nodes, options, problems, file="node.csv", id_column="node_id", said=said["crs"], fields=("x_coord", "y_coord")
    )
    words = pl.col("control").cast(pl.String).fill_null("").str.to_lowercase()
    nodes = nodes.with_columns(control=words.replace_strict(CONTROL_OF, default="other", return_dtype=pl.String))
    links = _table(source, "link.csv", _LINKS, options, problems)
    notes: list[str] = []
    links = _geometries(source, links, options, said["crs"], problems)
    nodes, links, measured = roads(
        nodes,
        _units(nodes, links, said, problems, notes),
        problems,
        files=("node.csv", "link.csv"),
        fields=("from_node_id", "to_node_id"),
    )
    if measured:
        notes.append(f"{measured} links without a length got that of their geometry.")
    links = _both_ways(_uses(links))
    zones = _zones(source, options, said["crs"], problems)
    turns = _turns(source, links, options, problems)
    counts = {
        f"{n}.csv": len(f)
        for n, f in (("node", nodes), ("link", links), ("zone", zones), ("movement", turns))
        if len(f)
    }
    return Layers(
        nodes=nodes.select("node_id", "lon", "lat", "name", "control", "zone_id"),
        links=links,
        zones=zones,
        turns=turns,
        notes=Notes(
            name=said["dataset_name"],
            format="gmns",
            files=(source.name,),
            crs=options.crs or said["crs"] or "EPSG:4326",
            currency=said["currency"] or "CNY",
            counts=counts,
            assumptions=tuple(notes),
        ),
    )


def _geometries(
    source: Source, links: pl.DataFrame, options: ReadOptions, crs: str, problems: Problems
) -> pl.DataFrame:
    """Give links their flat geometry, from the link table or by geometry_id."""
    if not len(links):
        return links.with_columns(geometry=pl.lit(None, SCHEMAS["links"]["geometry"]))
    table = _table(source, "geometry.csv", _GEOMETRY, options, problems)
    if len(table):
        table = check_unique(table, "geometry_id", problems, file="geometry.csv", line=LINE)
        shape = links.select("geometry_id").join(
            table.select("geometry_id", shape="geometry"), on="geometry_id", how="left", maintain_order="left"
        )["shape"]
        links = links.with_columns(
            geometry=pl.when(pl.col("geometry") == "").then(shape.fill_null("")).otherwise("geometry")
        )
    x, y, first = flat_of_wkt(links["geometry"], links[LINE].to_list(), problems, file="link.csv", field="geometry")
    lon, lat = degrees(x, y, options, crs, problems, "link.csv")
    return links.with_columns(make_flat(lon, lat, first).alias("geometry"))


def _units(
    nodes: pl.DataFrame, links: pl.DataFrame, said: dict[str, str], problems: Problems, notes: list[str]
) -> pl.DataFrame:
    """Turn lengths into metres and speeds into km/h."""
    unit, speed = said["long_length"].strip().casefold(), said["speed"].strip().casefold()
    for given, known, field in ((unit, METRES, "long_length"), (speed, KMH, "speed")):
        if given and given not in known:
            problems.error(
                "unknown-unit", f"one of {', '.join(known)}", file="config.csv", line=2, field=field, saw=given
            )
    factor = METRES.get(unit, 1.0)
    if not unit and len(links) and len(nodes):
        metres = measured_m(nodes, links)
        ratio = metres / links["length_m"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        fine = np.isfinite(ratio) & (ratio > 0)
        if fine.any():
            middle = float(np.median(ratio[fine]))
            name, factor = min(GUESSES, key=lambda g: abs(np.log(middle / g[1])))
            notes.append(
                f"No config.csv names units: lengths are taken as {name}, since geometries are {middle:.3g} m a unit."
            )
    kmh = KMH.get(speed, 1.609344 if factor in (METRES["mi"], METRES["ft"]) else 1.0)
    if not speed:
        notes.append(f"No config.csv names the unit of speed: taken as {'mph' if kmh > 1 else 'km/h'}.")
    links = links.with_columns(pl.col("length_m").cast(pl.Float64) * factor, pl.col("free_kmh").cast(pl.Float64) * kmh)
    notes.append("GMNS capacity is vehicles an hour and lane; times lanes it is that of the link.")
    return links.with_columns(
        pl.col("capacity_vph")
        .cast(pl.Float64)
        .fill_null(pl.col("capacity").cast(pl.Float64) * pl.col("lanes").cast(pl.Float64))
    )


def _uses(links: pl.DataFrame) -> pl.DataFrame:
    """Turn allowed_uses into flags; a link that names none is open to cars, bicycles, people on foot and buses."""
    words = links["allowed_uses"].unique()
    meant = {
        w: {p for p in w.casefold().replace(",", ";").replace("|", ";").replace(" ", ";").split(";") if p}
        for w in words
    }
    flags = {
        use: links["allowed_uses"].replace_strict(
            list(meant),
            [bool(m & names) or not m or (use == "bus" and bool(m & USES["drive"])) for m in meant.values()],
            return_dtype=pl.Boolean,
        )
        if len(links)
        else pl.Series([], dtype=pl.Boolean)
        for use, names in USES.items()
    }
    return links.with_columns(pl.Series(s).alias(n) for n, s in flags.items())


def _both_ways(links: pl.DataFrame) -> pl.DataFrame:
    """Make a row for each direction: undirected links become two, dir_flag -1 turns a link around."""
    keep = list(SCHEMAS["links"])
    turned = links.filter((pl.col("directed") == False) | (pl.col("dir_flag") == -1))  # noqa: E712
    ahead = links.filter((pl.col("directed") == False) | (pl.col("dir_flag") != -1))  # noqa: E712
    lists = [[v for x, y in zip(f[-2::-2], f[::-2], strict=True) for v in (x, y)] for f in turned["geometry"].to_list()]
    two = (turned["directed"] == False).to_list()  # noqa: E712
    ids = [opposite(i) if t else i for i, t in zip(turned["link_id"], two, strict=True)]
    turned = turned.with_columns(
        pl.Series("link_id", ids, pl.String),
        pl.col("to_node").alias("from_node"),
        pl.col("from_node").alias("to_node"),
        pl.Series("geometry", lists, SCHEMAS["links"]["geometry"]),
    )
    return pl.concat([ahead.select(keep), turned.select(keep)])


def _zones(source: Source, options: ReadOptions, crs: str, problems: Problems) -> pl.DataFrame:
    """Read zone.csv."""
    zones = _table(source, "zone.csv", _ZONES, options, problems)
    if not len(zones):
        return pl.DataFrame()
    zones = check_unique(zones, "zone_id", problems, file="zone.csv", line=LINE)
    x, y = (zones[c].fill_null(np.nan).to_numpy() for c in ("lon", "lat"))
    lon, lat = degrees(x, y, options, crs, problems, "zone.csv")
    shapes = wkb_of_wkt(
        zones["boundary"], zones[LINE].to_list(), options, crs, problems, file="zone.csv", field="boundary"
    )
    areas = pl.col("areas").str.split(";").list.eval(pl.element().filter(pl.element() != ""))
    zones = zones.with_columns(areas, lon=pl.Series(lon), lat=pl.Series(lat), geometry=shapes)
    return zones.select([c for c in SCHEMAS["zones"] if c in zones.columns])


def _turns(source: Source, links: pl.DataFrame, options: ReadOptions, problems: Problems) -> pl.DataFrame:
    """Read the movements that are prohibited or cost time; the rest is what links allow anyway."""
    moves = _table(source, "movement.csv", _MOVEMENTS, options, problems)
    if not len(moves):
        return pl.DataFrame()
    for column, name in (("from_link", "ib_link_id"), ("to_link", "ob_link_id")):
        moves = check_known(
            moves.rename({column: name}), name, links["link_id"], problems, file="movement.csv", what="link", line=LINE
        ).rename({name: column})
    moves = moves.filter(pl.col("prohibited") | (pl.col("delay_s") > 0))
    kind = pl.when("prohibited").then(pl.lit("banned")).otherwise(pl.lit("delay"))
    return moves.select("from_link", "to_link", "delay_s", kind=kind).unique(
        ["from_link", "to_link"], keep="first", maintain_order=True
    )


FORMAT = Format(
    name="gmns",
    title="General Modeling Network Specification (folder of CSV tables)",
    detect=is_gmns,
    read=mending(read),
    write=write_gmns,
    folder=True,
)
