"""How long a link takes at a volume: monotone delay functions as columns, with slope and integral for the equilibrium.

Every function is non-decreasing in volume, so that an equilibrium exists and its link volumes are unique wherever delay
strictly increases. Times may be in any unit; volumes are in passenger-car units in the period.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.kernels import njit
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Int8s = NDArray[np.int8]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

CONSTANT, FOURTH, POWER, CONICAL, TABLE, CLOSED = range(6)
NEAR_EMPTY = 1e-3  # of capacity: below it the slope of powers under 1, infinite at zero, is held


class Delays(NamedTuple):
    """The delay function of every link, as columns that kernels read.

    CONSTANT ``free``; FOURTH and POWER ``free + scale (volume unit) ^ shape`` with ``unit`` one over capacity; CONICAL
    Spiess's function with ``shape`` its alpha; TABLE straight lines between knots, the last going on; CLOSED to all.
    """

    kind: Int8s
    free: Floats
    scale: Floats
    unit: Floats
    shape: Floats
    first_knot: Int64s  # (links + 1)
    knot_volume: Floats
    knot_time: Floats


def _column(name: str, values: ArrayLike, links: int, *, above: float = 0.0, code: str) -> Floats:
    """Return values as one float a link, all finite and at least `above`, or say which is not."""
    out = np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.float64), (links,)))
    bad = np.flatnonzero(~(np.isfinite(out) & (out >= above)))
    if len(bad):
        raise ScenarioError(
            name, f"{code}: link {int(bad[0])} has {out[bad[0]]:g}; a finite value of at least {above:g}"
        )
    return out


def bpr(free: ArrayLike, capacity: ArrayLike, b: ArrayLike = 0.15, power: ArrayLike = 4.0) -> Delays:
    """Return the Bureau of Public Roads' delay, free (1 + b (volume / capacity) ^ power), for each link.

    A power of 0 is a constant delay of free (1 + b). A link of capacity 0 whose delay would depend on its volume is
    closed. Negative or missing values are refused (codes negative-time, negative-capacity, negative-b, negative-power).

    Parameters
    ----------
    free, capacity, b, power
        One value a link, or one for all; time and passenger-car units in the period.
    """
    links = np.broadcast(np.asarray(free), np.asarray(capacity), np.asarray(b), np.asarray(power)).size
    free = _column("free", free, links, code="negative-time")
    capacity = _column("capacity", capacity, links, code="negative-capacity")
    b = _column("b", b, links, code="negative-b")
    power = _column("power", power, links, code="negative-power")
    constant = (free == 0) | (b == 0) | (power == 0)
    closed = ~constant & (capacity == 0)
    kind = np.where(power == 4, FOURTH, POWER)
    kind[constant] = CONSTANT
    kind[closed] = CLOSED
    start = np.where(power == 0, free * (1.0 + b), free)
    unit = 1.0 / np.where(capacity > 0, capacity, 1.0)
    scale = np.where(constant | closed, 0.0, free * b)
    none = np.zeros(links + 1, np.int64)
    return Delays(kind.astype(np.int8), start, scale, unit, power, none, np.zeros(0), np.zeros(0))


def conical(free: ArrayLike, capacity: ArrayLike, alpha: ArrayLike = 4.0) -> Delays:
    """Return the conical delay (Spiess 1990), free (2 + sqrt(alpha² (1 - x)² + beta²) - alpha (1 - x) - beta).

    Here x is volume / capacity and beta is (2 alpha - 1) / (2 alpha - 2); alpha must be above 1, capacity above 0.
    """
    links = np.broadcast(np.asarray(free), np.asarray(capacity), np.asarray(alpha)).size
    free = _column("free", free, links, code="negative-time")
    capacity = _column("capacity", capacity, links, above=1e-9, code="zero-capacity")
    alpha = _column("alpha", alpha, links, above=1.0 + 1e-9, code="bad-alpha")
    kind = np.where(free == 0, CONSTANT, CONICAL).astype(np.int8)
    none = np.zeros(links + 1, np.int64)
    return Delays(kind, free, free.copy(), 1.0 / capacity, alpha, none, np.zeros(0), np.zeros(0))


def table(knots: Sequence[tuple[ArrayLike, ArrayLike]]) -> Delays:
    """Return delays given point by point: for each link its volumes (from 0, rising) and times (never falling).

    Any monotone delay can be given so, as finely as wanted; beyond the last knot the last line goes on.
    """
    volumes = [np.atleast_1d(np.asarray(v, np.float64)) for v, _ in knots]
    times = [np.atleast_1d(np.asarray(t, np.float64)) for _, t in knots]
    for link, (v, t) in enumerate(zip(volumes, times, strict=True)):
        rising = len(v) == len(t) >= 2 and v[0] == 0 and bool(np.all(np.diff(v) > 0))
        if not (rising and np.isfinite(t).all() and t[0] >= 0 and bool(np.all(np.diff(t) >= 0))):
            raise ScenarioError(
                "knots", f"bad-table: link {link} needs volumes rising from 0 and as many times that never fall"
            )
    links = len(knots)
    first = np.concatenate([[0], np.cumsum([len(v) for v in volumes])]).astype(np.int64)
    one = np.ones(links)
    free = np.array([t[0] for t in times])
    return Delays(
        np.full(links, TABLE, np.int8), free, one, one, one, first, np.concatenate(volumes), np.concatenate(times)
    )


def mixed(use_second: Bools, first: Delays, second: Delays) -> Delays:
    """Return the second's function for the links marked, the first's for the others."""
    sizes = np.where(use_second, np.diff(second.first_knot), np.diff(first.first_knot))
    pieces_v: list[Floats] = [np.zeros(0)]
    pieces_t: list[Floats] = [np.zeros(0)]
    for link in np.flatnonzero(sizes):
        source = second if use_second[link] else first
        at = slice(int(source.first_knot[link]), int(source.first_knot[link + 1]))
        pieces_v.append(source.knot_volume[at])
        pieces_t.append(source.knot_time[at])
    return Delays(
        np.where(use_second, second.kind, first.kind),
        np.where(use_second, second.free, first.free),
        np.where(use_second, second.scale, first.scale),
        np.where(use_second, second.unit, first.unit),
        np.where(use_second, second.shape, first.shape),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate(pieces_v),
        np.concatenate(pieces_t),
    )


@njit(bare=True, taken_in=True)
def price(link: int, volume: float, delays: Delays, time: Floats, slope: Floats) -> None:
    """Set one link's time and the slope of its time at a volume."""
    kind = delays.kind[link]
    if kind == FOURTH:
        x = volume * delays.unit[link]
        cube = delays.scale[link] * x * x * x
        time[link] = delays.free[link] + cube * x
        slope[link] = 4.0 * cube * delays.unit[link]
    elif kind == POWER:
        x = volume * delays.unit[link]
        shape = delays.shape[link]
        steep = delays.scale[link] * x ** (shape - 1.0) if x > 0.0 else 0.0
        time[link] = delays.free[link] + steep * x
        if shape < 1.0 and x < NEAR_EMPTY:
            steep = delays.scale[link] * NEAR_EMPTY ** (shape - 1.0)
        elif shape == 1.0:
            steep = delays.scale[link]
        slope[link] = steep * shape * delays.unit[link]
    elif kind == CONICAL:
        a = delays.shape[link]
        beta = (2.0 * a - 1.0) / (2.0 * a - 2.0)
        left = a * (1.0 - volume * delays.unit[link])
        root = np.sqrt(left * left + beta * beta)
        time[link] = delays.free[link] * (2.0 + root - left - beta)
        slope[link] = delays.free[link] * delays.unit[link] * a * (1.0 - left / root)
    elif kind == TABLE:
        at = delays.first_knot[link]
        last = delays.first_knot[link + 1] - 2
        while at < last and delays.knot_volume[at + 1] <= volume:
            at += 1
        rise = (delays.knot_time[at + 1] - delays.knot_time[at]) / (delays.knot_volume[at + 1] - delays.knot_volume[at])
        time[link] = delays.knot_time[at] + rise * (volume - delays.knot_volume[at])
        slope[link] = rise
    else:
        time[link] = delays.free[link]
        slope[link] = 0.0


@njit(bare=True)
def price_all(volume: Floats, delays: Delays, time: Floats, slope: Floats) -> None:
    """Set every link's time and slope."""
    for link in range(volume.shape[0]):
        price(link, volume[link], delays, time, slope)


@njit()
def _conical_integral(volume: float, free: float, unit: float, a: float) -> float:
    """Return the integral of the conical delay from 0 to a volume."""
    beta = (2.0 * a - 1.0) / (2.0 * a - 2.0)
    total = 0.0
    for sign, x in ((1.0, 0.0), (-1.0, volume * unit)):  # the root's integral runs against u = 1 - x
        u = a * (1.0 - x)
        root = np.sqrt(u * u + beta * beta)
        total += sign * (u * root + beta * beta * np.arcsinh(u / beta)) / (2.0 * a)
    x = volume * unit
    return float(free / unit * (total + (2.0 - a - beta) * x + 0.5 * a * x * x))


@njit()
def integrals(volume: Floats, delays: Delays) -> Floats:
    """Return the integral of each link's time from 0 to its volume."""
    out = np.zeros(volume.shape[0])
    for link in range(volume.shape[0]):
        v = volume[link]
        kind = delays.kind[link]
        if kind == FOURTH or kind == POWER:  # noqa: PLR1714, SIM109 (compiled)
            shape = delays.shape[link]
            x = v * delays.unit[link]
            out[link] = delays.free[link] * v + delays.scale[link] * v * x**shape / (shape + 1.0)
        elif kind == CONICAL:
            out[link] = _conical_integral(v, delays.free[link], delays.unit[link], delays.shape[link])
        elif kind == TABLE:
            at = delays.first_knot[link]
            last = delays.first_knot[link + 1] - 2
            while True:
                v0, v1 = delays.knot_volume[at], delays.knot_volume[at + 1]
                t0 = delays.knot_time[at]
                rise = (delays.knot_time[at + 1] - t0) / (v1 - v0)
                upto = v if at == last or v < v1 else v1
                out[link] += (upto - v0) * (t0 + 0.5 * rise * (upto - v0))
                if at == last or v < v1:
                    break
                at += 1
        else:
            out[link] = delays.free[link] * v
    return out
