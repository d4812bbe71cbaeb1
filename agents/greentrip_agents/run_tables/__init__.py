"""The tables an engineer checks a run by first, each with its map layer."""

from collections.abc import Callable

from greentrip_networks.errors import UnknownNameError
from greentrip_networks.network import Network

from greentrip_agents.parameters import Parameters
from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import Asked, Count, Made
from greentrip_agents.run_tables.counts import count_check
from greentrip_agents.run_tables.desire_lines import desire_lines
from greentrip_agents.run_tables.emissions import emission_table
from greentrip_agents.run_tables.hourly_profile import hourly_profile
from greentrip_agents.run_tables.screenlines import screenlines
from greentrip_agents.run_tables.sections import section_loads
from greentrip_agents.run_tables.select_link import select_link
from greentrip_agents.run_tables.trip_lengths import trip_lengths

__all__ = ["TABLES", "Asked", "Count", "Made", "make_table"]

TABLES: dict[str, Callable[[Run, Network, Parameters, Asked], Made]] = {
    "trip_lengths": lambda run, network, _parameters, asked: trip_lengths(run, network, asked),
    "desire_lines": lambda run, network, _parameters, asked: desire_lines(run, network, asked),
    "screenlines": screenlines,
    "select_link": lambda run, network, _parameters, asked: select_link(run, network, asked),
    "counts": lambda run, network, _parameters, asked: count_check(run, network, asked),
    "section_loads": section_loads,
    "hourly_profile": lambda run, network, _parameters, asked: hourly_profile(run, network, asked),
    "emissions": lambda run, network, parameters, _asked: emission_table(run, network, parameters),
}
HOURLY = ("screenlines", "section_loads", "hourly_profile")  # those that may be asked for by the hour


def make_table(name: str, run: Run, network: Network, parameters: Parameters, asked: Asked) -> Made:
    """Make a table of a run.

    Parameters
    ----------
    name
        One of TABLES.
    run, network, parameters
        The run, the network that it simulated, and with which parameters.
    asked
        What narrows it down.

    Raises
    ------
    UnknownNameError, LimitError, TableError, ScenarioError
        For what is asked for and is not there; each names its place.

    """
    if name not in TABLES:
        raise UnknownNameError("table", name, TABLES)
    return TABLES[name](run, network, parameters, asked.checked(hourly=name in HOURLY))
