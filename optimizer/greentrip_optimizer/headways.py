"""Headway classes: how often a feeder may run in the morning peak, between the peaks and in the evening peak."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIODS, written

Minutes = tuple[float, float, float]  # between buses, by PERIODS

MOST_OFF_MIN = 120.0
_LEAST, _MOST_PEAK = 2.0, 60.0  # minutes
_MOST_CLASSES = 60


class Service(NamedTuple):
    """What classes offer and who rides when, for the kernels: the peaks first, as one where every class has them alike.

    The busiest hour and direction of the periods in `load_share` decides whether a bus is large enough. Between the
    peaks it counts only where it could be the fullest: riders never rise with the wait (`CatchmentDemand.riders`).
    """

    headway_s: Floats  # (classes, periods)
    buses_h: Floats  # (classes,) in the busiest period
    share: Floats  # (periods,) of a day's riders
    hours: Floats  # (periods,)
    load_share: Floats  # (periods that may fill a bus,) of a day's riders, in the busiest hour and direction


def offered(headways_min: Sequence[float], factors: Sequence[float], classes: Sequence[Minutes]) -> tuple[Minutes, ...]:
    """Return the classes written out or, without any, every peak headway times every off-peak factor."""
    if classes:
        return tuple((float(am), float(off), float(pm)) for am, off, pm in classes)
    return tuple((h, h * f, h) for h in headways_min for f in factors)


def check_headways(
    headways_min: Sequence[float], factors: Sequence[float], classes: Sequence[Minutes], peak_hours: float
) -> None:
    """Raise ScenarioError naming the headway, factor or class that no timetable can have.

    A headway in a peak is 2 to 60 minutes and no longer than one peak, half of `peak_hours`; off-peak 2 to 120.
    """
    if classes:
        _check_classes(classes, peak_hours)
        return
    for name, values, what in (
        ("headways_min", headways_min, "headway is given; expected at least one, 2 to 60 minutes"),
        ("off_peak_factors", factors, "factor is given; expected at least one, such as 2"),
    ):
        if not values:
            raise ScenarioError(name, f"no {what}")
    for i, headway in enumerate(headways_min):
        _check_peak(f"headways_min[{i}]", headway, peak_hours)
        for j, factor in enumerate(factors):
            if not _LEAST <= headway * factor <= MOST_OFF_MIN:
                raise ScenarioError(
                    f"headways_min[{i}]",
                    f"{headway:g} minutes times off_peak_factors[{j}] ({factor:g}) becomes {headway * factor:g} "
                    f"off-peak; expected {_LEAST:g} to {MOST_OFF_MIN:g}",
                )
    if list(headways_min) != sorted(set(headways_min)):
        raise ScenarioError("headways_min", f"saw {tuple(headways_min)}; expected ascending headways, each once")
    if list(factors) != sorted(set(factors)):
        raise ScenarioError("off_peak_factors", f"saw {tuple(factors)}; expected ascending factors, each once")
    if len(headways_min) * len(factors) > _MOST_CLASSES:
        raise ScenarioError(
            "off_peak_factors",
            f"saw {len(headways_min)} headways times {len(factors)} factors; expected at most {_MOST_CLASSES} classes",
        )


def _check_classes(classes: Sequence[Minutes], peak_hours: float) -> None:
    """Raise ScenarioError for a class that makes no sense, or for classes out of order."""
    for i, minutes in enumerate(classes):
        if len(minutes) != len(PERIODS):
            raise ScenarioError(f"headway_classes[{i}]", f"saw {minutes}; expected minutes of {', '.join(PERIODS)}")
        for j, (period, headway) in enumerate(zip(PERIODS, minutes, strict=True)):
            place = f"headway_classes[{i}][{j}]"
            if period != "off":
                _check_peak(place, headway, peak_hours)
            elif not _LEAST <= headway <= MOST_OFF_MIN:
                raise ScenarioError(place, f"saw {headway:g}; expected {_LEAST:g} to {MOST_OFF_MIN:g} minutes off-peak")
    given = [tuple(minutes) for minutes in classes]
    if given != sorted(set(given)):
        told = ", ".join(map(written, given))
        raise ScenarioError("headway_classes", f"saw {told}; expected ascending classes, each once")
    if len(classes) > _MOST_CLASSES:
        raise ScenarioError("headway_classes", f"saw {len(classes)}; expected at most {_MOST_CLASSES} classes")


def _check_peak(place: str, headway: float, peak_hours: float) -> None:
    """Raise ScenarioError for a headway that no peak can have."""
    if not _LEAST <= headway <= _MOST_PEAK:
        raise ScenarioError(place, f"saw {headway:g}; expected {_LEAST:g} to {_MOST_PEAK:g} minutes")
    if headway * 60 > peak_hours * 3600 / 2:
        raise ScenarioError(
            place,
            f"saw {headway:g}; expected at most the {peak_hours * 30:g} minutes of a peak, half of "
            f"peak_hours ({peak_hours:g}), else no bus may run in it",
        )


def service(
    classes: Sequence[Minutes], peak_share: float, peak_hours: float, off_peak_hours: float, direction_share: float
) -> Service:
    """Return what the kernels need of some classes.

    Parameters
    ----------
    classes
        Minutes between buses by PERIODS.
    peak_share
        Of a day's riders, in the peaks: half of them in either, since who rides to the station in the morning rides
        back in the evening.
    peak_hours, off_peak_hours
        Of service a day; the two peaks are equally long.
    direction_share
        Of a day's riders, both ways, in a peak's busiest hour and direction. Between the peaks an hour's share is
        smaller as its mean is (assumed), and never larger.

    """
    am, off, pm = np.array(classes, np.float64).T
    peaks = [am] if (am == pm).all() else [am, pm]
    headway_s = np.column_stack([*peaks, off]) * 60
    n = len(peaks)
    in_peak, between = peak_share * off_peak_hours, (1 - peak_share) * peak_hours  # an hour's mean, times both hours
    load = np.full(n + 1, direction_share)
    load[n] *= min(between / in_peak, 1.0) if in_peak > 0 else 1.0
    full = load * headway_s  # riders a bus, but for how many ride
    if (headway_s[:, 0] <= headway_s[:, n]).all() and (full[:, n] <= full[:, 0]).all():
        load = load[:n]
    return Service(
        headway_s,
        3600 / headway_s.min(axis=1),
        np.array([peak_share / n] * n + [1 - peak_share]),
        np.array([peak_hours / n] * n + [off_peak_hours]),
        load,
    )
