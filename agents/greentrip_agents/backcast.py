"""A back-cast: what the model says of Beijing's fare reform of 28 December 2014, beside what was published of it.

Expected trips at the fares before and after, sums of choice probabilities over everybody's tours at the costs that a
settled model expects. Roads, crowds, destinations and trip rates hold still, so only the choice of mode reacts.
"""

import tomllib
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.network import PERIODS, Fares
from numpy.typing import NDArray

from greentrip_agents import choice
from greentrip_agents.costs import rail_fares, taste
from greentrip_agents.definitions import BUS, METRO, PR
from greentrip_agents.statistics.gains import worth

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Floats = NDArray[np.float64]
_FAR = 1e6  # km that a flat fare reaches


@dataclass(frozen=True)
class Cast:
    """A published change and the model's, percent; with the value of time of the model's year, and of incomes then."""

    name: str
    published: float
    model: float
    model_at_income_then: float
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@cache
def _facts() -> dict[str, Any]:
    """Read the shipped figures."""
    return tomllib.loads(
        files("greentrip_agents").joinpath("facts/beijing_fares_2014.toml").read_text(encoding="utf-8")
    )


def fares_before(fares: Fares) -> Fares:
    """Return Beijing's fares until 27 December 2014: flat on the metro and, by card, on buses."""
    before = _facts()["before"]
    return replace(
        fares, metro_bands=((_FAR, before["metro_cny"]),), metro_card_factor=1.0, bus_base_cny=before["bus_cny"],
        bus_base_km=_FAR, bus_card_factor=1.0,
    )  # fmt: skip


def fare_reform(model: "CommuterModel") -> list[Cast]:
    """Return the back-cast of a model that has lived its days, on any network of Beijing with the fares since 2014."""
    p = model.parameters
    then = _facts()["income"]["cny_year"] / p["value_of_time.income_mean_cny_year"]
    now, poorer = (_changes(model, factor) for factor in (1.0, then))
    return [
        Cast(row["name"], float(row["percent"]), now[row["what"]], poorer[row["what"]], row["source"])
        for row in _facts()["change"]
    ]


def _changes(model: "CommuterModel", value_of_time: float) -> dict[str, float]:
    """Return the change of expected trips by metro and bus, percent, by day and period."""
    old = model.network.with_(fares=fares_before(model.network.fares))
    km = model.rail_operator.periods[1].km
    who = model.travellers._replace(vot=model.travellers.vot * value_of_time)
    sides = [
        _trips(model, who, model.costs._replace(rail_fare=rail_fares(network, km)), taste(network, model.parameters))
        for network in (old, model.network)
    ]
    return {k: 100 * (sides[1][k] / max(sides[0][k], 1e-9) - 1) for k in sides[0]}


def _trips(
    model: "CommuterModel", who: choice.Travellers, costs: choice.Costs, likes: choice.Taste
) -> dict[str, float]:
    """Return expected trips by metro and bus, of the day and of each period wanted."""
    found: dict[str, float] = {}
    for name, modes in (("metro", (METRO, PR)), ("bus", (BUS,))):
        chosen = np.isin(np.arange(choice.N_MODES), modes)
        _, chance = worth(who, costs, likes, chosen)
        trips = model.weight * chance
        by = sum(np.bincount(at, trips, len(PERIODS)) for at in (who.out_period, who.back_period))
        found[name] = float(np.sum(by))
        found |= {f"{name}.{period}": float(np.asarray(by)[t]) for t, period in enumerate(PERIODS)}
    return found
