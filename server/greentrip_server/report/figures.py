"""What a report is about, and the means over seeds that its tables and charts show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

import polars as pl
from greentrip_agents import Run
from greentrip_networks import Network
from greentrip_networks.network import Observed
from greentrip_optimizer import Plan

BANDS_KM = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, float("inf"))
PRIVATE = ("car", "taxi")


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, a plan, and the runs without and with it."""

    network: Network
    base_runs: Sequence[Run]
    plan: Plan
    with_runs: Sequence[Run]
    summary: Mapping[str, Any]

    @property
    def definition(self) -> Mapping[str, Any]:
        """The definition that the runs count trips by."""
        found: Mapping[str, Any] = self.base_runs[0].indicators["definition"]
        return found

    @property
    def area(self) -> str:
        """The area that the headline is about."""
        return str(self.definition["area"])

    @property
    def base(self) -> str:
        """Which trips of the area the headline counts."""
        return str(self.definition["base"])

    @property
    def observed(self) -> Observed | None:
        """The published shares of the network's year."""
        return next((o for o in self.network.observed if o.year == self.network.year), None)

    @property
    def settled(self) -> bool:
        """Whether every run converged, with its demand served."""
        return all(r.indicators["converged"] for r in (*self.base_runs, *self.with_runs))

    def warnings(self) -> list[str]:
        """Return what a reader must know first, each once."""
        found: list[str] = []
        for side, runs in (("today", self.base_runs), ("with the plan", self.with_runs)):
            for run in runs:
                found.extend(f"{side}, seed {run.indicators['seed']}: {text}" for text in run.indicators["warnings"])
                if not run.indicators["converged"] and not run.indicators["warnings"]:
                    found.append(f"{side}, seed {run.indicators['seed']}: did not converge; no verdict")
        told = tuple(found)
        found.extend(str(x) for x in self.summary.get("warnings", ()) if not any(t.endswith(str(x)) for t in told))
        return list(dict.fromkeys(found))


def mean(runs: Sequence[Run], *keys: str) -> float | None:
    """Return the seeds' mean of an indicator; nothing unless every run has it."""
    values: list[float] = []
    for run in runs:
        value: Any = run.indicators
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is None:
            return None
        values.append(float(value))
    return fmean(values)


def change(subject: Subject, *keys: str) -> float | None:
    """Return the change of an indicator's mean; nothing unless both sides have it."""
    before, after = mean(subject.base_runs, *keys), mean(subject.with_runs, *keys)
    return None if before is None or after is None else after - before


def moves(summary: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Return (from mode, to mode, trips a day) of everybody who changed, the largest first."""
    found = [
        (str(row["from"]), str(row["to"]), float(row["trips_per_day"]))
        for row in summary["diversion"]
        if row["from"] != row["to"] and row["trips_per_day"]
    ]
    return sorted(found, key=lambda m: (-m[2], m[0], m[1]))


def exchanges(summary: Mapping[str, Any]) -> list[tuple[str, str, float, float]]:
    """Return (from, to, trips a day, trips the other way) of each pair of modes, the largest net first."""
    one_way = {(a, b): n for a, b, n in moves(summary)}
    found = []
    for a, b in sorted({(min(pair), max(pair)) for pair in one_way}):
        there, back = one_way.get((a, b), 0.0), one_way.get((b, a), 0.0)
        found.append((a, b, there, back) if there >= back else (b, a, back, there))
    return sorted(found, key=lambda m: (m[3] - m[2], m[0], m[1]))


def net_to_green(subject: Subject) -> float:
    """Return trips a day that left modes that are not green for green ones, less those that went the other way."""
    green: Mapping[str, bool] = subject.definition["green"]
    return sum(n * (green.get(b, False) - green.get(a, False)) for a, b, n in moves(subject.summary))


def pooled_trips(subject: Subject, runs: Sequence[Run]) -> pl.DataFrame:
    """Return the counted trips of all seeds, weighted to one day, and whether each belongs to the headline."""
    zones = subject.network.zones
    inside = [z for z, ok in zip(zones.id, zones.areas[subject.area], strict=True) if ok]
    starts, ends = pl.col("from_zone").is_in(inside), pl.col("to_zone").is_in(inside)
    head = {"one_end": starts | ends, "both_ends": starts & ends, "residents": pl.col("home_zone").is_in(inside)}[
        subject.base
    ]
    frames = [
        run.trips.lazy()
        .filter(pl.col("counted") & (pl.col("mode") != "unserved"))
        .select("home_zone", "mode", "km", weight=pl.col("weight") / len(runs), head=head)
        for run in runs
    ]
    return pl.concat(frames).collect()


def zone_shares(trips: pl.DataFrame) -> dict[str, tuple[int, float]]:
    """Return for each home zone the trips sampled, and the share by car and taxi in percent."""
    by = trips.group_by("home_zone").agg(
        pl.len().alias("n"),
        (100 * (pl.col("weight") * pl.col("mode").is_in(PRIVATE)).sum() / pl.col("weight").sum()).alias("share"),
    )
    return {z: (int(n), float(share)) for z, n, share in by.sort("home_zone").iter_rows()}


def distance_shares(trips: pl.DataFrame) -> dict[tuple[int, str], float]:
    """Return the headline's trips by (row of BANDS_KM, mode), in percent of all of them."""
    head = trips.filter(pl.col("head"))
    total = float(head["weight"].sum()) or 1.0
    out: dict[tuple[int, str], float] = {}
    for i, (low, high) in enumerate(pairwise(BANDS_KM)):
        here = head.filter((pl.col("km") >= low) & (pl.col("km") < high))
        for mode, weight in here.group_by("mode").agg(pl.col("weight").sum()).sort("mode").iter_rows():
            out[i, mode] = 100 * float(weight) / total
    return out


def rail_lines(runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Return each rail line's names, boardings a day, and its busiest morning section: persons and load factor."""
    rows = pl.concat([run.lines.filter(pl.col("mode") != "bus") for run in runs])
    day = rows.group_by("line").agg(
        pl.col("name_en").first(), pl.col("name_zh").first(), (pl.col("boardings").sum() / len(runs)).alias("boardings")
    )
    morning = (
        rows.filter(pl.col("period") == "am")
        .group_by("line")
        .agg(pl.col("highest_load").mean(), pl.col("load_factor").mean())
    )
    joined = day.join(morning, on="line").sort(["boardings", "line"], descending=[True, False])
    return {row["line"]: row for row in joined.iter_rows(named=True)}


def busiest_roads(network: Network, runs: Sequence[Run], number: int = 12) -> list[dict[str, Any]]:
    """Return the busiest morning section of each of the busiest named roads, in one direction."""
    morning = pl.concat([run.links.filter(pl.col("period") == "am") for run in runs])
    by = (
        morning.group_by("from_node", "to_node", "facility")
        .agg(pl.col("vehicles").mean(), pl.col("capacity").first(), pl.col("free_s").first(), pl.col("seconds").mean())
        .sort(["vehicles", "from_node", "to_node"], descending=[True, False, False])
    )
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for row in by.head(4000).iter_rows(named=True):
        edges = network.roads[row["from_node"]][row["to_node"]]
        edge = edges[min(edges, key=str)]
        if edge["generated"] or edge["name"] in seen or not edge["name"]:
            continue
        seen.add(edge["name"])
        metres = float(edge["length_m"])
        found.append(
            {
                **row,
                "name": edge["name"],
                "name_zh": edge["name_zh"],
                "free_kmh": 3.6 * metres / row["free_s"],
                "kmh": 3.6 * metres / row["seconds"],
            }
        )
        if len(found) == number:
            break
    return found
