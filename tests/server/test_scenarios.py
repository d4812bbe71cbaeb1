import pytest
from greentrip.client import CallError, Client, Runs

FASTER = {"kind": "SetHeadway", "line": "1", "headway_s": 120.0}


def test_a_repeated_request_returns_the_same_scenario(client: Client) -> None:
    first = client.create_scenario("tiny", [FASTER], request_id="twice")
    again = client.create_scenario("tiny", [FASTER], request_id="twice")
    assert first == again
    assert sum(s.name == first.name for s in client.scenarios()) == 1


def test_the_same_request_id_with_other_content_is_refused(client: Client) -> None:
    client.create_scenario("tiny", [FASTER], request_id="once")
    with pytest.raises(CallError, match="request_id") as caught:
        client.create_scenario("tiny", [], request_id="once")
    assert caught.value.code == "ALREADY_EXISTS"


def test_a_taken_name_is_refused(client: Client) -> None:
    client.create_scenario("tiny", name="mine")
    with pytest.raises(CallError, match="mine") as caught:
        client.create_scenario("tiny", name="mine")
    assert caught.value.code == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("steps", "field", "text"),
    [
        ([{**FASTER, "headway_s": 1.0}], "scenario.interventions[0].set_headway.headway_s", "30 to 7200"),
        (
            [FASTER, {"kind": "SetFare", "system": "metr", "factor": 1.0}],
            "scenario.interventions[1].set_fare",
            "nearest: metro",
        ),
        ([{"kind": "RailOfYear", "year": 1900}], "scenario.interventions[0].rail_of_year", "1900"),
        ([{**FASTER, "headway_s": float("nan")}], "scenario.interventions[0].set_headway.headway_s", "finite"),
    ],
)
def test_a_change_that_cannot_be_is_named_and_nothing_is_stored(
    client: Client, steps: list, field: str, text: str
) -> None:
    before = len(client.scenarios())
    with pytest.raises(CallError, match=text) as caught:
        client.create_scenario("tiny", steps)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert any(f.startswith(field) for f in caught.value.fields), caught.value.fields
    assert len(client.scenarios()) == before


def test_an_unknown_station_gets_its_nearest_names(client: Client) -> None:
    route = {"id": "f", "station": "harbor", "stops": ["n0001"], "path": ["n0001"], "ride_s": [60.0]}
    route |= {
        "length_m": 500.0,
        "headways_s": [300.0, 600.0, 300.0],
        "vehicles": 1,
        "capacity": 60,
        "cost_cny_day": 1.0,
    }
    with pytest.raises(CallError, match="harbor") as caught:
        client.create_scenario("tiny", [{"kind": "AddFeeders", "routes": [route]}])
    assert "Harbour" in caught.value.nearest


def test_validate_only_stores_nothing(client: Client) -> None:
    before = len(client.scenarios())
    assert client.create_scenario("tiny", [FASTER], validate_only=True).content_hash
    assert len(client.scenarios()) == before


def test_a_bad_name_is_refused(client: Client) -> None:
    with pytest.raises(CallError) as caught:
        client.create_scenario("tiny", name="No Capitals")
    assert "scenario_id" in caught.value.fields


def test_a_scenario_in_use_stays(client: Client, base: Runs) -> None:
    made = client.create_scenario("tiny", [FASTER], name="in-use")
    run = client.create_run(made.name, sample=0.002, max_days=2)
    with pytest.raises(CallError, match="delete those runs first") as caught:
        client.delete_scenario(made.name)
    assert caught.value.code == "FAILED_PRECONDITION"
    client.cancel(run.name)
    client.delete_run(run.name)
    client.delete_scenario(made.name)
    with pytest.raises(CallError) as caught:
        client.scenario(made.name)
    assert caught.value.code == "NOT_FOUND"
