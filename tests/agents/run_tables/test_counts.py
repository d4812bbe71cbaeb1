"""GEH against counts, and every way in which counts can be wrong."""

import polars as pl
import pytest
from greentrip_agents import Run
from greentrip_agents.run_tables.asked import Asked, Count
from greentrip_agents.run_tables.counts import count_check, geh
from greentrip_agents.run_tables.links import find_link, rows_of_ids
from greentrip_networks.errors import TableError, UnknownNameError
from greentrip_networks.network import Network


def test_geh_by_hand() -> None:
    found = pl.DataFrame({"m": [100.0, 64.0, 0.0], "c": [64.0, 64.0, 0.0]}).select(geh(pl.col("m"), pl.col("c")))
    assert found.to_series().to_list() == pytest.approx([3.97553, 0.0, 0.0], abs=1e-4)


def test_counts_equal_to_the_model_agree(run: Run, city: Network) -> None:
    outside = run.table("outside")
    am = run.links.filter(pl.col("period") == "am").join(outside.rename({"vehicles": "more"}), on=["link", "period"])
    one = am.sort("vehicles")[-1]
    counted = (one["vehicles"].item() + one["more"].item()) / 2  # two hours
    ends = f"{one['from_node'].item()}>{one['to_node'].item()}"
    made = count_check(
        run, city, Asked(counts=(Count(ends, "am", counted), Count(ends, "am", 5 * counted, "backward")))
    )
    by_way = {r["direction"]: r for r in made.table.iter_rows(named=True)}
    assert by_way[""]["geh"] == pytest.approx(0, abs=1e-9)
    assert by_way[""]["agrees"]
    assert not by_way["backward"]["agrees"]
    assert made.notes[0].startswith("50 % of 2 counts")
    assert one["more"].item() > 0


def test_ids_of_the_networks_own_table_need_a_direction_on_streets_open_both_ways(city: Network) -> None:
    roads = city.compiled.roads
    name, rows = next((k, v) for k, v in rows_of_ids(city).items() if len(v) == 2)
    for row in rows:
        assert find_link(city, f"id:{name}", roads.nodes[roads.head[row]]) == row
    with pytest.raises(UnknownNameError, match="the node it leads to"):
        find_link(city, f"id:{name}")


def test_an_hour_has_its_share_of_the_cars(run: Run, city: Network) -> None:
    busy = run.links.filter(pl.col("period") == "am").sort("vehicles")[-1]
    link, vehicles = str(busy["link"].item()), busy["vehicles"].item()
    asked = Asked(counts=(Count(link, "07", 10.0), Count(link, "08", 10.0), Count(link, "am", 10.0)))
    made = count_check(run, city.with_(name="beijing-2019"), asked)
    by_time = {r["period"]: r for r in made.table.iter_rows(named=True)}
    own = {time: r["modelled_h"] - r["outside_h"] for time, r in by_time.items()}
    assert own["07"] == pytest.approx(vehicles * 10.64 / (10.64 + 11.83))
    assert own["07"] + own["08"] == pytest.approx(2 * own["am"]) == pytest.approx(vehicles)
    assert len({r["outside_h"] for r in by_time.values()}) == 1
    assert any("assumed as all journeys by smart card" in note for note in made.notes)


AM = Count("1", "am", 5.0)


@pytest.mark.parametrize(
    ("counts", "place"),
    [
        ((AM, Count("1", "22", 5.0)), "row 3, column period.*an hour from 05 to 21"),
        ((Count("1", "07", 5.0), AM, Count("1", "07", 5.0)), "row 4, column link"),
        ((AM, AM), "row 3, column link"), ((Count("1", "noon", 5.0),), "row 2, column period"),
        ((AM, Count("1", "pm", -1.0)), "row 3, column count"),
        ((Count("1", "am", float("nan")),), "row 2, column count"),
        ((Count("777777", "am", 5.0),), "row 2, column link"), ((), "at least one count"),
        ((Count("1", "am", 5.0, "up"),), "row 2, column link"),
    ],
)  # fmt: skip
def test_wrong_counts_are_named(run: Run, city: Network, counts: tuple[Count, ...], place: str) -> None:
    with pytest.raises(TableError, match=place):
        count_check(run, city, Asked(counts=counts))
