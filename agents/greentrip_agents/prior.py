"""What travellers expect on the first day: the calibrated city's driving times, where they are shipped.

Any first expectation leads to the same equilibrium; a good one only saves days. It belongs to the city, so that two
scenarios of one city always start alike.
"""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from greentrip_networks.network import Network
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_PER_MINUTE = 100.0  # stored in hundredths of a minute, 16 bits


def first_expectation(network: Network) -> Floats | None:
    """Return expected car minutes between zones, shape (periods, zones, zones); None where none fits the network."""
    city = network.name.split("-", 1)[0]
    source = files("greentrip_agents").joinpath("calibrations", f"{city}.npz")
    if not source.is_file():
        return None
    with as_file(source) as path, np.load(path, allow_pickle=False) as data:
        zones = tuple(str(z) for z in data["zone"])
        if zones != network.zones.id:
            return None
        minutes: Floats = data["car_hundredths"].astype(np.float64) / _PER_MINUTE
    return minutes


def write_expectation(path: Path | str, network: Network, car_min: Floats) -> None:
    """Write expected car minutes (periods, zones, zones) for `first_expectation` to read."""
    hundredths = np.minimum(np.rint(car_min * _PER_MINUTE), 65535).astype(np.uint16)
    np.savez_compressed(path, zone=np.array(network.zones.id), car_hundredths=hundredths)
