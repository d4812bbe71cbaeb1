import numpy as np
import polars as pl
import pytest
from greentrip_agents.definitions import RESIDENT
from greentrip_agents.line_ridership import ridership, spread_flows
from greentrip_agents.model import CommuterModel
from greentrip_agents.response import reactions
from greentrip_agents.run import finish
from greentrip_agents.validation import MEASURES, Check, score, validate_model
from greentrip_networks import ScenarioError
from greentrip_networks.network import Network


@pytest.fixture(scope="module")
def settled(city: Network) -> CommuterModel:
    model = CommuterModel(city, sample=0.05, seed=0)
    finish(model, max_days=15)
    return model


def test_every_measure_is_a_finite_figure(settled: CommuterModel) -> None:
    for name, measure in MEASURES.items():
        assert np.isfinite(measure(settled)), name


def test_a_city_without_published_figures_says_so(settled: CommuterModel) -> None:
    with pytest.raises(ScenarioError, match="no published figures"):
        validate_model(settled)


def test_the_facts_of_beijing_name_measures_and_sources() -> None:
    import tomllib
    from importlib.resources import files

    rows = tomllib.loads(files("greentrip_agents").joinpath("facts", "beijing.toml").read_text(encoding="utf-8"))[
        "fact"
    ]
    assert len(rows) > 15
    for row in rows:
        assert row["measure"] in MEASURES
        assert row["source"]
        assert row["value"] > 0


def test_only_figures_nothing_was_set_with_count() -> None:
    def check(modelled: float, *, used: bool) -> Check:
        return Check("x", "x", 2019, 10.0, modelled, used, "made up")

    found = score([check(10.9, used=False), check(12.0, used=False), check(10.0, used=True)])
    assert (found["met"], found["of"], found["percent"]) == (1, 2, 50.0)


def test_line_ridership_keeps_every_rider(settled: CommuterModel) -> None:
    found = ridership(settled, draws=6)
    entries = sum(r.demand.sum() for r in settled.rail_operator.periods)
    boarded = found.lines["boardings_per_day"].sum()
    assert boarded >= entries * 0.999
    assert found.lines["boardings_per_day"].is_sorted(descending=True)
    assert set(found.sections["period"]) == {"am", "pm"}


def test_without_errors_of_perception_riders_take_the_days_journeys(settled: CommuterModel) -> None:
    period = settled.rail_operator.periods[0]
    assert spread_flows(period, 1, 0.0) == pytest.approx(period.flow_at(period.link_cost))
    wide = spread_flows(period, 12, 2.0)
    leaves = (period.kind == 3) & np.isfinite(wide)
    assert wide[leaves].sum() == pytest.approx(period.demand.sum(), rel=1e-9)


def test_reactions_leave_the_model_as_it_was(settled: CommuterModel) -> None:
    before = [r.cost.copy() for r in settled.rail_operator.periods]
    fixed = [b.fixed.copy() for b in settled.bus_operator.periods]
    found = reactions(settled)
    assert {r.name for r in found} >= {"metro_fare", "bus_fare", "fuel_price", "parking_price", "metro_headway"}
    assert all(r.elasticity <= 0 for r in found)
    for r, cost in zip(settled.rail_operator.periods, before, strict=True):
        assert (r.cost == cost).all()
    for b, cost in zip(settled.bus_operator.periods, fixed, strict=True):
        assert (b.fixed == cost).all()


def test_guests_and_travellers_are_no_residents(city: Network) -> None:
    gate = {"name": "a station", "lon": float(city.zones.lon[0]), "lat": float(city.zones.lat[0])}
    with_gate = city.with_(extra={**city.extra, "gateways": [{**gate, "passengers_day": 4000.0}]})
    model = CommuterModel(with_gate, sample=0.1, seed=0)
    people = model.people
    residents = people.weight[people.kind == RESIDENT].sum()
    assert residents == pytest.approx(city.zones.residents.sum(), rel=1e-3)
    travellers = people.weight[people.kind == 2].sum()
    assert travellers == pytest.approx(2000, rel=0.01)
    guests = people.weight[people.kind == 1].sum()
    assert guests == pytest.approx(model.parameters["population.visitors_per_resident"] * residents, rel=0.1)
    assert (np.diff(people.zone) >= 0).all()
    assert len(np.unique(people.key)) == len(people)
    one_tour = pl.Series(model.tours.person).value_counts()["count"]
    assert one_tour.max() <= 5
