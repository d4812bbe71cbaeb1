"""The arrays kernels use, compiled once from a network's graphs and tables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from greentrip_networks.network import Network

Int32s = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RoadArrays:
    """Street nodes and directed links; links are sorted by (from, to, key), so rows are stable for one graph."""

    nodes: tuple[str, ...]
    x_m: Floats
    y_m: Floats
    first_out: Int32s  # (nodes + 1,) links leaving node i are rows first_out[i] to first_out[i + 1]
    tail: Int32s
    head: Int32s
    length_m: Floats
    free_s: Floats  # seconds at free speed
    capacity_veh_h: Floats
    auto: Bools
    walk: Bools
    bike: Bools
    generated: Bools
    facility: tuple[str, ...]  # by link
    zone_node: Int32s  # (zones,) where its car trips start and end: nearest to its residents' and jobs' centre
    cell_node: Int32s  # (cells,) nearest walkable node


@dataclass(frozen=True, eq=False)
class RailArrays:
    """Stations and platforms (a line at a station); rides join platforms, transfers the platforms of one station."""

    stations: tuple[str, ...]
    x_m: Floats
    y_m: Floats
    node: Int32s  # (stations,) street node row
    line_ids: tuple[str, ...]
    headway_s: Floats  # (lines, periods)
    capacity: Floats  # (lines,) persons a train
    platform_station: Int32s
    platform_line: Int32s
    ride_from: Int32s  # (rides,) platform rows
    ride_to: Int32s
    ride_line: Int32s
    ride_direction: Int32s
    ride_s: Floats
    ride_m: Floats
    transfer_from: Int32s  # (transfers,) platform rows
    transfer_to: Int32s
    transfer_s: Floats  # walk between platforms, without waiting


@dataclass(frozen=True, eq=False)
class BusArrays:
    """Bus calls in both directions as patterns; a stop is a street node that some bus serves."""

    stop_node: Int32s  # (stops,) street node row
    x_m: Floats
    y_m: Floats
    pattern_first: Int32s  # (patterns + 1,) rows of calls
    pattern_line: Int32s  # (patterns,) row in Buses.lines
    pattern_direction: Int32s
    call_stop: Int32s  # (calls,) stop rows in running order
    call_m: Floats  # metres from the pattern's first stop
    headway_s: Floats  # (patterns, periods)
    capacity: Floats  # (patterns,)
    path_first: Int32s  # (calls + 1,) rows of path_link: the links from the call before (none at a first call)
    path_link: Int32s  # road link rows driven


@dataclass(frozen=True, eq=False)
class Compiled:
    """Every array of one network."""

    roads: RoadArrays
    rail: RailArrays
    buses: BusArrays
    zone_first_cell: Int32s  # (zones + 1,) cells of zone z are rows zone_first_cell[z] to zone_first_cell[z + 1]


def compile_network(network: "Network") -> Compiled:
    """Make every array of a network; `Network.compiled` keeps them."""
    from greentrip_networks.compiling import compile_all

    return compile_all(network)
