"""How sure a difference between scenarios is: one set of functions for one run, many seeds and many scenarios.

Every table has the same columns; many seeds add the level `seed`, many scenarios the level `scenario`.
"""

from greentrip_agents.statistics.access import access_changes
from greentrip_agents.statistics.breakdown import SHARES_BY, lines, links, shares, stations
from greentrip_agents.statistics.changes import changes, load_changes, ratio_of_variances, share_changes
from greentrip_agents.statistics.figures import direction, figure_table, figures, select
from greentrip_agents.statistics.flows import flows, winners_and_losers
from greentrip_agents.statistics.footprint import emission_changes
from greentrip_agents.statistics.gains import Setting, gains
from greentrip_agents.statistics.intervals import (
    Difference,
    difference,
    holm,
    mean_interval,
    power,
    probability_above,
    seeds_needed,
    seeds_needed_each,
)
from greentrip_agents.statistics.order import Comparable, comparable
from greentrip_agents.statistics.ranking import Ranking, beats, pareto, ranking
from greentrip_agents.statistics.scenarios import compare_scenarios

__all__ = [
    "SHARES_BY",
    "Comparable",
    "Difference",
    "Ranking",
    "Setting",
    "access_changes",
    "beats",
    "changes",
    "comparable",
    "compare_scenarios",
    "difference",
    "direction",
    "emission_changes",
    "figure_table",
    "figures",
    "flows",
    "gains",
    "holm",
    "lines",
    "links",
    "load_changes",
    "mean_interval",
    "pareto",
    "power",
    "probability_above",
    "ranking",
    "ratio_of_variances",
    "seeds_needed",
    "seeds_needed_each",
    "select",
    "share_changes",
    "shares",
    "stations",
    "winners_and_losers",
]
