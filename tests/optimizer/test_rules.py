"""Rules of a design in plain data: what is no rule or no value is named, what is one becomes an option."""

from dataclasses import fields

import pytest
from greentrip_networks.errors import GreentripError
from greentrip_optimizer.options import BusType, FeederOptions
from greentrip_optimizer.rules import RULES, rules_of

SMALL = {"name": "6 m", "capacity": 20, "cny_vehicle_hour": 90.0, "cny_km": 1.5, "cny_vehicle_day": 200.0}


def test_every_rule_is_an_option_and_takes_the_options_own_value() -> None:
    own = FeederOptions(vehicles=1)
    assert set(RULES) < {f.name for f in fields(FeederOptions)}
    plain = {name: getattr(own, name) for name in RULES if name != "bus_types" and getattr(own, name) is not None}
    assert FeederOptions(vehicles=1, **rules_of(plain)) == own


def test_lists_and_kinds_of_bus_are_read() -> None:
    found = rules_of({"headways_min": [5, 10], "bus_types": [SMALL], "max_stops": 20.0, "no_stop_facilities": ["ring"]})
    made = FeederOptions(vehicles=1, **found)
    assert made.headways_min == (5.0, 10.0)
    assert made.bus_types == (BusType("6 m", 20, 90.0, 1.5, 200.0),)
    assert made.max_stops == 20
    assert isinstance(made.max_stops, int)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"headway_min": [5]}, "unknown rule of a design 'headway_min'; nearest: headways_min"),
        ({"vehicles": 5}, "unknown rule of a design 'vehicles'"),
        ({"headways_min": 5}, "headways_min: saw 5; expected a list"),
        ({"headways_min": [5, "x"]}, "headways_min[1]: saw 'x'"),
        ({"off_peak_factors": [2, None]}, "off_peak_factors[1]: saw None; expected a number"),
        ({"headway_classes": [[5, 10, 5], [6, 12]]}, "headway_classes[1]: saw [6, 12]; expected a list of minutes"),
        ({"headway_classes": [[5, 10, "6"]]}, "headway_classes[0][2]: saw '6'"),
        ({"headway_classes": [[5, 10, 5]], "off_peak_factors": [2]}, "off_peak_factors: is given beside"),
        ({"max_stops": 63}, "max_stops: saw 63; expected a whole number, 1 to 62"),
        ({"max_stops": 2.5}, "expected a whole number"),
        ({"radius_m": float("nan")}, "radius_m: saw nan"),
        ({"radius_m": 1e6}, "expected 0 to 20000 (metres)"),
        ({"peak_share": 1.5}, "expected 0 to 1"),
        ({"bus_types": [{**SMALL, "seats": 3}]}, "unknown field of bus_types[0] 'seats'"),
        ({"bus_types": [{k: v for k, v in SMALL.items() if k != "cny_km"}]}, "bus_types[0].cny_km: is missing"),
        ({"bus_types": [{**SMALL, "capacity": -1}]}, "bus_types[0].capacity: saw -1"),
        ({"bus_types": ["6 m"]}, "expected a table with name, capacity"),
        ({"no_bus_facilities": [3]}, "no_bus_facilities[0]: saw 3"),
    ],
)
def test_what_is_wrong_is_named(data, text) -> None:
    with pytest.raises(GreentripError) as caught:
        rules_of(data)
    assert text in str(caught.value)
