"""Whether a set of routes keeps the rules, told by plain sets and a walk, apart from everything the search uses."""

from collections.abc import Sequence
from itertools import pairwise

from greentrip_optimizer.route_design.instance import Instance


def faults(instance: Instance, routes: Sequence[Sequence[int]]) -> list[str]:
    """Return what is wrong with the routes, a sentence each; an empty list means that they keep the rules."""
    rules, n = instance.rules, instance.nodes
    out = []
    if len(routes) != rules.routes:
        out.append(f"{len(routes)} routes, expected {rules.routes}")
    beside: dict[int, set[int]] = {}
    for number, route in enumerate(routes):
        if not rules.min_nodes <= len(route) <= rules.max_nodes:
            out.append(f"route {number} has {len(route)} nodes, expected {rules.min_nodes} to {rules.max_nodes}")
        if len(set(route)) != len(route):
            out.append(f"route {number} meets a node twice")
        out.extend(f"route {number} has node {v}, expected 0 to {n - 1}" for v in route if not 0 <= v < n)
        for a, b in pairwise(route):
            if 0 <= a < n and 0 <= b < n and not (a != b and instance.time_min[a, b] < float("inf")):
                out.append(f"route {number} goes from {a} to {b}, where no link runs")
            beside.setdefault(a, set()).add(b)
            beside.setdefault(b, set()).add(a)
    missing = sorted(set(range(n)) - set(beside))
    if missing:
        out.append(f"no route serves node {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else ""))
    if beside:
        seen, stack = set(), [min(beside)]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(beside[node] - seen)
        if len(seen) < len(beside):
            out.append(f"the routes fall apart: {len(seen)} of {len(beside)} served nodes hang together")
    return out
