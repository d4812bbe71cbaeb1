"""Margins come from CSV and Parquet; every cell that is empty, negative or of an unknown zone or column is named."""

from pathlib import Path

import polars as pl
import pytest
from greentrip_networks import Network
from greentrip_networks.margins import read_margins
from greentrip_networks.problems import BadInputError, Problems


def frame(city: Network) -> pl.DataFrame:
    n = len(city.zones)
    return pl.DataFrame({"zone_id": city.zones.id, "residents": [100 + i for i in range(n)], "cars": [10] * n})


def test_csv_and_parquet_in_any_order_are_the_same(city: Network, tmp_path: Path) -> None:
    rows = frame(city).reverse()
    rows.write_csv(tmp_path / "m.csv")
    rows.write_parquet(tmp_path / "m.parquet")
    for name in ("m.csv", "m.parquet"):
        found = read_margins(tmp_path / name, city, Problems())
        assert set(found) == {"residents", "cars"}
        assert found["residents"].tolist() == [100 + i for i in range(len(city.zones))]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("residents,cars", "residents,car", "saw 'car'; expected zone_id, residents, .*; nearest: cars"),
        ("103,10", ",10", "line 5, residents: saw ''; expected"),
        ("103,10", "-103,10", "line 5, residents: saw '-103'; expected"),
        ("103,10", "many,10", "line 5, residents: saw 'many'; expected"),
        ("103,10", "nan,10", "line 5, residents: saw 'nan'; expected"),
    ],
)
def test_what_is_wrong_is_named(city: Network, tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = frame(city).write_csv()
    assert old in text
    (tmp_path / "m.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(BadInputError, match=expected):
        read_margins(tmp_path / "m.csv", city, Problems())


def test_zones_that_are_not_there_or_left_out_are_named(city: Network, tmp_path: Path) -> None:
    rows = frame(city)
    rows.head(19).write_csv(tmp_path / "m.csv")
    with pytest.raises(BadInputError, match=f"{city.zones.id[19]}: expected a row for every zone"):
        read_margins(tmp_path / "m.csv", city, Problems())
    text = rows.write_csv()
    (tmp_path / "m.csv").write_text(text.replace(f"{city.zones.id[2]},", f"{city.zones.id[2]}x,", 1))
    with pytest.raises(BadInputError, match=f"saw '{city.zones.id[2]}x'.*nearest: .*{city.zones.id[2]}"):
        read_margins(tmp_path / "m.csv", city, Problems())
