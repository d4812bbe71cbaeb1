from greentrip_agents.prior import first_expectation
from greentrip_networks import beijing
from greentrip_networks.network import Network


def test_what_is_shipped_for_beijing_fits_its_streets_buses_and_rail() -> None:
    """Fails when the tables changed and `tools/calibrate.py beijing-2019 --expect 0.02` was not run after it."""
    city = beijing(2019)
    known = first_expectation(city)
    assert len(known.streets) == len(known.buses) == len(known.rail) == 3
    assert all(len(over) == city.compiled.roads.auto.sum() and over.min() >= 1 for over in known.streets)
    assert all(len(b["load"]) == len(city.compiled.buses.call_stop) for b in known.buses)


def test_a_part_that_does_not_fit_is_left_out() -> None:
    known = first_expectation(beijing(2015))
    assert len(known.streets) == 3
    assert known.rail == []


def test_a_city_without_any_starts_from_nothing(city: Network) -> None:
    known = first_expectation(city)
    assert (known.streets, known.buses, known.rail) == ((), (), ())
