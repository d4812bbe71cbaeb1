"""The bundled Beijing loads whole, is the same every time, and agrees with the published figures."""

import time

import numpy as np
import pytest
from greentrip_networks import Network, beijing, rail_of_year, summary, validate


def test_the_figures_of_2019(capital: Network) -> None:
    figures = summary(capital)
    assert (figures["zones"], figures["stations"], figures["lines"]) == (331, 340, 24)
    assert figures["rail_km"] == pytest.approx(673, abs=3)
    assert figures["road_links"] >= 20_000
    assert figures["road_links_named"] >= 4_000
    assert figures["residents"] == pytest.approx(21.5e6, rel=0.02)
    assert figures["bus_lines"] == 849
    assert figures["bus_line_km"] == pytest.approx(19_579, rel=0.01)
    assert figures["cells"] <= 12_000


def test_nothing_is_broken(capital: Network) -> None:
    assert [str(p) for p in validate(capital) if p.level == "error"] == []
    assert capital.cells.node_m[capital.cells.home_share > 0].min() >= 0
    np.testing.assert_allclose(np.bincount(capital.cells.zone, capital.cells.home_share), 1.0)
    np.testing.assert_allclose(np.bincount(capital.cells.zone, capital.cells.work_share), 1.0)


def test_generated_buses_have_the_published_headways_and_reach_most_people(capital: Network) -> None:
    medians = np.median([line.headway_s for line in capital.buses.lines], axis=0)
    np.testing.assert_allclose(medians, [435.0, 514.0, 435.0], rtol=0.05)
    gap = np.diff(capital.buses.position_m)[np.diff(capital.buses.line) == 0]
    assert 500 <= np.median(gap) <= 800
    patterns = capital.compiled.buses
    assert patterns.call_m[patterns.pattern_first[1:] - 1].sum() == pytest.approx(2 * 19_579_000, rel=0.02)


def test_the_same_bytes_every_time_and_buses_whatever_the_placement(capital: Network) -> None:
    again, other = beijing(2019), beijing(2019, placement=1)
    assert again.cells.home_share.tobytes() == capital.cells.home_share.tobytes()
    assert other.cells.home_share.tobytes() != capital.cells.home_share.tobytes()
    for one in (again, other):
        assert one.buses.node == capital.buses.node
        assert one.buses.position_m.tobytes() == capital.buses.position_m.tobytes()
    assert again.compiled.buses.path_link.tobytes() == capital.compiled.buses.path_link.tobytes()


def test_rail_grows_from_year_to_year(capital: Network) -> None:
    stations = [rail_of_year(capital, year).rail.number_of_nodes() for year in range(2013, 2021)]
    assert stations == sorted(stations)
    assert stations[2] == 278
    assert stations[6] == 340
    early = rail_of_year(capital, 2015)
    assert len(early.compiled.rail.line_ids) in (18, 19)  # line 14 runs as two until 2021


def test_loading_is_quick(capital: Network) -> None:
    """It takes under 3 s of processor time once kernels are compiled; twice that is allowed here."""
    start = time.process_time()
    beijing(2019).compiled  # noqa: B018
    assert time.process_time() - start < 6.0
