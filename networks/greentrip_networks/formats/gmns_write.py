"""Write a network as a folder of tables of the General Modeling Network Specification."""

from pathlib import Path

import polars as pl

from greentrip_networks.formats.frames import not_held, wkt_of_flat
from greentrip_networks.formats.polygons import wkt_of_wkb
from greentrip_networks.layers import Layers
from greentrip_networks.problems import Problems

OWN_OF_ZONES = ("name_en", "district", "district_en", "residents", "jobs", "school_places", "parking_cny_h")


def write_gmns(layers: Layers, path: Path, problems: Problems) -> None:
    """Write node.csv, link.csv, zone.csv, movement.csv and config.csv into a folder."""
    path.mkdir(parents=True, exist_ok=True)
    name = layers.notes.name or "network"
    config = {
        "dataset_name": [name],
        "short_length": ["m"],
        "long_length": ["m"],
        "speed": ["kph"],
        "crs": ["EPSG:4326"],
        "geometry_field_format": ["WKT"],
        "currency": [layers.notes.currency],
        "version_number": ["0.96"],
        "id_type": ["string"],
    }
    pl.DataFrame(config).write_csv(path / "config.csv")
    layers.nodes.select(
        "node_id",
        "name",
        pl.col("lon").alias("x_coord"),
        pl.col("lat").alias("y_coord"),
        pl.col("control").alias("ctrl_type"),
        "zone_id",
    ).write_csv(path / "node.csv")
    uses = (
        pl.concat_list(
            [
                pl.when(c).then(pl.lit(w)).otherwise(None)
                for c, w in (("drive", "auto"), ("cycle", "bike"), ("walk", "walk"), ("bus", "bus"))
            ]
        )
        .list.drop_nulls()
        .list.join(";")
    )
    links = layers.links.with_columns(wkt_of_flat(layers.links["geometry"]).alias("geometry"))
    links.select(
        "link_id",
        pl.col("from_node").alias("from_node_id"),
        pl.col("to_node").alias("to_node_id"),
        pl.lit(1).alias("directed"),
        pl.lit(1).alias("dir_flag"),
        "name",
        "name_en",
        pl.col("length_m").alias("length"),
        pl.col("kind").alias("facility_type"),
        pl.when(pl.col("lanes") > 0).then(pl.col("capacity_vph") / pl.col("lanes")).alias("capacity"),
        "capacity_vph",
        pl.col("free_kmh").alias("free_speed"),
        "lanes",
        pl.when(uses == "").then(pl.lit("none")).otherwise(uses).alias("allowed_uses"),
        pl.col("bus_lane").cast(pl.Int8),
        pl.col("toll_cny").alias("toll"),
        pl.col("b").alias("vdf_alpha"),
        pl.col("power").alias("vdf_beta"),
        pl.col("generated").cast(pl.Int8),
        "geometry",
    ).write_csv(path / "link.csv")
    if len(layers.zones):
        zones = layers.zones.with_columns(wkt_of_wkb(layers.zones["geometry"]).alias("boundary"))
        zones.select(
            "zone_id", "name", "boundary", pl.col("lon").alias("x_coord"), pl.col("lat").alias("y_coord"), "area_km2",
            *OWN_OF_ZONES, pl.col("areas").list.join(";"),
        ).write_csv(path / "zone.csv")  # fmt: skip
    if len(layers.turns):
        at = layers.links.select(from_link="link_id", node_id="to_node")
        moves = layers.turns.join(at, on="from_link", how="left", maintain_order="left").with_row_index("mvmt_id", 1)
        moves.select(
            "mvmt_id", "node_id", pl.col("from_link").alias("ib_link_id"), pl.col("to_link").alias("ob_link_id"),
            pl.col("delay_s").alias("penalty"), (pl.col("kind") == "banned").cast(pl.Int8).alias("prohibited"),
        ).write_csv(path / "movement.csv")  # fmt: skip
    not_held(layers, ("nodes", "links", "zones", "turns"), problems)
