"""Compare scenarios from what is stored: figures from the database, and on request everything the trips can tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from greentrip_agents import compare as compare_runs
from greentrip_agents.statistics import (
    SHARES_BY,
    access_changes,
    compare_scenarios,
    emission_changes,
    flows,
    gains,
    load_changes,
    share_changes,
    winners_and_losers,
)
from greentrip_networks.errors import GreentripError, ScenarioError
from greentrip_networks.network import Network

from greentrip_server.cities import Cities
from greentrip_server.directory import DataDirectory
from greentrip_server.experiments.sides import Side, Sides
from greentrip_server.run_tables import setting_of

LOADS = ("lines", "stations", "links")


def compare_sides(
    found: Sides, *, indicators: Sequence[str], level: float, detail: bool, cities: Cities, directory: DataDirectory
) -> dict[str, Any]:
    """Return `statistics.compare_scenarios` of the sides, with the key `detail` by scenario where asked for."""
    summary = compare_scenarios(
        {name: side.figures() for name, side in found.sides.items()},
        baseline=found.baseline,
        indicators=indicators or found.indicators,
        level=level,
        costs={name: side.cost for name, side in found.sides.items()},
    )
    summary["missing"] = list(
        dict.fromkeys([*(m for side in found.sides.values() for m in side.missing), *summary["missing"]])
    )
    base = found.sides[found.baseline]
    summary["seeds"] = sorted(set.intersection(*(set(s.rows) for s in found.sides.values())))
    if detail:
        network = network_of(base, cities)
        summary["detail"] = {
            name: detail_of(base, side, network, cities, directory, level)
            for name, side in found.sides.items()
            if name != found.baseline and base.rows.keys() & side.rows.keys()
        }
    return summary


def network_of(side: Side, cities: Cities) -> Network:
    """Return the network that a side's runs simulated."""
    asked = next(iter(side.rows.values())).input
    return cities.build(asked["network"], asked["placement"], asked["interventions"])


def detail_of(
    base: Side, other: Side, network: Network, cities: Cities, directory: DataDirectory, level: float
) -> dict[str, Any]:
    """Return what the trips, links and lines of two sides' common seeds tell."""
    seeds = sorted(base.rows.keys() & other.rows.keys())
    pair = [Side(s.name, {seed: s.rows[seed] for seed in seeds}).runs(directory) for s in (base, other)]
    told: dict[str, Any] = {
        "shares": {by: share_changes(pair[0], pair[1], network, by, level).to_dicts() for by in SHARES_BY},
        "flows": flows(pair[0], pair[1]).to_dicts(),
        "people": winners_and_losers(pair[0], pair[1], network).to_dicts(),
        **{what: load_changes(pair[0], pair[1], what, level).to_dicts() for what in LOADS},
    }
    told["stations"] = _named(told["stations"], [network, network_of(other, cities)])
    told |= _who_and_what(base, other, pair, cities, level)
    try:
        told["headline"] = compare_runs(list(pair[0].values()), list(pair[1].values()), network).summary["headline"]
    except GreentripError as error:  # a verdict that cannot be given is said, the figures stay
        told["headline"] = {"verdict": "none", "note": str(error)}
    return told


def _named(rows: Sequence[Mapping[str, Any]], networks: Sequence[Network]) -> list[dict[str, Any]]:
    """Return stations' rows with their names in English and Chinese; a station that no network has keeps its id."""
    nodes = {str(n): at for network in networks for n, at in network.rail.nodes(data=True)}
    return [
        {
            **row,
            "name_en": nodes.get(row["station"], {}).get("name_en") or row["station"],
            "name_zh": nodes.get(row["station"], {}).get("name_zh", ""),
        }
        for row in rows
    ]


def _who_and_what(base: Side, other: Side, pair: Sequence[Any], cities: Cities, level: float) -> dict[str, Any]:
    """Return who gains, how equal access is and what is burnt; empty, with why, for runs that kept too little."""
    before, after = (setting_of(next(iter(side.rows.values())), cities) for side in (base, other))
    try:
        return {
            "gains": gains(pair[0], pair[1], before, after, level).to_dicts(),
            "access": access_changes(pair[0], pair[1], before, after).to_dicts(),
            "emissions": emission_changes(pair[0], pair[1], before, after, level).to_dicts(),
            "not_told": "",
        }
    except ScenarioError as error:
        return {"gains": [], "access": [], "emissions": [], "not_told": str(error)}
