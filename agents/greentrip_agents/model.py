"""The Mesa model: neighbourhoods plan their residents' day, authorities and operators move them, everybody learns.

One step is one weekday. Residents are rows of columns; a `Commuter` is a Mesa agent that looks at one row, made when
somebody asks for it or subclasses its behaviour.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Any

import mesa
import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIOD_HOURS, PERIODS, Network
from numpy.typing import NDArray

from greentrip_agents import choice
from greentrip_agents.access import BY_FEEDER, Access, find_access
from greentrip_agents.agent import CityAgent
from greentrip_agents.bus_loading import BusPeriod
from greentrip_agents.commuter import Commuter, Neighbourhood
from greentrip_agents.costs import bus_waits, bus_walks, check_fares, rail_fares, taste, travellers
from greentrip_agents.crossings import signalled
from greentrip_agents.definitions import BUS, CAR, METRO, MODES, PR, TAXI, Definition, default_definition
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_agents.policies import background, in_force
from greentrip_agents.population import plan_tours, sample_residents
from greentrip_agents.prior import first_expectation
from greentrip_agents.rail_loading import RailPeriod
from greentrip_agents.road_assignment import RoadPeriod
from greentrip_agents.street_access import find_street_access
from greentrip_agents.visitors import add_visitors

Floats = NDArray[np.float64]

RECONSIDER = 0.6  # share of tours that weigh their mode anew on a day, after the first
FIRST_ROUNDS = 2  # of route choice on the first day, after all have found first paths
DAYS_KNOWN = 8  # a calibrated first expectation of streets and trains weighs like so many days of experience
BUS_ROUNDS_KNOWN = 5  # and that of buses like so many rounds
FIRST_VERDICT = 10  # no run ends before its green share can be seen for ten days
FIRST_DAYS, BUS_ROUNDS_FIRST, BUS_ROUNDS = 4, 5, 2  # bus riders settle in rounds, more of them on the first days
_OFF_PEAK_HOURS = 9.0  # of 13 h: the hours over which off-peak traffic would be spread evenly


class CommuterModel(mesa.Model):  # type: ignore[misc]
    """A city's weekday: residents choose, roads and lines fill, costs are learnt, until nobody would change.

    Parameters
    ----------
    network : Network
    sample : share of residents simulated; loads are expanded.
    seed : key of every draw.
    individuals : Commuter subclass by person row; those persons decide for themselves, the others in bulk.
    """

    def __init__(
        self,
        network: Network,
        *,
        sample: float = 0.005,
        seed: int = 0,
        parameters: Parameters | None = None,
        definition: Definition | None = None,
        individuals: Mapping[int, type[Commuter]] | None = None,
    ) -> None:
        super().__init__(rng=seed)
        self.network, self.sample, self.key = network, sample, seed
        given = parameters if parameters is not None else default_parameters(network.name)
        self.parameters = in_force(network, given)
        self.definition = definition if definition is not None else default_definition()
        for area in self.definition.areas:
            if area not in network.zones.areas:
                raise ScenarioError(
                    "definition.areas", f"{network.name} has no area {area!r}; it has {', '.join(network.zones.areas)}"
                )
        check_fares(network.fares)
        p = self.parameters
        self.people = sample_residents(network, sample=sample, seed=seed, parameters=p)
        if not len(self.people):
            raise ScenarioError("sample", "no resident is sampled; raise the sample or check the zones' residents")
        self.people = add_visitors(network, self.people, sample=sample, seed=seed, parameters=p)
        self.tours = plan_tours(network, self.people, seed=seed, parameters=p, minimum_m=self.definition.minimum_m)
        self.travellers = travellers(network, self.people, self.tours, p, seed=seed)
        self.weight = self.people.weight[self.tours.person]  # residents each tour stands for
        self.taste = taste(network, p)
        n = len(self.tours)
        self.forced = np.full(n, -1, np.int8)
        self.plans = choice.Day(
            mode=np.full(n, -1, np.int8),
            period=np.column_stack([self.tours.out_period, self.tours.back_period]).astype(np.int8),
            cost=np.zeros((n, 2)),
            minutes=np.zeros((n, 2)),
            board=np.full((n, 2), -1, np.int32),
            leave=np.full((n, 2), -1, np.int32),
            board_slot=np.full((n, 2), -1, np.int8),
            leave_slot=np.full((n, 2), -1, np.int8),
        )
        self.road_authority = RoadAuthority(self)
        self.rail_operator = RailOperator(self)
        self.bus_operator = BusOperator(self)
        self.day = 0
        self._requests: list[tuple[int, int]] = []
        self.gap = np.inf
        self.costs, self.local_speed = self._first_costs()
        first = self.people.zone_first
        for z in range(len(network.zones)):
            Neighbourhood(self, z, int(first[z]), int(first[z + 1]))
        self.individuals = [cls(self, row) for row, cls in sorted((individuals or {}).items())]

    def commuter(self, row: int) -> Commuter:
        """Return a person as an agent: a view on one row, not stepped by the model."""
        return Commuter(self, row)

    def _first_costs(self) -> tuple[choice.Costs, Floats]:
        """Return the expectation of the first day: traffic and crowds as the calibrated city's, else none."""
        known = first_expectation(self.network)
        roads = self.road_authority
        roads.expect(known.streets)
        self.rail_operator.expect(known.rail)
        self.bus_operator.expect(known.buses)
        roads.skim()
        self.rail_operator.skim()
        self.bus_operator.run(roads.link_seconds())
        self.bus_operator.skim()
        access = self.bus_operator.access
        costs = choice.Costs(
            car_min=roads.minutes(),
            car_km=roads.km(),
            zone_x=roads.access.x_m,
            zone_y=roads.access.y_m,
            bus_fixed=np.stack([b.fixed for b in self.bus_operator.periods]),
            bus_ride=np.stack([b.ride for b in self.bus_operator.periods]),
            bus_min=np.stack([b.minutes for b in self.bus_operator.periods]),
            bus_km=np.stack([b.km for b in self.bus_operator.periods]),
            bus_walk_min=bus_walks(self.network, self.parameters),
            bus_wait_min=bus_waits(self.network, self.parameters),
            rail_cost=np.stack([r.cost for r in self.rail_operator.periods]),
            rail_min=np.stack([r.minutes for r in self.rail_operator.periods]),
            rail_km=np.stack([r.km for r in self.rail_operator.periods]),
            rail_fare=rail_fares(self.network, self.rail_operator.periods[1].km),
            station=access.station,
            access_cost=access.cost,
            access_min=access.minutes,
            drive_min=access.drive_min,
        )
        speed = np.empty((len(PERIODS), len(self.network.zones)))
        choice.local_speeds(costs.car_min, costs.car_km, speed)
        return costs, speed

    def request(self, first_tour: int, last_tour: int) -> None:
        """Ask for the tours of some rows to be planned; neighbours' requests are joined and answered at once."""
        if self._requests and self._requests[-1][1] == first_tour:
            self._requests[-1] = (self._requests[-1][0], last_tour)
        else:
            self._requests.append((first_tour, last_tour))

    def answer(self) -> None:
        """Plan what was asked for."""
        for first_tour, last_tour in self._requests:
            self.plan(first_tour, last_tour)
        self._requests.clear()

    def plan(self, first_tour: int, last_tour: int) -> None:
        """Let the tours of some rows choose; each row's choice depends on its own key and the expected costs alone."""
        share = 1.0 if self.day <= 1 else RECONSIDER
        choice.plan_tours(
            first_tour, last_tour, self.key, self.day, share, self.travellers, self.local_speed, self.costs, self.taste,
            self.forced, self.plans,
        )  # fmt: skip

    def step(self) -> None:
        """Live one weekday."""
        self.day += 1
        self.agents_by_type[Neighbourhood].do("plan_day")
        self.answer()
        for person in self.individuals:
            person.plan_day()
        vehicles = self._zone_demand((CAR, TAXI)) / self.parameters["population.car_occupancy"]
        roads = self.road_authority
        if self.day > 1:
            roads.load(vehicles)
            roads.settle()
        else:
            roads.begin(vehicles)
            for _ in range(FIRST_ROUNDS):  # its parts found paths at the traffic of parts
                roads.measure()
                roads.equilibrate()
        roads.measure()
        roads.skim()
        beyond = sum(period.beyond for period in roads.periods)
        self.rail_operator.load(self._station_demand())
        self.bus_operator.load(self._zone_demand((BUS,)))
        self._learn()
        total = float(self.weight @ self.plans.cost.sum(axis=1))
        gaps = {
            "street routes": beyond / 60 * self.parameters["population.car_occupancy"],
            "rail journeys": sum(r.beyond_shortest() for r in self.rail_operator.periods),
            "bus journeys": sum(b.beyond_shortest() for b in self.bus_operator.periods),
        }
        self.gap_parts = {name: value / max(total, 1e-9) for name, value in gaps.items()}
        journeys = sum(self.gap_parts.values())
        # the regret of modes costs a pass over everybody: not worth it while the run cannot end today anyway
        known = self.day >= FIRST_VERDICT and journeys < self.parameters["learning.gap"]
        self.gap_parts["modes"] = self.regret() / max(total, 1e-9) if known else np.nan
        self.gap = journeys + self.gap_parts["modes"] if known else max(journeys, self.parameters["learning.gap"])

    def regret(self) -> float:
        """Return the generalised minutes that today's travellers lose by their mode, at what today really cost."""
        today = self.costs._replace(car_min=self.road_authority.minutes(), car_km=self.road_authority.km())
        speed = np.empty_like(self.local_speed)
        choice.local_speeds(today.car_min, today.car_km, speed)
        worse = np.empty(len(self.tours))
        choice.regrets(
            self.key, self.travellers, speed, today, self.taste, self.plans.mode, self.plans.period, self.forced, worse
        )
        return float(2 * self.weight @ worse)

    def _zone_demand(self, modes: Sequence[int]) -> Floats:
        """Return persons by period from zone to zone in some modes, shape (periods, zones, zones)."""
        z, t = len(self.network.zones), self.travellers
        chosen = np.isin(self.plans.mode, modes)
        flows = np.zeros(len(PERIODS) * z * z)
        for period, origin, destination in (
            (self.plans.period[:, 0], t.home_zone, t.zone),
            (self.plans.period[:, 1], t.zone, t.home_zone),
        ):
            flat = (period[chosen].astype(np.int64) * z + origin[chosen]) * z + destination[chosen]
            flows += np.bincount(flat, weights=self.weight[chosen], minlength=len(flows))
        out = flows.reshape(len(PERIODS), z, z)
        diagonal = np.arange(z)
        out[:, diagonal, diagonal] = 0.0  # trips within a zone use local streets, which the assignment does not load
        return out

    def _station_demand(self) -> Floats:
        """Return persons by period from station to station, shape (periods, stations, stations)."""
        s = len(self.network.compiled.rail.stations)
        out = np.zeros(len(PERIODS) * s * s)
        for d in range(2):
            rides = self.plans.board[:, d] >= 0
            flat = (
                self.plans.period[rides, d].astype(np.int64) * s + self.plans.board[rides, d]
            ) * s + self.plans.leave[rides, d]
            out += np.bincount(flat, weights=self.weight[rides], minlength=len(out))
        return out.reshape(len(PERIODS), s, s)

    def _learn(self) -> None:
        """Blend what today cost into tomorrow's expectation."""
        # days are averaged, the later ones weigh more; else full lines would swap riders for ever
        average = 3.0 / (self.day + 2 + self.rail_operator.days_known)
        blend = min(self.parameters["learning.blend"], 3.0 / (self.day + 2 + self.road_authority.days_known))
        c = self.costs
        c.car_min[:] = _blend(c.car_min, self.road_authority.minutes(), blend)
        c.car_km[:] = _blend(c.car_km, self.road_authority.km(), blend)
        self.rail_operator.learn(average)
        self.rail_operator.skim()
        self.bus_operator.run(self.road_authority.link_seconds())
        self.bus_operator.settle(BUS_ROUNDS_FIRST if self.day <= FIRST_DAYS else BUS_ROUNDS)
        self._expect_journeys()
        choice.local_speeds(c.car_min, c.car_km, self.local_speed)

    def _expect_journeys(self) -> None:
        """Take the costs of rail, buses and the ways to stations as the operators now expect them."""
        c, rail, buses = self.costs, self.rail_operator.periods, self.bus_operator.periods
        c.rail_cost[:] = np.stack([r.cost for r in rail])
        c.rail_min[:] = np.stack([r.minutes for r in rail])
        c.bus_fixed[:] = np.stack([b.fixed for b in buses])
        c.bus_ride[:] = np.stack([b.ride for b in buses])
        c.bus_min[:] = np.stack([b.minutes for b in buses])
        c.bus_km[:] = np.stack([b.km for b in buses])
        c.access_cost[:], c.access_min[:] = self.bus_operator.access.cost, self.bus_operator.access.minutes

    def state(self) -> dict[str, Any]:
        """Return the arrays that tomorrow depends on; a model made alike goes on from them to the same bytes."""
        return {
            "day": np.array(self.day),
            "gap": np.array(self.gap),
            "gap_parts": {name: np.array(v) for name, v in self.gap_parts.items()},
            "rounds": np.array(self.bus_operator.rounds),
            "speed": self.local_speed,
            "forced": self.forced,
            "plans": self.plans._asdict(),
            "car_min": self.costs.car_min,
            "car_km": self.costs.car_km,
            "roads": {str(t): p.state() for t, p in enumerate(self.road_authority.periods)},
            "rail": {str(t): p.state() for t, p in enumerate(self.rail_operator.periods)},
            "buses": {str(t): p.state() for t, p in enumerate(self.bus_operator.periods)},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self.day, self.gap = int(state["day"]), float(state["gap"])
        self.gap_parts = {name: float(v) for name, v in state["gap_parts"].items()}
        self.local_speed[:], self.forced[:] = state["speed"], state["forced"]
        for name, column in self.plans._asdict().items():
            column[:] = state["plans"][name]
        for t, street in enumerate(self.road_authority.periods):
            street.restore(state["roads"][str(t)])
        for t, track in enumerate(self.rail_operator.periods):
            track.restore(state["rail"][str(t)])
        self.bus_operator.rounds = int(state["rounds"])
        self.bus_operator.run(self.road_authority.link_seconds())
        for t, line in enumerate(self.bus_operator.periods):
            line.restore(state["buses"][str(t)])
        self._expect_journeys()
        self.costs.car_min[:], self.costs.car_km[:] = state["car_min"], state["car_km"]

    def close(self) -> None:
        """Let go of everything at once, without waiting for the collector; the model is of no use afterwards."""
        self.__dict__.clear()

    def served(self) -> float:
        """Return the share of trips that some mode carries to their destination."""
        return 1.0 - float(self.weight @ (self.plans.mode < 0) / self.weight.sum())

    def green_share(self) -> float:
        """Return today's share of green trips in the headline area and base, percent."""
        from greentrip_agents.indicators import shares

        green = np.array([self.definition.green[m] for m in MODES])
        by_mode = shares(self, self.definition.area, self.definition.base)
        return float(100 * by_mode[green].sum() / max(by_mode.sum(), 1e-9))


def _blend(old: Floats, new: Floats, blend: float) -> Floats:
    """Move an expectation towards today's; where either is infinite today's holds."""
    both = np.isfinite(old) & np.isfinite(new)
    return np.where(both, np.where(both, old, 0) + blend * (np.where(both, new, 0) - np.where(both, old, 0)), new)


class RoadAuthority(CityAgent):
    """Keeps the streets: loads cars by period, times links, reports skims."""

    def __init__(self, model: CommuterModel) -> None:
        super().__init__(model)
        p, roads = model.parameters, model.network.compiled.roads
        hours = [h if name != "off" else _OFF_PEAK_HOURS for name, h in zip(PERIODS, PERIOD_HOURS, strict=True)]
        used = [background(model.network, p, name) for name in PERIODS]
        self.roads, self.access = roads, find_street_access(model.network)
        self.periods: list[RoadPeriod] = []
        alpha, beta, signal_s = p["roads.alpha"], p["roads.beta"], np.where(signalled(roads), p["roads.signal_s"], 0.0)
        for h, b in zip(hours, used, strict=True):
            known = self.periods[0].hierarchy if self.periods else None
            self.periods.append(RoadPeriod(roads, self.access, h, alpha, beta, signal_s, b, known))
        self.days_known = 0

    def expect(self, known: Sequence[Floats]) -> None:
        """Start from what is known of the traffic, a period each; nothing known leaves the streets empty."""
        self.days_known = DAYS_KNOWN if known else 0
        for period, over_free in zip_longest(self.periods, known):
            period.expect(over_free)

    def load(self, vehicles: Floats) -> None:
        """Put each period's vehicles (zones, zones) on the paths in use."""
        self._side_by_side(lambda period, demand: period.load(demand), vehicles)

    def begin(self, vehicles: Floats) -> None:
        """Put each period's vehicles (zones, zones) on first paths."""
        for period, demand in zip(self.periods, vehicles, strict=True):
            period.begin(demand)

    def measure(self) -> None:
        """Time the links and find the shortest paths at these times."""
        for period in self.periods:
            period.measure()

    def skim(self) -> None:
        """Take the times and lengths of the shortest paths."""
        for period in self.periods:
            period.skim()

    def settle(self) -> None:
        """Let drivers shift between the routes they know."""
        self._side_by_side(lambda period, _: period.settle(), self.periods)

    def equilibrate(self) -> None:
        """Let drivers shift routes."""
        self._side_by_side(lambda period, _: period.equilibrate(), self.periods)

    def _side_by_side(self, do: Callable[[RoadPeriod, Any], None], values: Iterable[Any]) -> None:
        """Work on the periods at once: they are independent, and the work of each is serial."""
        with ThreadPoolExecutor(len(self.periods)) as pool:
            list(pool.map(do, self.periods, values))

    def minutes(self) -> Floats:
        """Return car minutes between zones, shape (periods, zones, zones)."""
        return np.stack([period.skim_s for period in self.periods]) / 60

    def km(self) -> Floats:
        """Return car km between zones, shape (periods, zones, zones)."""
        return np.stack([period.skim_m for period in self.periods]) / 1000

    def link_seconds(self) -> list[Floats]:
        """Return each link's time by period; links closed to cars keep their free time."""
        return [period.all_links(period.seconds, self.roads.free_s) for period in self.periods]


class RailOperator(CityAgent):
    """Runs the trains: journeys between stations, loads, crowding."""

    def __init__(self, model: CommuterModel) -> None:
        super().__init__(model)
        rail = model.network.compiled.rail
        self.periods = [RailPeriod(rail, t, h, model.parameters) for t, h in enumerate(PERIOD_HOURS)]
        self.days_known = 0

    def expect(self, known: Sequence[Mapping[str, Floats]]) -> None:
        """Start from what is known of the riders, a period each; nothing known leaves the trains empty."""
        self.days_known = DAYS_KNOWN if known else 0
        for period, riders in zip(self.periods, known, strict=False):
            period.expect(riders)

    def skim(self) -> None:
        """Find least-cost journeys at the expected crowding."""
        for period in self.periods:
            period.skim()

    def load(self, riders: Floats) -> None:
        """Put each period's riders (stations, stations) on the journeys of the last skim."""
        for period, demand in zip(self.periods, riders, strict=True):
            period.assign(demand)

    def learn(self, blend: float) -> None:
        """Blend today's loads into the expectation."""
        for period in self.periods:
            period.learn(blend)


class BusOperator(CityAgent):
    """Runs buses and feeders in today's traffic."""

    access: Access

    def __init__(self, model: CommuterModel) -> None:
        super().__init__(model)
        self.network, self.parameters = model.network, model.parameters
        at = model.road_authority.access
        self.rounds = 0
        self.periods = [
            BusPeriod(model.network, t, h, model.parameters, at.x_m, at.y_m) for t, h in enumerate(PERIOD_HOURS)
        ]

    def expect(self, known: Sequence[Mapping[str, Floats]]) -> None:
        """Start from what is known of the riders, a period each; nothing known leaves the buses empty."""
        self.rounds = BUS_ROUNDS_KNOWN if known else 0
        for period, riders in zip(self.periods, known, strict=False):
            period.expect(riders)

    def run(self, link_seconds: Sequence[Floats]) -> None:
        """Time the calls in today's traffic and offer the rides to rail stations."""
        for period, seconds in zip(self.periods, link_seconds, strict=True):
            period.time_calls(seconds)
        self.access = find_access(self.network, self.parameters, [b.call_minutes for b in self.periods])

    def skim(self) -> None:
        """Find the best journeys at the expected crowding."""
        for period in self.periods:
            period.skim()

    def load(self, riders: Floats) -> None:
        """Put each period's riders (zones, zones) on the journeys of the last skim."""
        for period, demand in zip(self.periods, riders, strict=True):
            period.assign(demand)

    def learn(self, blend: float) -> None:
        """Blend today's loads into the expectation."""
        for period in self.periods:
            period.learn(blend)

    def settle(self, rounds: int) -> None:
        """Spread today's riders over the lines: they choose round by round, and the rounds of all days are averaged."""
        for k in range(rounds):
            self.rounds += 1
            self.learn(3.0 / (self.rounds + 2))
            self.skim()
            if k < rounds - 1:
                for period in self.periods:
                    period.assign(period.demand)


def feeder_riders(model: CommuterModel) -> Floats:
    """Return persons a day on each feeder of the network (both directions), shape (feeders,)."""
    out = np.zeros(len(model.network.feeders))
    access, t, day = model.bus_operator.access, model.travellers, model.plans
    for d, (origin, destination) in enumerate(((t.home_cell, t.cell), (t.cell, t.home_cell))):
        period = day.period[:, d]
        rail = np.isin(day.mode, (METRO, PR)) & (day.board[:, d] >= 0)
        for cell, slot in ((origin, day.board_slot[:, d]), (destination, day.leave_slot[:, d])):
            k = access.kind[period[rail], cell[rail], slot[rail]]
            feeder = access.feeder[period[rail], cell[rail], slot[rail]]
            by_feeder = k == BY_FEEDER
            out += np.bincount(feeder[by_feeder], weights=model.weight[rail][by_feeder], minlength=len(out))
    return out
