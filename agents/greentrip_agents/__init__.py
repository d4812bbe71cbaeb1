"""Who travels and who operates: a Mesa model of a city's weekday.

>>> from greentrip_agents import simulate
>>> from greentrip_networks import tiny
>>> run = simulate(tiny(), sample=0.02, seed=1, max_days=3)
>>> run.indicators["days"]
3
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greentrip_agents.calibration import calibrate as calibrate
    from greentrip_agents.catchment import CatchmentDemand as CatchmentDemand
    from greentrip_agents.catchment import catchment_demand as catchment_demand
    from greentrip_agents.commuter import Commuter as Commuter
    from greentrip_agents.commuter import Offer as Offer
    from greentrip_agents.comparison import Comparison as Comparison
    from greentrip_agents.comparison import compare as compare
    from greentrip_agents.definitions import MODES as MODES
    from greentrip_agents.definitions import Definition as Definition
    from greentrip_agents.model import CommuterModel as CommuterModel
    from greentrip_agents.parameters import Parameters as Parameters
    from greentrip_agents.parameters import default_parameters as default_parameters
    from greentrip_agents.run import Run as Run
    from greentrip_agents.run import simulate as simulate

_HOMES = {
    "CatchmentDemand": "catchment",
    "Commuter": "commuter",
    "CommuterModel": "model",
    "Comparison": "comparison",
    "Definition": "definitions",
    "MODES": "definitions",
    "Offer": "commuter",
    "Parameters": "parameters",
    "Run": "run",
    "calibrate": "calibration",
    "catchment_demand": "catchment",
    "compare": "comparison",
    "default_parameters": "parameters",
    "simulate": "run",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(f"greentrip_agents.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'greentrip_agents' has no attribute {name!r}")
