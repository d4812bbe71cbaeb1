"""OR-Tools, loaded when a design starts and missed with a clear word."""

from typing import Any

from greentrip_networks.errors import GreentripError


class SolverMissingError(GreentripError):
    """OR-Tools is needed and cannot be imported."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"feeder design needs OR-Tools, which cannot be imported ({reason}); "
            "install it with: pip install 'greentrip[engine]'"
        )


def load() -> tuple[Any, Any]:
    """Return OR-Tools' CP-SAT and linear solver modules, or raise SolverMissingError."""
    try:
        from ortools.linear_solver import pywraplp
        from ortools.sat.python import cp_model
    except ImportError as error:
        raise SolverMissingError(str(error)) from error
    return cp_model, pywraplp
