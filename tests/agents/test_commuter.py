import numpy as np
import pytest
from greentrip_agents import Commuter, CommuterModel, Offer
from greentrip_networks import UnknownNameError
from greentrip_networks.network import Network


class Same(Commuter):
    """Decides as everybody does."""


class Walker(Commuter):
    """Always walks."""

    def choose(self, tour: int, offers: list[Offer]) -> str | None:
        return "walk"


def test_an_identity_subclass_over_every_resident_gives_the_bytes_of_the_column_run(city: Network) -> None:
    columns = CommuterModel(city, sample=0.002, seed=1)
    people = CommuterModel(city, sample=0.002, seed=1, individuals=dict.fromkeys(range(len(columns.people)), Same))
    for _ in range(3):
        columns.step()
        people.step()
    for a, b in zip(columns.plans, people.plans, strict=True):
        assert a.tobytes() == b.tobytes()
    assert columns.costs.car_min.tobytes() == people.costs.car_min.tobytes()


def test_overriding_one_method_changes_that_persons_day_and_nobody_elses(city: Network) -> None:
    everybody = CommuterModel(city, sample=0.002, seed=1)
    everybody.step()
    driver = next(
        r
        for r in range(len(everybody.people))
        for t in everybody.commuter(r).tours
        if everybody.commuter(r).mode(t) == "car"
    )
    changed = CommuterModel(city, sample=0.002, seed=1, individuals={driver: Walker})
    changed.step()
    mine = list(changed.commuter(driver).tours)
    assert all(changed.commuter(driver).mode(t) == "walk" for t in mine)
    others = np.setdiff1d(np.arange(len(changed.tours)), mine)
    assert (changed.plans.mode[others] == everybody.plans.mode[others]).all()
    assert (changed.plans.minutes[others] == everybody.plans.minutes[others]).all()


def test_a_commuter_looks_at_its_row(city: Network) -> None:
    model = CommuterModel(city, sample=0.002, seed=1)
    person = model.commuter(4)
    assert person.home_zone == model.people.zone[4]
    assert person.mode(person.tours[0]) is None
    model.step()
    offers = {o.mode for o in person.offers(person.tours[0])}
    assert "walk" in offers
    assert person.mode(person.tours[0]) in offers
    assert person.has_car == ("car" in offers)


def _days(model: CommuterModel, days: int) -> None:
    for _ in range(days):
        model.step()


def test_a_mode_that_is_not_offered_is_refused_by_name(city: Network) -> None:
    class Dreamer(Commuter):
        def choose(self, tour: int, offers: list[Offer]) -> str | None:
            return "metor"

    model = CommuterModel(city, sample=0.002, seed=1, individuals={0: Dreamer})
    with pytest.raises(UnknownNameError, match="nearest: metro"):
        _days(model, 2)


def test_a_row_beyond_the_population_is_refused(city: Network) -> None:
    model = CommuterModel(city, sample=0.002, seed=1)
    with pytest.raises(UnknownNameError, match="person row"):
        model.commuter(len(model.people))
