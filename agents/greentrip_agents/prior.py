"""What travellers expect on the first day: the calibrated city's traffic and crowds, where they are shipped.

Any first expectation leads to the same equilibrium; a good one only saves days. It belongs to the city, so that two
scenarios of one city always start alike; a part that does not fit the network (other streets, lines or stations) is
left out, and that part starts empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.content import hash_of
from greentrip_networks.network import Network
from numpy.typing import NDArray

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Floats = NDArray[np.float64]
Columns = dict[str, Floats]
_DELAY_STEPS = 1000.0  # a link's delay is stored in thousandths of its free time


@dataclass(frozen=True)
class Expectation:
    """The state of streets, buses and rail to start from; each holds one entry a period, or none.

    Streets: seconds loaded over seconds free, by link that cars may use. Buses and rail: the columns that
    `BusPeriod.expectation` and `RailPeriod.expectation` return.
    """

    streets: Sequence[Floats] = field(default_factory=tuple)
    buses: Sequence[Columns] = field(default_factory=tuple)
    rail: Sequence[Columns] = field(default_factory=tuple)


def first_expectation(network: Network) -> Expectation:
    """Return what the city's calibration left for a network; empty where nothing fits."""
    city = network.name.split("-", 1)[0]
    source = files("greentrip_agents").joinpath("calibrations", f"{city}.npz")
    if not source.is_file():
        return Expectation()
    with as_file(source) as path, np.load(path, allow_pickle=False) as data:
        found = {name: data[name] for name in data.files}
    keys = _keys(network)
    parts: dict[str, list[Columns]] = {}
    for part, key in keys.items():
        fits = str(found[f"{part}.key"]) == key
        count = int(found["periods"]) if fits else 0
        parts[part] = [
            {
                name.split(".")[2]: value.astype(np.float64)
                for name, value in found.items()
                if name.startswith(f"{part}.{t}.")
            }
            for t in range(count)
        ]
    return Expectation([1 + p["delay"] / _DELAY_STEPS for p in parts["streets"]], parts["buses"], parts["rail"])


def write_expectation(path: Path | str, model: "CommuterModel") -> None:
    """Write what a converged model expects, for `first_expectation` to read; persons are rounded."""
    roads = model.road_authority.periods
    out: dict[str, NDArray[Any]] = {"periods": np.array(len(roads))}
    out |= {f"{part}.key": np.array(key) for part, key in _keys(model.network).items()}
    for t, street in enumerate(roads):
        delay = np.rint((street.on_links(street.seconds) / street.on_links(street.free) - 1) * _DELAY_STEPS)
        out[f"streets.{t}.delay"] = np.minimum(delay, 65535).astype(np.uint16)
    riders = {
        "buses": [b.expectation() for b in model.bus_operator.periods],
        "rail": [r.expectation() for r in model.rail_operator.periods],
    }
    for part, periods in riders.items():
        for t, columns in enumerate(periods):
            out |= {f"{part}.{t}.{name}": np.rint(value).astype(np.uint32) for name, value in columns.items()}
    np.savez_compressed(path, **out)  # type: ignore[arg-type]


def _keys(network: Network) -> dict[str, str]:
    """Return a hash of what each part's arrays depend on."""
    roads, buses, rail = network.compiled.roads, network.compiled.buses, network.compiled.rail
    return {
        "streets": hash_of(roads.tail, roads.head, roads.length_m, roads.auto),
        "buses": hash_of(buses.call_stop, buses.pattern_first, buses.x_m, network.zones.id),
        "rail": hash_of(rail.stations, rail.ride_from, rail.ride_to, rail.transfer_from, rail.transfer_to),
    }
