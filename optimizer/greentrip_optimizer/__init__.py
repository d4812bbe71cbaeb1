"""What to change: feeder routes designed with OR-Tools."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greentrip_optimizer.feeders import design, design_feeders
    from greentrip_optimizer.options import BusType, FeederOptions
    from greentrip_optimizer.plan import Plan
    from greentrip_optimizer.solver import SolverMissingError

__all__ = ["BusType", "FeederOptions", "Plan", "SolverMissingError", "design", "design_feeders"]

_HOMES = {
    "BusType": "options",
    "FeederOptions": "options",
    "Plan": "plan",
    "SolverMissingError": "solver",
    "design": "feeders",
    "design_feeders": "feeders",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
