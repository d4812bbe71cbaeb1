"""The fields of a GTFS feed that are read, and the words its codes stand for."""

import math

from greentrip_networks.formats.csv_tables import Field
from greentrip_networks.layers import PATHWAY_KINDS, STOP_KINDS, TRANSFER_KINDS

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PATTERN = "greentrip_pattern_id"  # a column of ours in trips.txt: pattern ids outlive being written and read
LANES_KIND = {"0": "tram", "1": "metro", "2": "rail", "3": "bus", "4": "ferry", "5": "cable", "6": "gondola"}
BASIC = {**LANES_KIND, "7": "funicular", "11": "trolleybus", "12": "monorail"}
TYPE_OF = {mode: code for code, mode in BASIC.items()}
_EXTENDED = (  # Google's extended route types, by hundreds
    (100, 200, "rail"),
    (200, 300, "bus"),
    (300, 400, "rail"),
    (400, 405, "metro"),
    (405, 406, "monorail"),
    (500, 700, "metro"),
    (700, 800, "bus"),
    (800, 900, "trolleybus"),
    (900, 1000, "tram"),
    (1000, 1100, "ferry"),
    (1200, 1300, "ferry"),
    (1300, 1400, "gondola"),
    (1400, 1500, "funicular"),
)


def mode_of(route_type: int | None) -> str:
    """Return the mode of a route_type, basic or extended."""
    code = -1 if route_type is None else route_type
    if str(code) in BASIC:
        return BASIC[str(code)]
    return next((mode for low, high, mode in _EXTENDED if low <= code < high), "other")


def _codes(words: tuple[str, ...], first: int = 0) -> dict[str, str]:
    return {"": words[0], **{str(i): word for i, word in enumerate(words, first)}}


_HOOK = {"": True, "0": True, "1": False, "2": True, "3": True}  # by phone or driver: riders may board

AGENCY = (
    Field("agency_id", default=""),
    Field("agency_name", to="name", default=""),
    Field("agency_url", to="url", default=""),
    Field("agency_timezone", to="timezone", default=""),
    Field("agency_lang", to="lang", default=""),
)
STOPS = (
    Field("stop_id", needed=True),
    Field("stop_code", to="code", default=""),
    Field("stop_name", to="name", default=""),
    Field("stop_lat", "number", to="lat"),
    Field("stop_lon", "number", to="lon"),
    Field("location_type", "choice", to="kind", choices=_codes(STOP_KINDS), default="stop"),
    Field("parent_station", to="parent", default=""),
    Field("platform_code", to="platform", default=""),
    Field("level_id", default=""),
    Field("zone_id", to="fare_zone", default=""),
)
LEVELS = (Field("level_id", needed=True), Field("level_index", "number", to="level"))
ROUTES = (
    Field("route_id", to="line_id", needed=True),
    Field("agency_id", to="agency", default=""),
    Field("route_short_name", to="name", default=""),
    Field("route_long_name", to="long_name", default=""),
    Field("route_type", "whole", needed=True, low=0, high=10_000),
    Field("route_color", to="colour", default=""),
    Field("route_text_color", to="text_colour", default=""),
)
TRIPS = (
    Field("trip_id", needed=True),
    Field("route_id", to="line_id", needed=True),
    Field("service_id", needed=True),
    Field("trip_headsign", to="headsign", default=""),
    Field("direction_id", "whole", to="direction", low=0, high=1, default=0),
    Field("block_id", to="block", default=""),
    Field("shape_id", default=""),
    Field(PATTERN, to="wanted_pattern", default=""),
)
STOP_TIMES = (
    Field("trip_id", needed=True),
    Field("arrival_time", "time", to="arrive"),
    Field("departure_time", "time", to="depart"),
    Field("stop_id", needed=True),
    Field("stop_sequence", "whole", to="sequence", needed=True, low=0),
    Field("pickup_type", "flag", to="board", choices=_HOOK, default=True),
    Field("drop_off_type", "flag", to="alight", choices=_HOOK, default=True),
    Field("shape_dist_traveled", "number", to="along", low=0),
    Field("timepoint", "flag", to="stated", choices={"": True, "0": False, "1": True}, default=True),
)
FREQUENCIES = (
    Field("trip_id", needed=True),
    Field("start_time", "time", to="begin_s", needed=True),
    Field("end_time", "time", to="end_s", needed=True),
    Field("headway_secs", "whole", to="headway_s", needed=True, low=1, high=86_400 * 7),
    Field("exact_times", "flag", to="exact", choices={"": False, "0": False, "1": True}, default=False),
)
WEEK = (
    Field("service_id", needed=True),
    *(Field(day, "flag", needed=True) for day in WEEKDAYS),
    Field("start_date", "date", to="start", needed=True),
    Field("end_date", "date", to="end", needed=True),
)
DATES = (
    Field("service_id", needed=True),
    Field("date", "date", needed=True),
    Field("exception_type", "choice", to="exception", needed=True, choices={"1": "added", "2": "removed"}),
)
SHAPES = (
    Field("shape_id", needed=True),
    Field("shape_pt_lat", "number", to="lat", needed=True),
    Field("shape_pt_lon", "number", to="lon", needed=True),
    Field("shape_pt_sequence", "whole", to="sequence", needed=True, low=0),
    Field("shape_dist_traveled", "number", to="along", low=0),
)
TRANSFERS = (
    Field("from_stop_id", to="from_stop", default=""),
    Field("to_stop_id", to="to_stop", default=""),
    Field("from_route_id", to="from_line", default=""),
    Field("to_route_id", to="to_line", default=""),
    Field("from_trip_id", to="from_trip", default=""),
    Field("to_trip_id", to="to_trip", default=""),
    Field("transfer_type", "choice", to="kind", choices=_codes(TRANSFER_KINDS), default="recommended"),
    Field("min_transfer_time", "whole", to="min_s", low=0),
)
PATHWAYS = (
    Field("pathway_id", needed=True),
    Field("from_stop_id", to="from_stop", needed=True),
    Field("to_stop_id", to="to_stop", needed=True),
    Field(
        "pathway_mode",
        "choice",
        to="kind",
        needed=True,
        choices={str(i): word for i, word in enumerate(PATHWAY_KINDS, 1)},
    ),
    Field("is_bidirectional", "flag", to="both_ways", needed=True),
    Field("length", "number", to="length_m", low=0, high=1e6),
    Field("traversal_time", "whole", to="walk_s", low=0),
    Field("stair_count", "whole", to="stairs"),
)
FARES = (
    Field("fare_id", needed=True),
    Field("price", "number", needed=True, low=0, high=math.inf),
    Field("currency_type", to="currency", needed=True),
    Field("transfers", "whole", low=0, high=10),
    Field("transfer_duration", "whole", to="transfer_s", low=0),
)
FARE_RULES = (
    Field("fare_id", needed=True),
    Field("route_id", to="line_id", default=""),
    Field("origin_id", to="from_zone", default=""),
    Field("destination_id", to="to_zone", default=""),
    Field("contains_id", to="contains", default=""),
)
TRANSLATIONS = (
    Field("table_name", needed=True),
    Field("field_name", needed=True),
    Field("language", needed=True),
    Field("translation", needed=True),
    Field("record_id", default=""),
    Field("field_value", default=""),
)
