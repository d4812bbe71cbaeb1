"""What a limit on buses through streets does to a plan, and which streets make it impossible."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import SLACK
from greentrip_optimizer.loop_routes import loops_of
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.pool import Pool, Prices
from greentrip_optimizer.street_limit import StreetLimit

_TOLD = 20  # fullest streets told of


def check_streets(
    network: Network, areas: Sequence[Area], stations: Sequence[str], streets: StreetLimit, options: FeederOptions
) -> None:
    """Raise ScenarioError where lines alone leave a station no way in and out.

    The message names the street and the least limit that works; of several stations, at the one that needs most.
    """
    if streets.soft or streets.limit == np.inf:
        return
    nodes = len(network.compiled.roads.nodes)
    found = [(*_fullest_way(area, streets, s, options, nodes), stations[s]) for s, area in enumerate(areas)]
    buses, k, station = max(found, key=lambda f: f[0], default=(0.0, -1, ""))
    if k >= 0:
        raise ScenarioError(
            "street_buses_h",
            f"saw {streets.limit:g}, but lines run {buses:.4g} buses an hour through {_place(network, k)}, and no way "
            f"from {network.rail.nodes[station]['name_en']} ({station}) to a stop and back has fewer; expected at "
            f"least {_up(buses + float(streets.buses_h.min()))}, so a bus every {options.longest_min:g} minutes "
            "fits, a price for more (over_street_cny_day), or leave the station out",
        )


def kept_on_streets(network: Network, lines: Floats, kept: Floats, limit: float) -> str | None:
    """Return the street that kept routes take farthest beyond the limit, if any, and the least limit that works.

    `lines` and `kept` are buses an hour by road link.
    """
    over = np.where(kept > 0, lines + kept, 0.0)
    if over.max(initial=0.0) <= limit + SLACK:
        return None
    k = int(over.argmax())
    return (
        f"saw {limit:g}, but kept routes run {kept[k]:.4g} buses an hour through {_place(network, k)} beside "
        f"{lines[k]:.4g} of lines; expected at least {_up(over[k])}"
    )


def _fullest_way(
    area: Area, streets: StreetLimit, station: int, options: FeederOptions, nodes: int
) -> tuple[float, int]:
    """Return the least buses an hour that lines run through the fullest street of any route, and that street.

    A route there and back has a first stop, so one to that stop alone is never fuller. The street is -1 where a route
    fits, where there are none, or where turning decides.
    """
    n, ways = len(area.stop_node) - 1, streets.stations[station]
    leg, turn = ways.fullest(streets.lines)
    there_and_back = np.isfinite(area.drive_s[n, :n]) & (area.drive_s[:n, n] > 0) & np.isfinite(area.drive_s[:n, n])
    there_and_back &= np.maximum(area.length_m[n, :n], area.length_m[:n, n]) <= options.max_length_m
    stops = np.flatnonzero(there_and_back)
    if (np.maximum(leg[n, stops], leg[stops, n]) + streets.buses_h.min() <= streets.limit + SLACK).any():
        return 0.0, -1
    routes: list[tuple[int, ...]] = [(int(s),) for s in stops if np.isfinite(area.turn_s[n, s])]
    buses = [max(leg[n, s], leg[s, n], turn[n, s]) for (s,) in routes]
    if options.loops:
        loops, _ = loops_of(area, options.exhaustive_loops, nodes)
        if len(loops.first) > 1:
            before = np.append(np.zeros(1, np.int32), loops.stop)[:-1]
            before[loops.first[:-1]] = n
            buses += np.maximum.reduceat(leg[before, loops.stop], loops.first[:-1]).tolist()
            routes += [tuple(r.tolist()) for r in np.split(loops.stop, loops.first[1:-1])]
    if not routes:
        return 0.0, -1
    best = int(np.argmin(buses))
    if buses[best] + streets.buses_h.min() <= streets.limit + SLACK:
        return 0.0, -1
    links = ways.links(routes[best])
    return float(buses[best]), int(links[streets.lines[links].argmax()])


def fullest_streets(network: Network, streets: StreetLimit, feeders: Floats) -> list[dict[str, Any]]:
    """Return the streets that feeders use, the fullest first; buses an hour in the peak, in one direction.

    `feeders` are those of the plan's routes, new and kept, by road link.
    """
    share = (feeders + streets.lines) / streets.limit
    used = np.flatnonzero(feeders > SLACK)
    return [
        {
            **street_name(network, k),
            "feeder_buses_h": round(float(feeders[k]), 2),
            "line_buses_h": round(float(streets.lines[k]), 2),
            "share_of_limit": round(float(share[k]), 4),
        }
        for k in used[np.lexsort((used, -share[used].round(9)))][:_TOLD].tolist()
    ]


def street_prices(network: Network, streets: StreetLimit, prices: Prices) -> list[dict[str, Any]]:
    """Return what the room of a street is worth to the relaxation, CNY a day for each bus an hour, dearest first.

    Streets that the same routes run share a price: it is told of one of them.
    """
    price = np.divide(prices.street_room, streets.room, out=np.zeros(len(streets.room)), where=streets.room > SLACK)
    dear = np.flatnonzero(price > 0.005)
    return [
        {**street_name(network, k), "cny_day": round(float(price[k]), 2)}
        for k in dear[np.lexsort((dear, -price[dear]))].tolist()
    ]


def shared_share(network: Network, streets: StreetLimit, pool: Pool, columns: Sequence[int], column: int) -> float:
    """Return the share of a route's way, out, back and round, that lines, kept or other chosen routes run too."""
    metres = network.compiled.roads.length_m * pool.on_streets([column])
    others = streets.lines + streets.kept + pool.on_streets([i for i in columns if i != column])
    return float(metres[others > SLACK].sum() / metres.sum())


def street_name(network: Network, link: int) -> dict[str, str]:
    """Return a road link's end nodes and names; of parallel links, those that the link's row counts."""
    roads = network.compiled.roads
    tail, head = int(roads.tail[link]), int(roads.head[link])
    a, b = roads.nodes[tail], roads.nodes[head]
    before = int((roads.head[roads.first_out[tail] : link] == head).sum())
    edges = network.roads[a][b]
    data = edges[sorted(edges)[before]]
    return {"from": a, "to": b, "name": str(data["name"]), "name_zh": str(data["name_zh"])}


def _place(network: Network, link: int) -> str:
    """Return a road link as text: its name if it has one, and its end nodes."""
    street = street_name(network, link)
    return f"{street['name'] or street['name_zh'] or 'the street'} from {street['from']} to {street['to']}"


def _up(buses_h: float) -> str:
    """Write buses an hour rounded up to hundredths."""
    return f"{ceil(buses_h * 100 - 1e-4) / 100:g}"
