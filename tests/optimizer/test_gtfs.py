import hashlib
import zipfile

import gtfs_guru


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
