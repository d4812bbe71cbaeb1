"""Street structure: figures against the graph's own, and defects found where they were put."""

from typing import TYPE_CHECKING

import pytest
from greentrip_networks import Network
from greentrip_networks.indicators import measure_roads
from greentrip_networks.indicators.roads import CAPACITY_DROP, DEAD_END, LANE_DROP, ONE_WAY_END

if TYPE_CHECKING:
    import networkx as nx


def test_kilometres_are_the_graphs(city: Network) -> None:
    found = measure_roads(city)
    lane_km = sum(d["length_m"] * d["lanes"] for _, _, d in city.roads.edges(data=True) if "auto" in d["uses"])
    assert sum(r.lane_km for r in found.rows) == pytest.approx(lane_km / 1000)
    for row in found.rows:
        mine = [e for e in city.roads.edges(data=True) if "auto" in e[2]["uses"] and e[2]["facility"] == row.facility]
        both = {(u, v) for u, v, _ in mine}
        alone = sum(d["length_m"] for u, v, d in mine if (v, u) not in both)
        assert row.one_way_km == pytest.approx(alone / 1000)
        assert row.km == pytest.approx((sum(d["length_m"] for _, _, d in mine) + alone) / 2000)
    assert any(row.one_way_km > 0 for row in found.rows)
    assert found.connected_share == 1
    assert found.area_km2 == pytest.approx(city.zones.area_km2.sum())


def test_central_and_outer_streets_make_the_whole(city: Network) -> None:
    inside = measure_roads(city, area="central six")
    whole = measure_roads(city)
    assert 0 < inside.km < whole.km
    assert inside.to_dict()["km_per_km2"] == pytest.approx(inside.km / inside.area_km2)


def test_defects_are_found_where_they_are(city: Network) -> None:
    before = measure_roads(city)
    assert before.count(DEAD_END) == before.count(LANE_DROP) == 0
    roads: nx.MultiDiGraph[str] = city.roads.copy()
    u, v, key, data = next(
        (u, v, k, d)
        for u, v, k, d in roads.edges(keys=True, data=True)
        if d["facility"] == "arterial" and d["lanes"] > 1 and d["name"]
        if any(w != v and e["name"] == d["name"] for w, _, e in roads.in_edges(u, data=True))
    )
    street = {**data, "name": "Blind Alley", "length_m": 120.0}
    place = {"lon": 115.001, "lat": 30.001, "x_m": 96.0, "y_m": 111.0, "name": ""}
    roads.add_node("blind", **place)
    roads.add_node("trap", **place)
    for a, b in ((u, "blind"), ("blind", u), (u, "trap")):
        roads.add_edge(a, b, key="new", **street)
    roads[u][v][key]["lanes"] = data["lanes"] - 1
    roads[v][u][next(iter(roads[v][u]))]["capacity_veh_h"] *= 0.5
    found = measure_roads(city.with_(roads=roads))
    assert [f.node for f in found.findings if f.kind == DEAD_END] == ["blind"]
    assert [f.node for f in found.findings if f.kind == ONE_WAY_END] == ["trap"]
    drops = [f for f in found.findings if f.kind == LANE_DROP]
    assert [(f.node, f.before - f.after) for f in drops] == [(u, 1.0)]
    assert {f.node for f in found.findings if f.kind == CAPACITY_DROP} <= {u, v}
    assert found.connected_share < 1
