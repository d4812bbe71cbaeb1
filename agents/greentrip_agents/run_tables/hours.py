"""What a run has by period, by hour of the day."""

import numpy as np
import polars as pl
from greentrip_networks.kernels import njit
from greentrip_networks.network import PERIOD_HOURS, PERIODS, Network
from numpy.typing import NDArray

from greentrip_agents.hours import DAY, IN_PERIOD, PERIOD_AT, Profile, profile_of, start_hours
from greentrip_agents.parameters import Parameters
from greentrip_agents.policies import in_force
from greentrip_agents.rail_loading import RailPeriod
from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import HOURS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]

RAIL_NOTE = (
    "rail: riders pass a section as many minutes after their start as the way there takes; "
    "those still under way at 22:00 are left out then; a headway holds from when trains leave their line's first stop"
)
BUS_NOTE = "buses: every section has the hours at which the city's bus trips start"


def told(network: Network, *modes: str) -> tuple[str, ...]:
    """Return what the hours of some modes rest on."""
    return tuple(f"hours by {mode}: {profile_of(network.name, mode).source}" for mode in modes)


def by_hour(rows: pl.DataFrame, profile: Profile, *columns: str) -> pl.DataFrame:
    """Return a row for each hour of each row's period; `period` is then the hour, `columns` are its share of them."""
    hours = pl.DataFrame({
        "period": list(PERIOD_AT.values()),
        "hour": list(PERIOD_AT),
        "share": profile.share[[int(hour) for hour in PERIOD_AT]],
    })  # fmt: skip
    spread = rows.join(hours, on="period", maintain_order="left_right")
    return spread.with_columns(pl.col("hour").alias("period"), *(pl.col(c) * pl.col("share") for c in columns)).drop(
        "hour", "share"
    )


def hourly_sections(run: Run, network: Network, parameters: Parameters) -> pl.DataFrame:
    """Return the run's table of sections with hours for periods: persons in each hour, and places offered in it."""
    sections = run.table("sections")
    bus = by_hour(
        sections.filter(pl.col("mode") == "bus").with_columns(
            pl.col("places") / pl.col("period").replace_strict(HOURS, return_dtype=pl.Float64)
        ),
        profile_of(network.name, "bus"),
        "persons",
    )
    return pl.concat([hourly_rail(run, network, parameters), bus])


def hourly_rail(run: Run, network: Network, parameters: Parameters) -> pl.DataFrame:
    """Return the rows of `hourly_sections` by rail."""
    sections, load = run.table("sections"), rail_hours(run, network, parameters).sum(axis=0)
    rows = [_rail(sections, name) for name in PERIODS]
    offered = places_by_hour(
        np.column_stack([part["places"].to_numpy() / HOURS[name] for name, part in zip(PERIODS, rows, strict=True)]),
        minutes_from_first(network),
    )
    return pl.concat([
        rows[0].with_columns(
            period=pl.lit(hour), persons=pl.Series(load[:, int(hour)]), places=pl.Series(offered[:, int(hour)])
        )
        for hour in PERIOD_AT
    ])  # fmt: skip


def minutes_from_first(network: Network) -> Floats:
    """Return the minutes that trains ride from their line's first stop to each ride, shape (rides,); 0 on loops."""
    rail = network.compiled.rail
    loops = np.array([network.line(name).loop for name in rail.line_ids], np.bool_)
    rides = pl.DataFrame({"line": rail.ride_line, "direction": rail.ride_direction, "s": rail.ride_s})
    before = rides.select((pl.col("s").cum_sum() - pl.col("s")).over("line", "direction"))["s"].to_numpy()
    return np.where(loops[rail.ride_line], 0.0, before / 60)


def places_by_hour(places_h: Floats, minutes: Floats) -> Floats:
    """Return the places that rides offer in each hour, shape (rides, 24).

    Trains leave their line's first stop at the headway of the period then (outside the service day: between the peaks),
    and pass a ride so many `minutes` later; places_h has shape (rides, periods), places an hour.
    """
    at_first = np.where(IN_PERIOD.any(axis=0), IN_PERIOD.argmax(axis=0), PERIODS.index("off"))  # (24,) period
    later, rest = np.divmod(minutes[:, None] / 60, 1)
    hour = np.arange(DAY) - later.astype(np.int64)  # in which those leave that pass after the hour's first `rest`
    rows = np.arange(len(minutes))[:, None]
    now, before = (places_h[rows, at_first[np.maximum(hour - back, 0)]] for back in (0, 1))
    found: Floats = (1 - rest) * now + rest * before
    return found


def rail_hours(run: Run, network: Network, parameters: Parameters) -> Floats:
    """Return persons on each rail ride by the hour in which they get there, shape (periods, rides, 24).

    Periods are those in which riders start, and of them a ride has as many as the run's sections say. Riders take the
    journeys of least cost at the run's loads, which tell how long after their start they come by; they start evenly
    within an hour.
    """
    rail, p = network.compiled.rail, in_force(network, parameters)
    sections, share = run.table("sections"), profile_of(network.name, "rail").share
    riders, starts = rail_riders(run, rail.stations, share)
    out = np.zeros((len(PERIODS), len(rail.ride_from), DAY))
    for t, name in enumerate(PERIODS):
        load = _rail(sections, name)["persons"].to_numpy()
        period = RailPeriod(rail, t, PERIOD_HOURS[t], p)
        on = period.ride >= 0
        period.expected_flow[on] = load[period.ride[on]]
        period.skim()
        here = riders.filter(pl.col("period") == name)
        board, leave, kind = (here[c].to_numpy() for c in ("board_row", "leave_row", "kind"))
        passing = np.zeros_like(out[t])
        _pass(
            board, leave, here["weight"].to_numpy(), kind, starts, period.leave, period.tail, period.via, period.plain,
            period.ride, passing,
        )  # fmt: skip
        total = passing.sum(axis=1, keepdims=True)
        even = np.broadcast_to(share * IN_PERIOD[t], passing.shape)  # nobody's journey was found over it: as all start
        out[t] = load[:, None] * np.divide(passing, total, out=even.copy(), where=total > 0)
    return out


def _rail(sections: pl.DataFrame, period: str) -> pl.DataFrame:
    """Return the sections by rail in a period, in the order of the rides."""
    return sections.filter((pl.col("mode") == "rail") & (pl.col("period") == period))


def rail_riders(run: Run, stations: tuple[str, ...], share: Floats) -> tuple[pl.DataFrame, Floats]:
    """Return the run's ways by rail and when they start.

    The first has a row a period, pair of stations and kind of way, with its `weight` in persons; the second is the
    share of each kind that starts at each hour, shape (kinds, 24). Kinds are periods out, periods home, and which way.
    """
    row = pl.DataFrame({"period": PERIODS, "code": range(len(PERIODS))}, schema_overrides={"code": pl.Int64})
    at = pl.DataFrame({"station": stations, "row": range(len(stations))}, schema_overrides={"row": pl.Int64})
    trips = run.trips.join(row, on="period", maintain_order="left")
    tour = ["person", "tour"]
    outs, homes = (
        trips.filter(pl.col("direction") == way).select(*tour, pl.col("code").alias(way)) for way in ("out", "home")
    )
    ways = (
        trips.filter(pl.col("board") != "")
        .join(outs, on=tour, maintain_order="left")
        .join(homes, on=tour, maintain_order="left")
        .join(at.rename({"row": "board_row"}), left_on="board", right_on="station", maintain_order="left")
        .join(at.rename({"row": "leave_row"}), left_on="leave", right_on="station", maintain_order="left")
        .with_columns(pair=pl.col("out") * len(PERIODS) + pl.col("home"))
        .with_columns(kind=2 * pl.col("pair") + (pl.col("direction") == "home").cast(pl.Int64))
    )
    pairs = np.bincount(ways["pair"].to_numpy(), weights=ways["weight"].to_numpy(), minlength=len(PERIODS) ** 2)
    starts = start_hours(pairs.reshape(len(PERIODS), len(PERIODS)) / 2, share)
    riders = ways.group_by("period", "board_row", "leave_row", "kind", maintain_order=True).agg(pl.col("weight").sum())
    return riders, starts.reshape(-1, DAY)


@njit()
def _pass(
    board: Ints, leave: Ints, weight: Floats, kind: Ints, starts: Floats, exits: Int32s, tail: Int32s, via: Int32s,
    minutes: Floats, ride: Int32s, out: Floats,
) -> None:  # fmt: skip
    """Walk riders' journeys back and add them to the rides at the hours in which they come by; the last hour keeps."""
    day = out.shape[1]
    for i in range(board.shape[0]):
        tree = via[board[i]]
        node = exits[leave[i]]
        left = 0.0
        while tree[node] >= 0:
            left += minutes[tree[node]]
            node = tail[tree[node]]
        node = exits[leave[i]]
        while tree[node] >= 0:
            link = tree[node]
            left -= minutes[link]  # minutes from the start to here
            if ride[link] >= 0:
                later = max(left, 0.0) / 60.0
                whole = int(later)
                rest = later - whole
                for h in range(day):
                    persons = weight[i] * starts[kind[i], h]
                    if persons > 0.0:
                        out[ride[link], min(h + whole, day - 1)] += (1.0 - rest) * persons
                        out[ride[link], min(h + whole + 1, day - 1)] += rest * persons
            node = tail[link]
