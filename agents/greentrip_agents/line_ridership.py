"""What each rail line carries: boardings a day and the fullest sections, with riders spread over like journeys.

The day's model sends a pair of stations by one journey at a time. For line totals that is too sharp where lines run
side by side, so a finished day's riders are assigned anew with perceived costs: each link's cost times a keyed normal
draw, averaged over draws (the probit assignment of Sheffi 1985, chapter 11).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from greentrip_networks.hashing import normal
from numpy.typing import NDArray

from greentrip_agents.rail_loading import RailPeriod

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Floats = NDArray[np.float64]
DRAWS = 24
SPREAD = 0.8  # minutes by which a minute is misjudged (standard deviation): 5 on a journey of 40; assumed
_KEY = 77


@dataclass(frozen=True, eq=False)
class Ridership:
    """Rail lines and sections of a day."""

    lines: pl.DataFrame  # line_id, name_en, name_zh, boardings_per_day, by falling boardings
    sections: pl.DataFrame  # one row a section, direction and period


def ridership(model: "CommuterModel", draws: int = DRAWS, spread: float = SPREAD) -> Ridership:
    """Return boardings by line (a change counts as another) and the load of every section in the peak hours.

    The peak hour's load is half of a two-hour peak's: the model has no finer time. The load factor is over the places
    offered.
    """
    network, rail = model.network, model.network.compiled.rail
    boarded = np.zeros(len(rail.line_ids))
    parts = []
    stations = {s: network.rail.nodes[s] for s in rail.stations}
    for name, period in zip(("am", "off", "pm"), model.rail_operator.periods, strict=True):
        flow = spread_flows(period, draws, spread)
        on = period.board >= 0
        boarded += np.bincount(rail.platform_line[period.board[on]], weights=flow[on], minlength=len(rail.line_ids))
        if name == "off":
            continue
        load = np.zeros(len(rail.ride_from))
        rides = period.ride >= 0
        load[period.ride[rides]] = flow[rides]
        a = [stations[rail.stations[s]] for s in rail.platform_station[rail.ride_from]]
        b = [stations[rail.stations[s]] for s in rail.platform_station[rail.ride_to]]
        parts.append(
            pl.DataFrame({
                "period": np.full(len(load), name),
                "line_id": [rail.line_ids[i] for i in rail.ride_line],
                "from_en": [s["name_en"] for s in a],
                "to_en": [s["name_en"] for s in b],
                "from_zh": [s["name_zh"] for s in a],
                "to_zh": [s["name_zh"] for s in b],
                "persons_per_hour": load / period.hours,
                "load_factor": load / period.places,
            })
        )  # fmt: skip
    named = [network.line(i) for i in rail.line_ids]
    lines = pl.DataFrame({
        "line_id": list(rail.line_ids),
        "name_en": [line.name_en for line in named],
        "name_zh": [line.name_zh for line in named],
        "boardings_per_day": np.rint(boarded).astype(np.int64),
    })  # fmt: skip
    sections = pl.concat(parts) if parts else pl.DataFrame()
    return Ridership(lines.sort("boardings_per_day", descending=True), sections.sort("load_factor", descending=True))


def spread_flows(period: RailPeriod, draws: int, spread: float) -> Floats:
    """Return persons by link of a period's graph when its riders perceive costs with an error, mean over draws."""
    link = np.arange(len(period.link_cost))
    total = np.zeros(len(link))
    for k in range(draws):
        # the error's variance grows with the length of the link, so that cutting a link in two changes nothing
        error = spread * np.sqrt(np.maximum(period.link_cost, 0.0)) * normal(_KEY, k, link, link)
        felt = np.maximum(period.link_cost + error, 0.1 * period.link_cost)
        total += period.flow_at(felt)
    return total / draws
