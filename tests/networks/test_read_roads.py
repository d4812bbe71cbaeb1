"""The street graph says what node.csv and link.csv say, and the nearest node is the nearest."""

import csv

import numpy as np
from greentrip_networks import Network
from greentrip_networks.read import DATA
from greentrip_networks.read_roads import nearest_nodes
from hypothesis import given
from hypothesis import strategies as st


def test_each_link_is_an_edge_a_direction(city: Network) -> None:
    with (DATA / "tiny" / "roads" / "link.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert city.roads.number_of_edges() == sum(1 if row["directed"] == "1" else 2 for row in rows)
    for row in rows:
        data = city.roads.edges[row["from_node_id"], row["to_node_id"], row["link_id"]]
        assert data["length_m"] == float(row["length"])
        assert data["capacity_veh_h"] == float(row["capacity"]) * float(row["lanes"])
        assert data["uses"] == set(row["allowed_uses"].split(","))
        assert data["generated"] is (row["generated"] == "1")
        if row["directed"] == "0":
            assert city.roads.edges[row["to_node_id"], row["from_node_id"], row["link_id"]] == data


@given(st.floats(-8000, 8000), st.floats(-8000, 8000))
def test_no_walkable_node_is_nearer(city: Network, x: float, y: float) -> None:
    street = nearest_nodes(city.roads)
    row, metres = street.find([x], [y])
    all_metres = np.hypot(street.x_m - x, street.y_m - y)
    assert abs(metres[0] - all_metres[row[0]]) < 1e-6
    assert metres[0] <= all_metres.min() + 1e-6
    assert not any(node.startswith("x") for node in street.nodes)  # the expressway's nodes are for cars only
