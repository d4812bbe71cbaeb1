"""What a feeder design may assume: limits, operating rules and unit costs, each with its source."""

from dataclasses import dataclass, fields
from math import isfinite

from greentrip_networks.errors import ScenarioError

from greentrip_optimizer.headways import Minutes, check_headways, offered


@dataclass(frozen=True)
class BusType:
    """A vehicle that may run a feeder, and what it costs.

    The figures in `FeederOptions.bus_types` are assumed: a driver and supervision cost about 90 to 100 CNY an hour at
    Beijing wages of 2019 (about 170,000 CNY a year for 1,750 hours), electricity and upkeep 1.5 to 3 CNY/km, and a
    bus of 0.7 or 1.5 million CNY is written off over 8 years of 300 days.
    """

    name: str
    capacity: int  # persons, seated and standing
    cny_vehicle_hour: float
    cny_km: float
    cny_vehicle_day: float


# Most that a unit beyond a limit may cost: what exceeds any gain, and what CP-SAT's whole numbers hold.
MOST_PRICES = {
    "over_vehicles_cny_day": 1e6,
    "over_budget": 1e3,
    "over_bays_cny_day": 1e6,
    "over_street_cny_day": 1e6,
    "overlap_cny_km": 1e3,
}


@dataclass(frozen=True)
class FeederOptions:
    """Everything a design depends on besides the network and the demand; the same options give the same plan.

    Only a limit of `seconds` may give another one each time.

    `vehicles` are buses on the road in the peak; `budget_cny_day` limits the operating cost of a weekday. Times in
    minutes or seconds as named. Values without a source are assumed.
    """

    vehicles: int
    budget_cny_day: float | None = None
    seed: int = 0
    name: str = "feeders"
    # Service offered: headways in both peaks, each with every multiple off-peak, or else classes written out.
    headways_min: tuple[float, ...] = (4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
    off_peak_factors: tuple[float, ...] = (2.0,)
    headway_classes: tuple[Minutes, ...] = ()  # minutes of am, off and pm; any replace the two fields before
    peak_hours: float = 4.0  # 07-09 and 17-19
    off_peak_hours: float = 13.0
    peak_share: float = 0.5  # of a day's riders who travel in the peak hours
    peak_hour_direction_share: float = 0.11  # of a day's riders, both ways, in the busiest hour and direction
    # How passengers weigh it (the simulation's parameters replace these).
    value_cny_h: float = 24.58
    walk_weight: float = 2.0
    wait_weight: float = 2.0
    transfer_min: float = 0.0  # how the change to the train is felt, beside its walk and wait
    walk_m_s: float = 1.2
    street_detour: float = 1.3
    stop_walk_m: float = 600.0  # as the crow flies
    shift_min: float = 4.0  # a gain of this many minutes brings every rider onto the feeder, a smaller one a part
    # How buses run.
    dwell_s: float = 35.0
    bus_over_car: float = 1.15
    max_speed_kmh: float = 40.0
    layover_share: float = 0.1
    layover_min_s: float = 300.0
    range_km: float = 0.0  # of a full battery; 0: no limit
    charge_km_h: float = 0.0  # range given back by an hour of charging at the layover
    turn_m: float = 0.0  # longest way round to turn at the last stop; 0: buses turn where they stand
    loops: bool = False  # design loops too, which come back to the station by other streets
    street_buses_h: float | None = None  # most buses in the peak hour in one direction of a street; none: no limit
    # At what price a limit may be exceeded; none: not at all. And what running beside other buses costs.
    over_vehicles_cny_day: float | None = None  # for each further bus
    over_budget: float | None = None  # CNY for each CNY a day beyond the budget
    over_bays_cny_day: float | None = None  # for each further route at a station
    over_street_cny_day: float | None = None  # for each further bus an hour in one direction of a street
    overlap_cny_km: float = 0.0  # for each bus-km in a street that a line or a kept route runs in the same direction
    # What a route may look like.
    radius_m: float = 3500.0
    stop_spacing_m: float = 375.0
    station_spacing_m: float = 450.0  # from the station to its nearest feeder stop
    max_stops: int = 60  # candidate stops a station
    max_route_stops: int = 16
    max_length_m: float = 8000.0
    detour_factor: float = 1.8
    detour_extra_s: float = 240.0
    max_routes_station: int = 8  # bays
    street_reach_m: float = 500.0  # from a station to a street that buses may use
    no_stop_facilities: tuple[str, ...] = ("motorway", "expressway", "ring", "connector")
    no_bus_facilities: tuple[str, ...] = ("motorway", "expressway")
    bus_types: tuple[BusType, ...] = (
        BusType("8 m", 45, 100.0, 2.0, 290.0),
        BusType("12 m", 80, 110.0, 3.5, 625.0),
    )
    # How hard to look; counts of work but for `seconds`.
    pricing_rounds: int = 6
    beam: int = 4  # labels kept for each last stop and number of stops
    exhaustive_routes: int = 120_000  # list every route of a station that has no more than this
    exhaustive_loops: int = 30_000  # list every loop of a station that has no more than this, else some of them
    master_work: float = 6.0  # CP-SAT's deterministic time, about seconds on one core
    gap: float = 0.0  # good enough: the share of the bound that the plan may be worth less; 0: look on
    seconds: float | None = None  # wall time after which the best plan found must do; it may not repeat; none: no limit

    @property
    def classes_min(self) -> tuple[Minutes, ...]:
        """The headway classes offered, minutes by PERIODS: what a route may run."""
        return offered(self.headways_min, self.off_peak_factors, self.headway_classes)

    @property
    def longest_min(self) -> float:
        """Minutes between buses, in its busiest period, of the class that runs least."""
        return max(min(minutes) for minutes in self.classes_min)

    def __post_init__(self) -> None:
        """Refuse values that make no sense, naming the field."""
        if isinstance(self.vehicles, bool) or self.vehicles != int(self.vehicles) or self.vehicles < 0:
            raise ScenarioError("vehicles", f"saw {self.vehicles!r}; expected a whole number, 0 or more")
        if self.budget_cny_day is not None and not (isfinite(self.budget_cny_day) and self.budget_cny_day >= 0):
            raise ScenarioError(
                "budget_cny_day", f"saw {self.budget_cny_day!r}; expected CNY a day, 0 or more, or nothing for no limit"
            )
        if self.street_buses_h is not None and not (isfinite(self.street_buses_h) and self.street_buses_h > 0):
            raise ScenarioError(
                "street_buses_h",
                f"saw {self.street_buses_h!r}; expected buses an hour, above 0, or nothing for no limit",
            )
        check_headways(self.headways_min, self.off_peak_factors, self.headway_classes, self.peak_hours)
        self._check_prices()
        fewest = 60 / self.longest_min
        hard = self.over_street_cny_day is None
        if hard and self.street_buses_h is not None and self.street_buses_h < fewest - 1e-6:
            raise ScenarioError(
                "street_buses_h",
                f"saw {self.street_buses_h:g}; expected at least {fewest:.6g}, the buses an hour of the longest "
                f"headway ({self.longest_min:g} minutes), or a price for more (over_street_cny_day)",
            )
        if not self.bus_types or any(b.capacity <= 0 for b in self.bus_types):
            raise ScenarioError("bus_types", "expected at least one type with room for passengers")
        if [b.capacity for b in self.bus_types] != sorted({b.capacity for b in self.bus_types}):
            raise ScenarioError("bus_types", "expected ascending capacities")
        if not isinstance(self.loops, bool):
            raise ScenarioError("loops", f"saw {self.loops!r}; expected true or false")
        if not 1 <= self.max_stops <= 62:
            raise ScenarioError("max_stops", f"saw {self.max_stops}; expected 1 to 62 candidate stops a station")
        if not 0 <= self.gap < 1:
            raise ScenarioError("gap", f"saw {self.gap!r}; expected a share of the bound, 0 or more and below 1")
        if self.seconds is not None and not (isfinite(self.seconds) and self.seconds > 0):
            raise ScenarioError("seconds", f"saw {self.seconds!r}; expected seconds above 0, or nothing for no limit")
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, float) and not (isfinite(value) and value >= 0):
                raise ScenarioError(f.name, f"saw {value!r}; expected a number, 0 or more")

    def _check_prices(self) -> None:
        """Refuse prices of limits that are no prices, and those of limits that are not set."""
        for name, most in MOST_PRICES.items():
            price = getattr(self, name)
            if price is None and name != "overlap_cny_km":
                continue
            if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price <= most:
                raise ScenarioError(name, f"saw {price!r}; expected a price, 0 to {most:g}, or no such rule")
        for name, limit in (("over_budget", "budget_cny_day"), ("over_street_cny_day", "street_buses_h")):
            if getattr(self, name) is not None and getattr(self, limit) is None:
                raise ScenarioError(
                    name, f"saw {getattr(self, name):g}, but no {limit}; expected the limit that it is the price of"
                )
