"""Where no bus can turn at its last stop: stations and kept routes, and the shortest way round that would do."""

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
from greentrip_networks.compiled import Bools
from greentrip_networks.errors import ScenarioError, UnknownNameError
from greentrip_networks.network import FeederRoute, Network

from greentrip_optimizer.area import Area
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.streets import BusStreets, Legs, legs_between, turning


def check_turning(
    network: Network,
    areas: Sequence[Area],
    stations: Sequence[str],
    streets: BusStreets,
    options: FeederOptions,
    tell: Callable[[str, float], None],
) -> None:
    """Raise ScenarioError if no stop of any station lets a bus turn within `turn_m`; else tell where none does.

    The message names the stations and the least `turn_m` by which a bus could turn at some stop.
    """
    blocked = [s for s, area in enumerate(areas) if cannot_turn(area, options)]
    if not blocked:
        return
    named = ", ".join(f"{network.rail.nodes[stations[s]]['name_en']} ({stations[s]})" for s in blocked)
    if any(last_legs(area).any() for s, area in enumerate(areas) if s not in blocked):
        tell(f"no bus can turn within {options.turn_m:g} m around {named}: no routes there", 0.2)
        return
    least, found = max(options.turn_m, options.max_length_m), False  # no longer way round is looked for
    for s in blocked:
        area = areas[s]
        legs = Legs(area.drive_s, area.length_m, area.leg_first, area.leg_node)
        metres = turning(streets, area.stop_node, legs, least)[1][last_legs(area)].min()
        found |= bool(np.isfinite(metres))
        least = min(least, float(metres))
    expected = f"at least {ceil(least - 1e-6)}, or 0" if found else f"0 (there is none of up to {least:g} m either)"
    raise ScenarioError(
        "turn_m",
        f"saw {options.turn_m:g}, but no stop around {named} has a way round of at most so many metres by which a bus "
        f"could turn; expected {expected} for buses that turn where they stand",
    )


def cannot_turn(area: Area, options: FeederOptions) -> bool:
    """Say whether a station has stops but none of them lets a bus turn within `turn_m`; loops need not turn."""
    ends = last_legs(area)
    return not options.loops and bool(ends.any()) and not np.isfinite(area.turn_s[ends]).any()


def last_legs(area: Area) -> Bools:
    """Say for places a and b whether a route there and back may end at b coming from a; shape (places, places)."""
    n = len(area.stop_node) - 1
    to_station = np.append(area.drive_s[:n, n], 0.0)
    ends: Bools = np.isfinite(area.drive_s) & np.isfinite(area.drive_s.T) & (to_station[None, :] > to_station[:, None])
    return ends


def kept_turning(
    network: Network, streets: BusStreets, keep: Sequence[FeederRoute], options: FeederOptions
) -> str | None:
    """Return which kept routes end where no bus can turn within `turn_m`, and the least that lets all of them turn."""
    needs = {route.id: _way_round_m(network, streets, route, options) for route in keep if not route.loop}
    short = {name: metres for name, metres in needs.items() if metres > options.turn_m}
    if not short:
        return None
    most = max(short.values())
    expected = f"at least {ceil(most - 1e-6)}, or 0" if np.isfinite(most) else "0"
    return (
        f"saw {options.turn_m:g}, but no way round of at most so many metres lets buses of kept routes "
        f"{', '.join(short)} turn at their last stop; expected {expected} for buses that turn where they stand"
    )


def _way_round_m(network: Network, streets: BusStreets, route: FeederRoute, options: FeederOptions) -> float:
    """Return the metres of the way round at a route's last stop: 0 where none is needed, infinite where none is found.

    None longer than both `turn_m` and `max_length_m` is looked for. Buses come out by the quickest ways.
    """
    roads = network.compiled.roads
    row = {name: k for k, name in enumerate(roads.nodes)}
    calls = (route.path[-1], *route.stops[::-1])
    for name in calls:
        if name not in row:
            raise UnknownNameError("street node", name, roads.nodes)
    places = np.array([row[name] for name in calls], np.int32)
    legs = legs_between(streets, places, options.max_length_m)
    for most in (options.turn_m, max(options.turn_m, options.max_length_m)):
        metres = float(turning(streets, places, legs, most)[1][len(places) - 2, len(places) - 1])
        if np.isfinite(metres):
            break
    return metres
