"""Write MATSim's transit schedule and vehicles: one day, headways as departures, a vehicle for each departure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from greentrip_networks.crs import from_wgs84
from greentrip_networks.formats.matsim_schedule import LINE_OWN, STOP_OWN
from greentrip_networks.formats.matsim_write import HEAD, PT, attributes, element, pair_id, quoted, used_stops
from greentrip_networks.layers import Layers
from greentrip_networks.problems import Problems

WEEKDAY = 2  # Wednesday: the day that is written if services differ by day
FILES = "http://www.matsim.org/files/dtd"
SEATS = 70  # assumed where a line does not say how many a vehicle carries


def write_schedule(layers: Layers, path: Path, crs: str, problems: Problems) -> None:
    """Write both files; departures are those of a Wednesday."""
    runs = departures(layers, problems)
    called = used_stops(layers)["stop_id"]
    calls = layers.pattern_stops.sort("pattern_id", "order")
    lost = calls.filter(~pl.col("stop_id").is_in(called.implode()))
    if len(lost):
        problems.many(
            "error",
            "no-place",
            "stops with coordinates",
            count=lost["stop_id"].n_unique(),
            records=lost["stop_id"].unique(maintain_order=True).head(20).to_list(),
            field="stops",
        )
        return
    calls_of = {k[0]: f.to_dicts() for k, f in calls.partition_by("pattern_id", as_dict=True).items()}
    runs_of = {k[0]: f.to_dicts() for k, f in runs.partition_by("pattern_id", as_dict=True).items()}
    patterns_of = {
        k[0]: f.to_dicts()
        for k, f in layers.patterns.partition_by("line_id", as_dict=True, maintain_order=True).items()
    }
    with (path / "transitSchedule.xml").open("w", encoding="utf-8") as out:
        out.write(HEAD + '<!DOCTYPE transitSchedule SYSTEM "http://www.matsim.org/files/dtd/transitSchedule_v2.dtd">\n')
        out.write("<transitSchedule>\n" + attributes({"coordinateReferenceSystem": crs}) + "<transitStops>\n")
        out.writelines(_stops(layers, crs, set(called)))
        out.write("</transitStops>\n")
        timed = layers.transfers.filter(pl.col("min_s").is_not_null())
        if len(timed):
            out.write("<minimalTransferTimes>\n")
            for row in timed.unique(["from_stop", "to_stop"], keep="first", maintain_order=True).iter_rows(named=True):
                given = {"fromStop": row["from_stop"], "toStop": row["to_stop"], "transferTime": f"{row['min_s']}.0"}
                out.write(element("relation", given))
            out.write("</minimalTransferTimes>\n")
        for line in layers.lines.iter_rows(named=True):
            own = {k: "" if line[k] is None else str(line[k]) for k in LINE_OWN}
            out.write(f"<transitLine id={quoted(line['line_id'])} name={quoted(line['name'])}>\n" + attributes(own))
            for pattern in patterns_of.get(line["line_id"], []):
                key = pattern["pattern_id"]
                out.writelines(_route(pattern, line["mode"], calls_of.get(key, []), runs_of.get(key, [])))
            out.write("</transitLine>\n")
        out.write("</transitSchedule>\n")
    _write_vehicles(layers, path, runs)


def departures(layers: Layers, problems: Problems) -> pl.DataFrame:
    """Return trip, pattern and start of every departure of the day, headways unrolled."""
    headways = layers.headways
    starts = pl.int_ranges("start_s", "end_s", pl.col("headway_s").clip(1))
    rolled = headways.with_columns(start_s=starts).explode("start_s").drop_nulls("start_s")
    stamp = pl.col("pattern_id") + "@" + pl.col("start_s").cast(pl.String)
    rolled = rolled.select(stamp.alias("trip_id"), "pattern_id", "service_id", pl.col("start_s").cast(pl.Int32))
    runs = pl.concat([layers.trips.select("trip_id", "pattern_id", "service_id", "start_s"), rolled])
    services = layers.calendars.filter(pl.col("days").str.slice(WEEKDAY, 1) == "1")["service_id"]
    if len(services):
        others = runs.filter(~pl.col("service_id").is_in(services.implode()))
        if len(others):
            problems.warn(
                "one-day",
                "services of a Wednesday",
                field="trips",
                times=len(others),
                remedy="a MATSim schedule is one day",
                saw=f"{len(others)} of {', '.join(others['service_id'].unique(maintain_order=True).head(5))}",
            )
        runs = runs.filter(pl.col("service_id").is_in(services.implode()))
    return runs.unique("trip_id", keep="first", maintain_order=True)


def _stops(layers: Layers, crs: str, called: set[str]) -> Iterator[str]:
    stops = layers.stops.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    x, y = from_wgs84(stops["lon"].to_numpy(), stops["lat"].to_numpy(), crs)
    for stop, a, b in zip(stops.iter_rows(named=True), x.tolist(), y.tolist(), strict=True):
        given = {"id": stop["stop_id"], "x": repr(a), "y": repr(b), "name": stop["name"]}
        if stop["stop_id"] in called:
            given["linkRefId"] = f"{PT}{stop['stop_id']}"
        if stop["parent"]:
            given["stopAreaId"] = stop["parent"]
        own = {k: "" if stop[k] is None else str(stop[k]) for k in STOP_OWN}
        own["kind"] = "" if stop["kind"] == "stop" else stop["kind"]
        yield element("stopFacility", given, attributes(own))


def clock(seconds: int) -> str:
    """Return seconds as HH:MM:SS, past 24 hours if need be."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _route(
    pattern: dict[str, Any], mode: str, calls: list[dict[str, Any]], runs: list[dict[str, Any]]
) -> Iterator[str]:
    """Yield a transitRoute: profile, links of our own from stop to stop, departures."""
    metres = [c["distance_m"] for c in calls]
    own = {
        "direction": str(pattern["direction"] or 0) if pattern["direction"] else "",
        "headsign": pattern["headsign"],
        "distance_m": " ".join("-" if m is None else repr(m) for m in metres)
        if any(m is not None for m in metres)
        else "",
        "laid_between": " ".join(str(i) for i, c in enumerate(calls) if not c["stated"]),
    }
    yield f"<transitRoute id={quoted(pattern['pattern_id'])}>\n" + attributes(own)
    yield f"<transportMode>{quoted(mode or 'pt')[1:-1]}</transportMode>\n<routeProfile>\n"
    for i, call in enumerate(calls):
        given = {"refId": call["stop_id"], "departureOffset": clock(call["depart_s"] or 0)}
        if i:
            given["arrivalOffset"] = clock(call["arrive_s"] or 0)
        given |= {k: "false" for k, c in (("allowBoarding", "board"), ("allowAlighting", "alight")) if not call[c]}
        yield element("stop", given | {"awaitDeparture": "true"})
    yield "</routeProfile>\n<route>\n"
    before = ""
    for stop in (c["stop_id"] for c in calls):
        if before and before != stop:
            yield element("link", {"refId": pair_id(before, stop)})
        if before != stop:
            yield element("link", {"refId": f"{PT}{stop}"})
        before = stop
    yield "</route>\n<departures>\n"
    for run in runs:
        yield element(
            "departure",
            {"id": run["trip_id"], "departureTime": clock(run["start_s"]), "vehicleRefId": f"{PT}{run['trip_id']}"},
        )
    yield "</departures>\n</transitRoute>\n"


def _write_vehicles(layers: Layers, path: Path, runs: pl.DataFrame) -> None:
    """Write a vehicle type for each line and a vehicle for each departure."""
    line_of = dict(layers.patterns.select("pattern_id", "line_id").iter_rows())
    with (path / "transitVehicles.xml").open("w", encoding="utf-8") as out:
        out.write(HEAD)
        out.write(
            f'<vehicleDefinitions xmlns="{FILES}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:schemaLocation="{FILES} {FILES}/vehicleDefinitions_v2.0.xsd">\n'
        )
        for line in layers.lines.iter_rows(named=True):
            seats = {
                "seats": str(SEATS if line["capacity"] is None else line["capacity"]),
                "standingRoomInPersons": "0",
            }
            inside = (
                element("capacity", seats) + element("length", {"meter": "12.0"}) + element("width", {"meter": "2.5"})
            )
            inside += element("passengerCarEquivalents", {"pce": "2.5"}) + element("networkMode", {"networkMode": "pt"})
            out.write(element("vehicleType", {"id": line["line_id"]}, inside))
        for trip, pattern in runs.select("trip_id", "pattern_id").iter_rows():
            out.write(element("vehicle", {"id": f"{PT}{trip}", "type": line_of.get(pattern, "")}))
        out.write("</vehicleDefinitions>\n")
