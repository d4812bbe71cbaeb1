"""The agents that stand for people: a neighbourhood plans in bulk, a commuter decides alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greentrip_networks.errors import UnknownNameError

from greentrip_agents import choice
from greentrip_agents.agent import CityAgent
from greentrip_agents.definitions import MODES, PURPOSES

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel


class Neighbourhood(CityAgent):
    """The residents of one zone, whose day is planned in bulk."""

    def __init__(self, model: "CommuterModel", zone: int, first_person: int, last_person: int) -> None:
        super().__init__(model)
        self.zone, self.first_person, self.last_person = zone, first_person, last_person

    def plan_day(self) -> None:
        """Let every resident's tours choose their mode."""
        first = self.model.tours.person_first
        a, b = int(first[self.first_person]), int(first[self.last_person])
        if b > a:
            self.model.request(a, b)


@dataclass(frozen=True)
class Offer:
    """A mode that would take a tour out and home: minutes and generalised minutes a trip, and its utility."""

    mode: str
    minutes: float
    cost_min: float
    utility: float


class Commuter(CityAgent):
    """One resident: a view on a row. Override `choose` to give this person a mind of its own."""

    def __init__(self, model: "CommuterModel", row: int) -> None:
        if not 0 <= row < len(model.people):
            raise UnknownNameError("person row", row, range(0, len(model.people), max(len(model.people) // 3, 1)))
        super().__init__(model)
        self.row = row

    @property
    def tours(self) -> range:
        """Rows of this person's tours."""
        first = self.model.tours.person_first
        return range(int(first[self.row]), int(first[self.row + 1]))

    @property
    def home_zone(self) -> int:
        """Row of the zone the person lives in."""
        return int(self.model.people.zone[self.row])

    @property
    def has_car(self) -> bool:
        """Whether a car is at hand today."""
        return bool(self.model.people.has_car[self.row])

    def purpose(self, tour: int) -> str:
        """Return what a tour is for."""
        return PURPOSES[self.model.tours.purpose[tour]]

    def mode(self, tour: int) -> str | None:
        """Return the mode a tour takes today; None before the day is planned or when nothing serves it."""
        m = int(self.model.plans.mode[tour])
        return MODES[m] if m >= 0 else None

    def offers(self, tour: int) -> list[Offer]:
        """Return the modes open to a tour at the expected costs."""
        m = self.model
        cost, minutes, utility = choice.offers(tour, m.travellers, m.local_speed, m.costs, m.taste)
        return [
            Offer(name, minutes[i], cost[i], utility[i]) for i, name in enumerate(MODES) if utility[i] > -float("inf")
        ]

    def choose(self, tour: int, offers: list[Offer]) -> str | None:
        """Return the mode to take, or None to decide as people of the model do."""
        del tour, offers
        return None

    def plan_day(self) -> None:
        """Decide each tour of the day."""
        for tour in self.tours:
            offered = self.offers(tour)
            mode = self.choose(tour, offered)
            if mode is not None and mode not in {o.mode for o in offered}:
                raise UnknownNameError(f"mode for tour {tour}", mode, (o.mode for o in offered))
            self.model.forced[tour] = -1 if mode is None else MODES.index(mode)
            if mode is not None:
                self.model.plan(tour, tour + 1)
