"""What the city is: zones, streets, rail lines and buses as NetworkX graphs, and as arrays for kernels.

>>> from greentrip_networks import tiny
>>> city = tiny()
>>> len(city.zones)
20
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greentrip_networks.errors import GreentripError as GreentripError
    from greentrip_networks.errors import LimitError as LimitError
    from greentrip_networks.errors import PiecesError as PiecesError
    from greentrip_networks.errors import ScenarioError as ScenarioError
    from greentrip_networks.errors import TableError as TableError
    from greentrip_networks.errors import UnknownNameError as UnknownNameError
    from greentrip_networks.formats import read_layers as read_layers
    from greentrip_networks.formats import write_layers as write_layers
    from greentrip_networks.from_layers import network_of as network_of
    from greentrip_networks.layer_checks import validate_layers as validate_layers
    from greentrip_networks.layers import Layers as Layers
    from greentrip_networks.layers_of import layers_of as layers_of
    from greentrip_networks.names import NAMES as NAMES
    from greentrip_networks.network import PERIOD_HOURS as PERIOD_HOURS
    from greentrip_networks.network import PERIODS as PERIODS
    from greentrip_networks.network import FeederRoute as FeederRoute
    from greentrip_networks.network import Network as Network
    from greentrip_networks.problems import BadInputError as BadInputError
    from greentrip_networks.read import beijing as beijing
    from greentrip_networks.read import load as load
    from greentrip_networks.read import rail_of_year as rail_of_year
    from greentrip_networks.read import read_tables as read_tables
    from greentrip_networks.read import tiny as tiny
    from greentrip_networks.repair import repair as repair
    from greentrip_networks.scenario import INTERVENTIONS as INTERVENTIONS
    from greentrip_networks.scenario import AddFeeders as AddFeeders
    from greentrip_networks.scenario import MoveResidents as MoveResidents
    from greentrip_networks.scenario import RailOfYear as RailOfYear
    from greentrip_networks.scenario import RunBusLine as RunBusLine
    from greentrip_networks.scenario import Scenario as Scenario
    from greentrip_networks.scenario import SetBackground as SetBackground
    from greentrip_networks.scenario import SetFare as SetFare
    from greentrip_networks.scenario import SetHeadway as SetHeadway
    from greentrip_networks.scenario import SetParkingPrice as SetParkingPrice
    from greentrip_networks.scenario import SwitchOff as SwitchOff
    from greentrip_networks.scenario import WithdrawLines as WithdrawLines
    from greentrip_networks.scenario import intervention_from_dict as intervention_from_dict
    from greentrip_networks.scenario import intervention_to_dict as intervention_to_dict
    from greentrip_networks.summaries import summary as summary
    from greentrip_networks.validation import Problem as Problem
    from greentrip_networks.validation import validate as validate

_HOME = {
    "read_layers": "formats",
    "write_layers": "formats",
    "network_of": "from_layers",
    "validate_layers": "layer_checks",
    "Layers": "layers",
    "layers_of": "layers_of",
    "BadInputError": "problems",
    "repair": "repair",
    "GreentripError": "errors",
    "LimitError": "errors",
    "PiecesError": "errors",
    "ScenarioError": "errors",
    "TableError": "errors",
    "UnknownNameError": "errors",
    "PERIODS": "network",
    "PERIOD_HOURS": "network",
    "FeederRoute": "network",
    "Network": "network",
    "NAMES": "names",
    "beijing": "read",
    "load": "read",
    "rail_of_year": "read",
    "read_tables": "read",
    "tiny": "read",
    "INTERVENTIONS": "scenario",
    "AddFeeders": "scenario",
    "MoveResidents": "scenario",
    "RunBusLine": "scenario",
    "WithdrawLines": "scenario",
    "RailOfYear": "scenario",
    "Scenario": "scenario",
    "SetBackground": "scenario",
    "SetFare": "scenario",
    "SetHeadway": "scenario",
    "SetParkingPrice": "scenario",
    "SwitchOff": "scenario",
    "intervention_from_dict": "scenario",
    "intervention_to_dict": "scenario",
    "summary": "summaries",
    "Problem": "validation",
    "validate": "validation",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that importing the package costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(_HOME)
