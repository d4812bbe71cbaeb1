"""What the policies of the base year do in the model, and what is left of them where a scenario switches one off."""

import math
from dataclasses import replace

from greentrip_networks.demand import BACKGROUND
from greentrip_networks.network import Network

from greentrip_agents.parameters import BASE, Parameters


def in_force(network: Network, parameters: Parameters) -> Parameters:
    """Return the parameters as they are with a network's policies: those of `[without]` where one is switched off.

    A base with all its policies gets back what it gave. A replaced value stays as "base.NAME".
    """
    changes: dict[str, float] = {}
    held: dict[str, float] = {}
    sources = dict(parameters.sources)
    for policy in network.demand.switched_off:
        start = f"without.{policy}."
        for name, value in parameters.values.items():
            if name.startswith(start):
                changes[name.removeprefix(start)] = value
                held[BASE + name.removeprefix(start)] = parameters[name.removeprefix(start)]
                sources[name.removeprefix(start)] = parameters.sources.get(name, "")
    if not changes:
        return parameters
    changed = parameters.with_(changes)
    return replace(changed, values={**held, **changed.values}, sources=sources)


def background(network: Network, parameters: Parameters, period: str) -> float:
    """Return the share of street capacity that traffic beside the residents' uses in a period, all classes together."""
    shares = [parameters[f"background.{c}.{period}"] * network.demand.background_factor(c) for c in BACKGROUND]
    return parameters["roads.background"] * math.fsum(shares)
