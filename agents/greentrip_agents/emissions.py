"""Energy, CO2, NOx and PM of a weekday by mode: link speeds and volumes times published speed-dependent factors.

Cars and taxis by the speed of each street and period, buses by the mean speed of each line, rail by car-km, e-bikes by
km. The factors and the fleet are data (`emission_factors.toml`), each with its source or the word "assumed".
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.network import PERIOD_HOURS, PERIODS, Network
from numpy.typing import NDArray

from greentrip_agents.parameters import Parameters
from greentrip_agents.run import Run

Floats = NDArray[np.float64]

AMOUNTS = ("energy_gj", "electricity_mwh", "co2_t", "nox_kg", "pm_kg")


@dataclass(frozen=True)
class Factors:
    """The shipped table, or one of a caller's own of the same form."""

    data: Mapping[str, Any]

    def grams(self, vehicle: str, what: str, speed_km_h: Floats) -> Floats:
        """Return grams a vehicle-km of `fuel_g`, `nox_g` or `pm_g` at mean speeds; 0 for an electric vehicle."""
        kind = self.data["vehicles"][vehicle]
        if "fuel" not in kind:
            return np.zeros_like(speed_km_h)
        low, high = kind["speed_km_h"]
        return np.maximum(_curve(kind[what], np.clip(speed_km_h, low, high)), 0.0)

    def used(self, vehicle: str, km: Floats, speed_km_h: Floats) -> dict[str, Floats]:
        """Return the amounts of AMOUNTS for vehicle-km at mean speeds, arrays alike."""
        kind = self.data["vehicles"][vehicle]
        if "fuel" not in kind:
            return self.electric(km * kind["kwh_km"]["value"])
        fuel = self.data["fuels"][kind["fuel"]]
        kg = km * self.grams(vehicle, "fuel_g", speed_km_h) / 1000
        return {
            "energy_gj": kg * fuel["mj_kg"] / 1000,
            "electricity_mwh": np.zeros_like(kg),
            "co2_t": kg * fuel["co2_kg"] / 1000,
            "nox_kg": km * self.grams(vehicle, "nox_g", speed_km_h) / 1000,
            "pm_kg": km * self.grams(vehicle, "pm_g", speed_km_h) / 1000,
        }

    def electric(self, kwh: Floats) -> dict[str, Floats]:
        """Return the amounts of AMOUNTS for electricity; NOx and PM of power stations are not counted."""
        none = np.zeros_like(kwh)
        co2 = kwh * self.data["electricity"]["co2_kg_kwh"]["value"] / 1000
        return {"energy_gj": kwh * 0.0036, "electricity_mwh": kwh / 1000, "co2_t": co2, "nox_kg": none, "pm_kg": none}

    def fleet(self, mode: str) -> dict[str, float]:
        """Return the share of a mode's vehicle-km by vehicle."""
        return {k: float(v) for k, v in self.data["fleet"][mode].items() if k != "source"}

    def value(self, table: str, name: str) -> float:
        """Return a single figure."""
        return float(self.data[table][name]["value"])


@cache
def shipped_factors() -> Factors:
    """Return the factors that come with the package."""
    return Factors(tomllib.loads(files("greentrip_agents").joinpath("emission_factors.toml").read_text("utf-8")))


def _curve(of: Mapping[str, Any], v: Floats) -> Floats:
    """Return a factor at speeds."""
    a, b, c, d, e, f = (float(of.get(k, 0.0)) for k in "abcdef")
    form = of["form"]
    if form == "ratio":
        return np.asarray((a + c * v + e * v**2 + f / v) / (1 + b * v + d * v**2))
    if form == "polynomial":
        return np.asarray(np.polyval(of["of"], v))
    if form == "exponential":
        return np.asarray(np.exp(a + b / v + c * np.log(v)))
    if form == "inverse":
        return np.asarray(1 / (a + b * v + c * v**2))
    if form == "constant":
        return np.full_like(v, a)
    raise ValueError(f"form: saw {form!r}; expected ratio, polynomial, exponential, inverse or constant")


def emissions(run: Run, network: Network, parameters: Parameters, factors: Factors | None = None) -> pl.DataFrame:
    """Return a weekday's vehicle-km, energy and exhaust by mode.

    Parameters
    ----------
    run, network, parameters
        A run, the network it simulated, and with which parameters.
    factors
        Other than those shipped.

    Returns
    -------
        Columns `mode` (car, taxi, bus, rail, ebike, all), `vehicle` (as in the factors; `all`), `vehicle_km` (for rail
        car-km), `person_km`, and those of AMOUNTS. Traffic outside the model is not in it.

    """
    f = factors if factors is not None else shipped_factors()
    rows = [*_road(run, network, parameters, f), *_buses(run, network, parameters, f), *_rail(network, f)]
    km = {
        m: float(run.trips.filter(pl.col("mode") == m).select((pl.col("km") * pl.col("weight")).sum()).item() or 0.0)
        for m in ("car", "taxi", "ebike", "bus")
    }
    charged = f.electric(np.array([km["ebike"] * f.value("electricity", "ebike_kwh_km")]))
    rows.append(_row("ebike", "ebike", km["ebike"], charged))
    km["rail"] = 1e6 * float(run.indicators.get("passenger_km_metro_million", 0.0))
    table = pl.DataFrame(rows)
    numbers = ["vehicle_km", *AMOUNTS]
    whole = table.group_by("mode", maintain_order=True).agg(pl.col(numbers).sum()).with_columns(vehicle=pl.lit("all"))
    every = table.select(pl.col(numbers).sum()).with_columns(mode=pl.lit("all"), vehicle=pl.lit("all"))
    person = pl.DataFrame({"mode": [*km, "all"], "person_km": [*km.values(), sum(km.values())]})
    columns = ["mode", "vehicle", *numbers]
    full = pl.concat([frame.select(columns) for frame in (every, whole, table)])
    return full.join(person, on="mode", how="left", maintain_order="left").select(
        "mode", "vehicle", "vehicle_km",
        pl.when(pl.col("vehicle") == "all").then("person_km").alias("person_km"), *AMOUNTS,
    )  # fmt: skip


def link_emissions(run: Run, network: Network, factors: Factors | None = None) -> pl.DataFrame:
    """Return the links table with `km`, `speed_km_h` and, of the vehicles on each, the amounts of AMOUNTS.

    Cars and taxis are taken together, as cars.
    """
    f = factors if factors is not None else shipped_factors()
    links = _streets(run, network)
    km, speed = links["vehicle_km"].to_numpy(), links["speed_km_h"].to_numpy()
    total = {name: np.zeros(len(km)) for name in AMOUNTS}
    for vehicle, share in f.fleet("car").items():
        for name, amount in f.used(vehicle, share * km, speed).items():
            total[name] += amount
    return links.with_columns(**{name: pl.Series(values) for name, values in total.items()})


def _streets(run: Run, network: Network) -> pl.DataFrame:
    """Return the links that carry vehicles with `vehicle_km` and `speed_km_h`."""
    links = run.links.filter(pl.col("vehicles") > 0)
    metres = network.compiled.roads.length_m[links["link"].to_numpy()]
    return links.with_columns(
        vehicle_km=pl.col("vehicles") * metres / 1000, speed_km_h=3.6 * pl.Series(metres) / pl.col("seconds")
    )


def _road(run: Run, network: Network, p: Parameters, f: Factors) -> list[dict[str, Any]]:
    """Return the rows of cars and taxis: assigned vehicles by street, and trips within a zone at the period's speed."""
    links = _streets(run, network)
    trips = run.trips.filter(pl.col("mode").is_in(["car", "taxi"])).with_columns(
        vehicle_km=pl.col("weight") * pl.col("km") / p["population.car_occupancy"],
        within=pl.col("from_zone") == pl.col("to_zone"),
    )
    pieces: dict[str, list[tuple[Floats, Floats]]] = {"car": [], "taxi": []}
    for period in PERIODS:
        on = links.filter(pl.col("period") == period)
        km, speed = on["vehicle_km"].to_numpy(), on["speed_km_h"].to_numpy()
        mean = np.array([float(km.sum() / max((km / speed).sum(), 1e-9)) if len(km) else 20.0])
        there = trips.filter(pl.col("period") == period)
        between = there.filter(~pl.col("within"))
        whole = max(float(between["vehicle_km"].sum()), 1e-9)
        for mode, found in pieces.items():
            share = float(between.filter(pl.col("mode") == mode)["vehicle_km"].sum()) / whole
            inside = float(there.filter(pl.col("within") & (pl.col("mode") == mode))["vehicle_km"].sum())
            found += [(share * km, speed), (np.array([inside]), mean)]
    rows = []
    for mode, found in pieces.items():
        km, speed = (np.concatenate([piece[k] for piece in found]) for k in (0, 1))
        if mode == "taxi":
            km = km / (1 - f.value("fleet", "taxi_empty_share"))
        for vehicle, share in f.fleet(mode).items():
            rows.append(_row(mode, vehicle, share * float(km.sum()), f.used(vehicle, share * km, speed)))
    return rows


def _buses(run: Run, network: Network, p: Parameters, f: Factors) -> list[dict[str, Any]]:
    """Return the rows of buses and feeders: vehicle-km by timetable, each line at its mean speed with stops."""
    b = network.compiled.buses
    km_parts, speed_parts = [np.zeros(0)], [np.zeros(0)]
    patterns = len(b.pattern_line)
    if patterns:
        last = b.pattern_first[1:] - 1
        length = b.call_m[last] - b.call_m[b.pattern_first[:-1]]
        stops = np.diff(b.pattern_first) - 1
        owner = np.repeat(np.repeat(np.arange(patterns), np.diff(b.pattern_first)), np.diff(b.path_first))
        for t, (name, hours) in enumerate(zip(PERIODS, PERIOD_HOURS, strict=True)):
            seconds = run.costs[f"link_s_{name}"][b.path_link]
            ride = np.bincount(owner, seconds, patterns) * p["speed.bus_over_car"] + stops * p["speed.bus_dwell_s"]
            km_parts.append(length / 1000 * 3600 * hours / b.headway_s[:, t])
            speed_parts.append(3.6 * length / np.maximum(ride, 1.0))
    if network.feeders:
        metres = np.array([r.length_m for r in network.feeders])
        ways = np.array([1 if r.loop else 2 for r in network.feeders])  # there and back, or once round
        runs = (3600 * np.array(PERIOD_HOURS) / np.array([r.headways_s for r in network.feeders])).sum(axis=1)
        km_parts.append(ways * metres / 1000 * runs)
        speed_parts.append(3.6 * metres / np.maximum([r.trip_s for r in network.feeders], 1.0))
    km, speed = np.concatenate(km_parts), np.concatenate(speed_parts)
    return [
        _row("bus", vehicle, share * float(km.sum()), f.used(vehicle, share * km, speed))
        for vehicle, share in f.fleet("bus").items()
    ]


def _rail(network: Network, f: Factors) -> list[dict[str, Any]]:
    """Return the row of rail: car-km by timetable."""
    r = network.compiled.rail
    cars = r.capacity / f.value("electricity", "rail_places_car")
    train_km = sum(
        (r.ride_m / 1000 * 3600 * hours / r.headway_s[r.ride_line, t] for t, hours in enumerate(PERIOD_HOURS)),
        np.zeros(len(r.ride_m)),
    )
    km = float(train_km @ cars[r.ride_line]) if len(r.ride_m) else 0.0
    return [_row("rail", "electric_train", km, f.electric(np.array([km * f.value("electricity", "rail_kwh_car_km")])))]


def _row(mode: str, vehicle: str, km: float, amounts: Mapping[str, Floats]) -> dict[str, Any]:
    """Return one row."""
    return {"mode": mode, "vehicle": vehicle, "vehicle_km": km, **{k: float(v.sum()) for k, v in amounts.items()}}
