"""The commands that say who travels, from a stored network to a simulated one, as scripts meet them."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from greentrip.cli import app
from greentrip.client import connect
from greentrip.plain import plain
from greentrip_networks import tiny
from typer.testing import CliRunner

CITY = tiny()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("data")
    with connect(data_dir=folder):
        yield str(folder)


def run(data: str, *words: str) -> dict[str, object]:
    done = CliRunner().invoke(app, [*words, "--data-dir", data, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def refused(data: str, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--data-dir", data])
    assert done.exit_code == 1
    return str(done.exception)


@pytest.mark.slow
def test_a_population_of_margins_is_stored_and_simulated(data: str, tmp_path: Path) -> None:
    residents = np.rint(CITY.zones.residents * 1.1)
    workers = np.rint(residents * 0.45)
    frame = pl.DataFrame({"zone_id": CITY.zones.id, "residents": residents, "workers": workers})
    frame.write_csv(tmp_path / "margins.csv")
    words = ("population", "synthesise", str(tmp_path / "margins.csv"), "--network", "tiny")
    checked = run(data, *words)
    assert "stored" not in checked
    made = run(data, *words, "--as", "peopled", "--tables", str(tmp_path / "out"), "--sample", "0.02")
    assert made["stored"] == "networks/peopled"
    assert made["residents"] == residents.sum()
    assert {m["margin"]: m["largest_miss_persons"] < 1 for m in made["margins"]}["workers"]
    persons = pl.read_parquet(tmp_path / "out" / "persons.parquet")
    assert persons["weight"].sum() == pytest.approx(residents.sum())
    assert set(pl.read_parquet(tmp_path / "out" / "tours.parquet")["purpose"]) >= {"work", "school"}
    with connect(data_dir=data) as client:
        lived = plain(client.simulate("peopled", sample=0.02, max_days=2).results()[0].indicators)
    assert lived["residents_represented"] == pytest.approx(residents.sum())
    assert "residents are synthesised from zone margins" in lived["assumptions"]
    frame.with_columns(workers=pl.col("workers") * 3).write_csv(tmp_path / "bad.csv")
    assert "expected at most" in refused(
        data, "population", "synthesise", str(tmp_path / "bad.csv"), "--network", "tiny"
    )


def test_observed_trips_are_stored_and_simulated(data: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    origin, destination = (g.ravel() for g in np.indices((20, 20)))
    ids = np.array(CITY.zones.id)
    trips = rng.gamma(1.0, 40.0, 400)
    frame = pl.DataFrame(
        {"origin": ids[origin], "destination": ids[destination], "work_am": trips, "leisure_off": trips[::-1]}
    )
    frame.write_csv(tmp_path / "od.csv")
    words = ("population", "from-od", str(tmp_path / "od.csv"), "--network", "tiny", "--sample", "0.1")
    made = run(data, *words, "--as", "observed")
    assert made["stored"] == "networks/observed"
    assert {m["matrix"] for m in made["matrices"]} == {"work am", "leisure off"}
    assert max(m["largest_miss_percent"] for m in made["matrices"]) < 1
    with connect(data_dir=data) as client:
        lived = plain(client.simulate("observed", sample=0.1, max_days=2).results()[0].indicators)
    assert lived["residents_represented"] == pytest.approx(2 * trips.sum(), rel=0.005)
    frame.rename({"work_am": "wrk_am"}).write_csv(tmp_path / "bad.csv")
    assert "nearest: work" in refused(data, "population", "from-od", str(tmp_path / "bad.csv"), "--network", "tiny")


def test_parameters_of_no_survey_are_refused(tmp_path: Path) -> None:
    (tmp_path / "modes.pickle").write_bytes(b"\x80\x04cos\nsystem\n")
    done = CliRunner().invoke(app, ["parameters", "from-biogeme", str(tmp_path / "modes.pickle")])
    assert done.exit_code == 1
    assert "pickles are not read" in str(done.exception) or "greentrip[survey]" in str(done.exception)
