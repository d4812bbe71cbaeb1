"""At which hours trips start within their periods, told after a run: nothing of it moves a traveller.

A run knows periods. How starts spread over a period's hours is a published fact of a city, and a tour goes home no
earlier than it goes out. Of all ways to spread tours that keep both, `start_hours` finds the one of greatest entropy,
by iterative scaling (Darroch and Ratcliff 1972, Annals of Mathematical Statistics 43). Hours are shares of trips, not
drawn for each person: a published profile is of starts as they were, after everybody shifted, and a sample's luck would
stand in every section.
"""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from greentrip_networks.errors import TableError
from greentrip_networks.network import PERIOD_WINDOWS, PERIODS
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAY = 24
PERIOD_AT = dict(sorted(
    (f"{hour:02d}", name)
    for name, windows in zip(PERIODS, PERIOD_WINDOWS, strict=True)
    for start, end in windows for hour in range(start, end)
))  # fmt: skip
FIRST, LAST = min(PERIOD_AT), max(PERIOD_AT)
IN_PERIOD: Bools = np.array([[PERIOD_AT.get(f"{h:02d}") == name for h in range(DAY)] for name in PERIODS])
_ROUNDS = 2000  # far more than scaling needs where the profile can be met
_NEAR = 1e-9  # of all starts: how near each hour must come to the profile
_LEAST = 1e-12  # no hour is shut altogether, so that every tour finds hours


@dataclass(frozen=True, eq=False)
class Profile:
    """How a mode's trips start over the day."""

    share: Floats  # (24,) of the period's starts; sums to 1 over the hours of each period, 0 outside the service day
    percent: Floats  # (24,) of the day's starts as published; nan where nothing is
    source: str


@lru_cache(maxsize=64)
def profile_of(network: str, mode: str) -> Profile:
    """Return the profile of a mode (rail, bus, car, walk, bicycle or ebike) in a network's city; even if none is known.

    The facts of a city are the file facts/CITY_hours.toml.
    """
    city = network.split("-", 1)[0]
    file = files("greentrip_agents").joinpath("facts", f"{city}_hours.toml")
    known = tomllib.loads(file.read_text(encoding="utf-8"))["profile"] if file.is_file() else []
    percent, source = np.full(DAY, np.nan), f"even within each period: no hourly profile of {city} by {mode} is known"
    for row in known:
        if mode in row["modes"]:
            percent[[int(hour) for hour in row["percent"]]] = list(row["percent"].values())
            source = row["source"]
            if np.isnan(percent[IN_PERIOD.any(axis=0)]).any() or not (np.nan_to_num(percent) @ IN_PERIOD.T > 0).all():
                raise TableError(file.name, f"a share for every hour from {FIRST} to {LAST}, some in each period")
    weight = np.where(np.isnan(percent), 1.0, percent) * IN_PERIOD
    return Profile((weight / weight.sum(axis=1, keepdims=True)).sum(axis=0), percent, source)


def start_hours(tours: Floats, share: Floats) -> Floats:
    """Return at which hours the ways of tours start.

    Parameters
    ----------
    tours
        Shape (periods, periods): tours by the periods of their ways out and home.
    share
        Shape (24,): how the starts of each period spread over its hours, as in Profile.

    Returns
    -------
    Shape (periods, periods, 2, 24): the share of ways out (0) and home (1) that start at each hour, 1 in sum. Together
    they start as `share` says, as far as going home after going out allows.
    """
    ordered = np.triu(np.ones((DAY, DAY)), 1) + 0.5 * np.eye(DAY)  # within an hour half come after the other half
    free = IN_PERIOD[:, None, :, None] & IN_PERIOD[None, :, None, :]
    allowed = free * ordered
    overnight = allowed.sum(axis=(2, 3), keepdims=True) == 0  # home in a period that is over: on another day
    allowed = np.where(overnight, free, allowed)
    target = (tours.sum(axis=0) + tours.sum(axis=1)) @ (IN_PERIOD * share)
    factor = np.maximum(share, _LEAST)
    ways = np.empty((len(PERIODS), len(PERIODS), 2, DAY))
    for _ in range(_ROUNDS):
        both = allowed * factor[:, None] * factor
        both /= both.sum(axis=(2, 3), keepdims=True)
        ways[:, :, 0], ways[:, :, 1] = both.sum(axis=3), both.sum(axis=2)
        starts = np.einsum("pq,pqdh->h", tours, ways)
        if np.abs(starts - target).max() <= _NEAR * target.sum():
            break
        ratio = np.divide(target, starts, out=np.ones(DAY), where=starts > 0)
        factor = np.maximum(factor * np.sqrt(ratio), _LEAST)  # a tour has two starts, so the root of the ratio
    return ways
