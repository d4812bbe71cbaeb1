"""OR-Tools' routing solver used plainly on the same stops: one assumed frequency makes the cost linear."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from greentrip_optimizer.everystop.check import check_plan
from greentrip_optimizer.everystop.instance import Instance

_SCALE = 10_000  # money and lengths are whole numbers for OR-Tools


def routed(instance: Instance, data: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return the best of three plans by guided local search, each at one nominal frequency, at their true cost.

    At frequency F a bus-km costs `operating` x F both ways and each stop's riders pay for the way along the route; both
    are linear in a routing model (riding as a soft bound of zero on the distance so far), so the surrogate is fair.
    """
    most = float(instance.cost[4])
    best: dict[str, Any] = {"cost": None, "routes": [], "seconds": seconds}
    for frequency in (most / 8, most / 4, most / 2):
        routes = _route(instance, frequency, seconds / 3)
        if routes is None:
            continue
        cost, wrong = check_plan(data, routes)
        if not wrong and (best["cost"] is None or cost < best["cost"]):
            best.update(cost=cost, routes=routes, frequency=frequency)
    return best


def _route(instance: Instance, frequency: float, seconds: float) -> list[dict[str, Any]] | None:
    """Route at one frequency; None if OR-Tools finds nothing in time."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    _, riding, operating, capacity, most, length = (float(v) for v in instance.cost)
    n, m = len(instance.demand), len(instance.onward_time)
    each = min(n, max(3, int(np.ceil(1.5 * n / m / 3))))
    end = n + m
    way = np.zeros((n + m + 1, n + m + 1))
    way[:n, :n] = instance.apart
    way[n : n + m, :n] = instance.to_station.T
    starts = [n + k // each for k in range(m * each)]
    manager = pywrapcp.RoutingIndexManager(n + m + 1, len(starts), starts, [end] * len(starts))
    model: Any = pywrapcp.RoutingModel(manager)
    away = model.RegisterTransitMatrix(np.round(way * _SCALE).astype(int).tolist())
    for k in range(m):
        cost = way * 2 * operating * frequency
        cost[:, :n] += riding * instance.onward_time[k] * instance.demand
        arc = model.RegisterTransitMatrix(np.round(cost * _SCALE).astype(int).tolist())
        for v in range(k * each, (k + 1) * each):
            model.SetArcCostEvaluatorOfVehicle(arc, v)
    model.AddDimension(away, 0, int(length * _SCALE), True, "length")
    so_far = model.GetDimensionOrDie("length")
    load = np.append(instance.demand, np.zeros(m + 1))
    loads = model.RegisterUnaryTransitVector(np.round(load * 100).astype(int).tolist())
    room = min(max(capacity * frequency, float(instance.demand.max())), capacity * most)
    model.AddDimension(loads, 0, int(room * 100 + 1e-6), True, "load")
    for s in range(n):
        index = manager.NodeToIndex(s)
        so_far.SetCumulVarSoftUpperBound(index, 0, max(1, round(riding / instance.speed * float(instance.demand[s]))))
    search: Any = pywrapcp.DefaultRoutingSearchParameters()
    search.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    search.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    search.time_limit.FromMilliseconds(max(200, int(seconds * 1000)))
    found = model.SolveWithParameters(search)
    if found is None:
        return None
    out = []
    for v, start in enumerate(starts):
        stops, at = [], found.Value(model.NextVar(model.Start(v)))
        while not model.IsEnd(at):
            stops.append(instance.stop_ids[manager.IndexToNode(at)])
            at = found.Value(model.NextVar(at))
        if stops:
            out.append({"station": instance.station_ids[start - n], "stops": stops})
    return out
