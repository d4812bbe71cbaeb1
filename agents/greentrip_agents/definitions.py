"""What counts as a trip, its main mode and a green one, as data."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# The order of modes in every array of the simulation.
MODES = ("walk", "bicycle", "ebike", "bus", "metro", "pr", "car", "taxi")
WALK, BICYCLE, EBIKE, BUS, METRO, PR, CAR, TAXI = range(8)
NEST_OF_MODE = (0, 0, 0, 1, 1, 1, 2, 2)  # active, public transport, motor
NESTS = ("active", "public transport", "motor")
PURPOSES = ("work", "school", "errand", "leisure")
WORK, SCHOOL, ERRAND, LEISURE = range(4)
RESIDENT, GUEST, GATEWAY = range(3)  # who travels: residents, guests, travellers through a station or airport
BASES = ("one_end", "both_ends", "residents")


@dataclass(frozen=True)
class Definition:
    """How trips are counted."""

    minimum_m: float
    area: str
    base: str
    areas: tuple[str, ...]
    hierarchy: tuple[str, ...]
    mode_class: Mapping[str, str]
    green: Mapping[str, bool]

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as plain data, for a run's record."""
        return asdict(self)


@cache
def default_definition() -> Definition:
    """Read the definition that is shipped."""
    data = tomllib.loads(files("greentrip_agents").joinpath("definitions.toml").read_text(encoding="utf-8"))
    modes = data["mode"]
    return Definition(
        minimum_m=float(data["trip"]["minimum_m"]),
        area=data["areas"]["headline"],
        base=data["areas"]["headline_base"],
        areas=(data["areas"]["headline"], *data["areas"]["also"]),
        hierarchy=tuple(m["name"] for m in modes),
        mode_class={m["name"]: m["class"] for m in modes},
        green={m["name"]: bool(m["green"]) for m in modes},
    )
