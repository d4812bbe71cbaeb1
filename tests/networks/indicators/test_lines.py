"""Lines and stations: the summary's kilometres, growth with the years, density that adds up."""

import pytest
from greentrip_networks import Network, rail_of_year, summary
from greentrip_networks.errors import TableError, UnknownNameError
from greentrip_networks.indicators import area_named, measure_lines
from greentrip_networks.indicators.areas import _joined


def test_figures_of_a_year_are_the_summarys(city: Network) -> None:
    for year in (2015, 2019):
        known = summary(rail_of_year(city, year))
        found = measure_lines(city, years=[year], areas=["whole city"])
        rail = next(r for r in found.rows if r.mode == "rail")
        assert rail.stops == known["stations"] == found.density[0].stations
        assert rail.lines == known["lines"]
        assert rail.route_km == pytest.approx(known["rail_km"], abs=0.06)
        assert rail.track_km == pytest.approx(known["track_km"], abs=0.06)
        assert found.density[0].track_km == pytest.approx(rail.track_km)
        served = set(city.zones.district_en) - set(rail.districts_without)
        assert len(served) == rail.districts


def test_modes_add_up_and_buses_are_counted(city: Network) -> None:
    found = measure_lines(city)
    modes = [r for r in found.rows if r.mode not in ("rail", "bus")]
    rail = next(r for r in found.rows if r.mode == "rail")
    assert sum(r.lines for r in modes) == rail.lines
    assert sum(r.route_km for r in modes) == pytest.approx(rail.route_km)
    bus = next(r for r in found.rows if r.mode == "bus")
    assert bus.route_km == pytest.approx(summary(city)["bus_line_km"], rel=0.05)  # there along streets, here driven
    assert 0 < bus.track_km <= bus.route_km + 1e-9


def test_rail_only_grows(city: Network) -> None:
    found = measure_lines(city, years=range(2015, 2020))
    km = [r.track_km for r in found.rows if r.mode == "rail"]
    assert km == sorted(km)
    assert km[0] < km[-1]


def test_joined_zones_hold_what_each_holds(city: Network) -> None:
    a, b = city.zones.name_en[0], city.zones.name_en[1]
    parts = measure_lines(city, areas=[a, b]).density
    joined = measure_lines(city, areas=[f"{a} + {b}"]).density[0]
    assert joined.stations == sum(p.stations for p in parts)
    assert joined.area_km2 == pytest.approx(sum(p.area_km2 for p in parts))
    assert joined.track_km == pytest.approx(sum(p.track_km for p in parts))
    drawn = area_named(city, "POLYGON((115 30, 115.1 30, 115.1 30.1, 115 30))")
    with pytest.raises(TableError, match="areas of zones between"):
        _joined("both", [area_named(city, a), drawn])
    with pytest.raises(UnknownNameError, match="2031"):
        measure_lines(city, years=[2031])
