"""Describe a network in figures: counts, kilometres, and how many people live near a station."""

from typing import Any

import networkx as nx
import numpy as np
from scipy.spatial import cKDTree

from greentrip_networks.network import Bools, Network

NEAR_M = 750.0  # as the crow flies
COVERED_AREA = "central six"


def summary(network: Network) -> dict[str, Any]:
    """Return the figures of `greentrip network show`, as plain data.

    Kilometres of road count a street once for both directions (half the sum over directed links, one-way streets so by
    half). Kilometres of rail run from platform to platform, of each line in one direction; `track_km` counts a stretch
    between the same two stations once, whichever lines use it.
    """
    roads, goal = network.roads, network.target
    named = generated = 0
    directed_km: dict[str, float] = {}
    named_km = generated_km = 0.0
    for _, _, data in roads.edges(data=True):
        km = data["length_m"] / 1000.0
        directed_km[data["facility"]] = directed_km.get(data["facility"], 0.0) + km
        if data["generated"]:
            generated += 1
            generated_km += km
        else:
            named += 1
            named_km += km
    rides = [(u, v, d) for u, v, d in network.rail.edges(data=True) if d["direction"] == 0]
    line_km: dict[str, float] = {line.name_en: 0.0 for line in network.lines}
    english = {line.id: line.name_en for line in network.lines}
    track: dict[tuple[str, str], float] = {}
    for u, v, data in rides:
        line_km[english[data["line"]]] += data["length_m"] / 1000.0
        pair = (u, v) if u < v else (v, u)
        track[pair] = min(track.get(pair, np.inf), data["length_m"] / 1000.0)
    buses = network.buses
    last = np.searchsorted(buses.line, np.arange(len(buses.lines)), side="right") - 1
    residents_near, area_near = coverage(
        network, network.zones.areas.get(COVERED_AREA, np.ones(len(network.zones), bool))
    )
    return {
        "name": network.name,
        "name_en": network.name_en,
        "name_zh": network.name_zh,
        "year": network.year,
        "zones": len(network.zones),
        "districts": len(set(network.zones.district_en)),
        "residents": float(network.zones.residents.sum()),
        "jobs": float(network.zones.jobs.sum()),
        "cells": len(network.cells.zone),
        "road_nodes": roads.number_of_nodes(),
        "road_links": roads.number_of_edges(),
        "road_pieces": nx.number_weakly_connected_components(roads),
        "road_links_named": named,
        "road_links_generated": generated,
        "road_km_named": round(named_km / 2, 1),
        "road_km_generated": round(generated_km / 2, 1),
        "road_km_by_facility": {f: round(km / 2, 1) for f, km in sorted(directed_km.items())},
        "stations": network.rail.number_of_nodes(),
        "rail_pieces": nx.number_weakly_connected_components(network.rail),
        "lines": len(network.lines),
        "rail_km": round(sum(line_km.values()), 1),
        "track_km": round(sum(track.values()), 1),
        "rail_km_by_line": {name: round(km, 1) for name, km in line_km.items()},
        "bus_lines": len(buses.lines),
        "bus_line_km": round(float(buses.position_m[last].sum()) / 1000.0, 1) if len(buses.lines) else 0.0,
        "bus_stops": len(set(buses.node)),
        "bus_generated": buses.generated,
        "feeders": len(network.feeders),
        "near_station_m": NEAR_M,
        "near_station_area": COVERED_AREA,
        "near_station_residents_share": round(residents_near, 4),
        "near_station_area_share": round(area_near, 4),
        "target": f"{goal.name} of {goal.area}: {goal.value:g} % in {goal.year}",
    }


def coverage(network: Network, chosen: Bools, near_m: float = NEAR_M) -> tuple[float, float]:
    """Return the share of residents and of area of chosen zones that is near a station as the crow flies.

    Residents are those of cells, each cell split into 25 points; area is that of the zone shared by its cells
    alike, so both are as rough as the cells are.
    """
    if not network.rail.number_of_nodes() or not chosen.any():
        return 0.0, 0.0
    cells, zones = network.cells, network.zones
    tree = cKDTree([(d["x_m"], d["y_m"]) for _, d in network.rail.nodes(data=True)])
    use = np.flatnonzero(chosen[cells.zone])
    step = (np.arange(5) - 2.0) * 100.0
    inside = np.zeros(len(use))
    for dx in step:
        for dy in step:
            metres, _ = tree.query(np.column_stack([cells.x_m[use] + dx, cells.y_m[use] + dy]))
            inside += metres <= near_m
    inside /= len(step) ** 2
    people = cells.home_share[use] * zones.residents[cells.zone[use]]
    number = np.bincount(cells.zone, minlength=len(zones))
    area = (zones.area_km2 / np.maximum(number, 1))[cells.zone[use]]
    total = max(float(people.sum()), 1e-9)
    return float((people * inside).sum()) / total, float((area * inside).sum()) / max(float(area.sum()), 1e-9)
