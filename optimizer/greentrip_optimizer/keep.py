"""Routes that an engineer fixed by hand: they run as they are, and new ones are designed beside them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.compiled import Int32s
from greentrip_networks.errors import UnknownNameError
from greentrip_networks.network import FeederRoute, Network

from greentrip_optimizer.options import FeederOptions


def demand_beside(
    demands: Sequence[CatchmentDemand], network: Network, keep: Sequence[FeederRoute], options: FeederOptions
) -> list[CatchmentDemand]:
    """Return what is still to gain where kept routes run: access costs what the best of them offers, mean of the peaks.

    A cell's benefit then counts from that cost. Raises UnknownNameError for a kept route's stop that is no street node.
    """
    roads, cells = network.compiled.roads, network.cells
    node = {name: i for i, name in enumerate(roads.nodes)}
    fare = network.fares.feeder_cny / (options.value_cny_h / 60)
    per_m = options.street_detour / options.walk_m_s / 60 * options.walk_weight
    out = []
    for demand in demands:
        base = demand.base_min.copy()
        for route in keep:
            if route.station != demand.station:
                continue
            am, _, pm = route.headways_s
            fixed = options.wait_weight * ((am + pm) / 2) / 120 + fare + options.transfer_min
            for stop, ride_s in zip(route.stops, route.mean_ride_s, strict=True):
                if stop not in node:
                    raise UnknownNameError("street node", stop, roads.nodes)
                k = node[stop]
                walk_m = np.hypot(cells.x_m[demand.cells] - roads.x_m[k], cells.y_m[demand.cells] - roads.y_m[k])
                felt = walk_m * per_m + fixed + ride_s / 60
                base = np.where(walk_m <= options.stop_walk_m, np.minimum(base, felt), base)
        had = np.array([np.interp(b, demand.levels_min, row) for b, row in zip(base, demand.benefit_min, strict=True)])
        had = np.where(base < demand.base_min, had, 0.0)
        out.append(replace(demand, base_min=base, benefit_min=np.maximum(demand.benefit_min - had[:, None], 0.0)))
    return out


def options_beside(keep: Sequence[FeederRoute], options: FeederOptions) -> FeederOptions:
    """Return the buses and money that kept routes leave, none where they take more at a price; see `check_kept`."""
    budget = options.budget_cny_day
    if budget is not None:
        budget = max(budget - sum(r.cost_cny_day for r in keep), 0.0)
    return replace(options, vehicles=max(options.vehicles - sum(r.vehicles for r in keep), 0), budget_cny_day=budget)


def bays_beside(keep: Sequence[FeederRoute], stations: Sequence[str], options: FeederOptions) -> Int32s:
    """Return how many new routes each station takes: its bays less one for every route kept there."""
    kept = Counter(r.station for r in keep)
    return np.array([max(options.max_routes_station - kept[s], 0) for s in stations], np.int32)
