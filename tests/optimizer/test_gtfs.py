import hashlib
import zipfile
from dataclasses import replace

import gtfs_guru
from greentrip_optimizer import FeederOptions, design
from greentrip_optimizer.gtfs import gtfs_tables


def test_a_plan_exports_as_gtfs_without_errors(tmp_path, city, plan):
    path = tmp_path / "plan.zip"
    plan.write_gtfs(path, city)
    result = gtfs_guru.validate(str(path))
    assert result.error_count == 0, [(n.code, n.file, n.row, n.message) for n in result.errors()]
    with zipfile.ZipFile(path) as feed:
        names = feed.namelist()
        stops = feed.read("stops.txt").decode().splitlines()
    assert {"stops.txt", "trips.txt", "frequencies.txt", "shapes.txt", "translations.txt", "calendar.txt"} <= set(names)
    assert len(stops) == 1 + len({s for r in plan.routes for s in r.stops}) + len({r.station for r in plan.routes})


def test_the_same_plan_gives_the_same_bytes(tmp_path, city, plan):
    digests = []
    for k in range(2):
        plan.write_gtfs(tmp_path / f"{k}.zip", city)
        digests.append(hashlib.sha256((tmp_path / f"{k}.zip").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def outbound_turns(plan, network):
    """Every turn (street nodes before, at, after) of the shapes from the station outwards."""
    name = {(f"{d['lat']:.6f}", f"{d['lon']:.6f}"): n for n, d in network.roads.nodes(data=True)}
    found = set()
    for route in plan.routes:
        rows = [r for r in gtfs_tables(plan, network)["shapes.txt"] if r[0] == f"{route.id}-1"]
        nodes = [name[r[1:3]] for r in rows if r[1:3] in name]
        found |= {*zip(nodes, nodes[1:], nodes[2:], strict=False)}
    return found


def test_a_shape_makes_no_banned_turn(city, demands):
    options = FeederOptions(vehicles=6, max_stops=6, stop_spacing_m=700.0, headways_min=(5.0, 10.0))
    free = design(demands[1:2], city, options)
    banned = tuple(sorted(outbound_turns(free, city)))[::2]
    limited = replace(city, extra={**city.extra, "banned_turns": banned})
    plan = design(demands[1:2], limited, options)
    assert plan.routes
    assert {*banned} & outbound_turns(plan, city)  # the quickest ways would make some
    assert not {*banned} & outbound_turns(plan, limited)
