"""A run: one scenario, one seed, its figures and tables, on disk and in memory."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIODS, Network
from greentrip_networks.validation import validate

from greentrip_agents.checkpoint import origin, resume, save
from greentrip_agents.definitions import Definition
from greentrip_agents.detail import DETAIL, detail
from greentrip_agents.forecast import check_limits, forecast
from greentrip_agents.model import CommuterModel, feeder_riders
from greentrip_agents.parameters import Parameters, default_parameters

Progress = Callable[[int, int, float, float], None]

UNSERVED_LIMIT = 0.005  # more demand than this without any mode fails the run
_DRIFT_DAYS = 10


@dataclass(frozen=True, eq=False)
class Run:
    """What a simulation leaves: indicators (plain data) and tables of trips, links, lines and costs met."""

    indicators: dict[str, Any]
    trips: pl.DataFrame
    links: pl.DataFrame
    lines: pl.DataFrame
    # expected costs at the end, by name; what an optimiser needs to price changes
    costs: dict[str, np.ndarray[Any, Any]]
    # what later questions are answered from, by name (`detail.DETAIL`); read when asked for
    detail: Mapping[str, pl.LazyFrame] = field(default_factory=dict)

    def table(self, name: str) -> pl.DataFrame:
        """Return a table of `detail`; raise ScenarioError when the run was made before runs kept it."""
        if name not in self.detail:
            raise ScenarioError("run", f"keeps no table {name!r}: an older version made it; simulate it again")
        return self.detail[name].collect()

    def save(self, folder: Path | str) -> None:
        """Write the run to a folder that must not hold one yet."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        self.trips.write_parquet(target / "trips.parquet", compression="lz4")  # quick to ask, a third larger than zstd
        self.links.write_parquet(target / "links.parquet")
        self.lines.write_parquet(target / "lines.parquet")
        for name, table in self.detail.items():
            table.collect().write_parquet(target / f"{name}.parquet", compression="lz4")  # quick to write
        with (target / "costs.npz").open("wb") as out:
            columns: dict[str, Any] = dict(self.costs)
            np.savez(out, **columns)
        (target / "indicators.json").write_text(
            json.dumps(self.indicators, ensure_ascii=False, sort_keys=True), encoding="utf-8"
        )

    @classmethod
    def load(cls, folder: Path | str) -> "Run":
        """Read a run from a folder."""
        source = Path(folder)
        for name in ("indicators.json", "trips.parquet", "links.parquet", "lines.parquet", "costs.npz"):
            if not (source / name).is_file():
                raise ScenarioError("run", f"{os.fspath(source)} holds no {name}; the run is incomplete")
        with np.load(source / "costs.npz", allow_pickle=False) as data:
            costs = {k: data[k] for k in data.files}
        return cls(
            json.loads((source / "indicators.json").read_text(encoding="utf-8")),
            pl.read_parquet(source / "trips.parquet"),
            pl.read_parquet(source / "links.parquet"),
            pl.read_parquet(source / "lines.parquet"),
            costs,
            {
                name: pl.scan_parquet(source / f"{name}.parquet")
                for name in DETAIL
                if (source / f"{name}.parquet").is_file()
            },
        )


def simulate(
    network: Network,
    *,
    sample: float = 0.005,
    seed: int = 0,
    max_days: int = 60,
    parameters: Parameters | None = None,
    definition: Definition | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Simulate weekdays until the gap and the drift of the green share are below their limits, or max_days have passed.

    A run that stops without converging says so in its indicators and can bear no verdict. progress is called once a day
    with (day, max_days, gap, green share in percent); an exception it raises ends the run. checkpoint: a folder that
    keeps the last day; the same call goes on from there. Raises ScenarioError when the network cannot be simulated, and
    LimitError when it would take more memory than is free, before work starts.
    """
    refuse_bad(network)
    p = parameters if parameters is not None else default_parameters(network.name)
    if 0 < sample <= 1:
        check_limits(forecast(network, sample=sample, parameters=p))
    if max_days < 2:
        raise ScenarioError("max_days", f"saw {max_days}; expected at least 2")
    made = CommuterModel(network, sample=sample, seed=seed, parameters=parameters, definition=definition)
    with closing(made) as model:
        return finish(model, max_days=max_days, progress=progress, checkpoint=checkpoint)


def refuse_bad(network: Network) -> None:
    """Raise ScenarioError with the first errors of a network that cannot be simulated."""
    errors = [p for p in validate(network) if p.level == "error"]
    if errors:
        listed = "; ".join(f"{p.place}: {p.message}" for p in errors[:3])
        raise ScenarioError("network", f"{len(errors)} errors: {listed}")


def finish(
    model: CommuterModel, *, max_days: int = 60, progress: Progress | None = None, checkpoint: Path | None = None
) -> Run:
    """Step a model to convergence or to its last day, and gather the run; see `simulate`."""
    from greentrip_agents.indicators import indicators, lines_table, links_table, trips_table

    p = model.parameters
    made_from = origin(model) if checkpoint is not None else ""
    log = resume(checkpoint, model, made_from) if checkpoint is not None else []
    converged = _settled(model, log)
    while model.day < max_days and not converged:
        model.step()
        share = model.green_share()
        log.append({"day": model.day, "gap": float(model.gap), "green_share": share, **model.gap_parts})
        converged = _settled(model, log)
        if checkpoint is not None:
            save(checkpoint, model, log, made_from)
        if progress is not None:
            progress(model.day, max_days, float(model.gap), share)
    served = model.served()
    figures = indicators(model) | {
        "converged": converged and 1 - served <= UNSERVED_LIMIT,
        "drift": drift(log),
        "days_log": [
            {k: (v if np.isfinite(v) else None) for k, v in row.items()} for row in log
        ],  # None: not measured that day
        "warnings": _warnings(model, converged=converged, served=served, gap=p["learning.gap"], moved=drift(log)),
        "feeder_riders": {f.id: float(n) for f, n in zip(model.network.feeders, feeder_riders(model), strict=True)},
        "passenger_km_metro_million": float(sum(r.load @ r.rail.ride_m for r in model.rail_operator.periods) / 1e9),
    }
    costs = {k: np.asarray(v) for k, v in model.costs._asdict().items()}
    for name, period in zip(("am", "off", "pm"), model.road_authority.periods, strict=True):
        costs[f"link_s_{name}"] = period.all_links(period.seconds, period.roads.free_s)
    for name, rail, bus in zip(PERIODS, model.rail_operator.periods, model.bus_operator.periods, strict=True):
        costs[f"rail_load_{name}"], costs[f"rail_places_{name}"] = rail.load, rail.places  # by ride
        costs[f"bus_load_{name}"], costs[f"bus_boarded_{name}"] = bus.load, bus.boarded  # by call
    figures = json.loads(json.dumps(figures))  # as they are read back
    return Run(figures, trips_table(model), links_table(model), lines_table(model), costs, detail(model))


def _settled(model: CommuterModel, log: list[dict[str, float]]) -> bool:
    """Return whether the gap and the drift are below their limits."""
    p = model.parameters
    return bool(model.gap < p["learning.gap"] and drift(log) < p["learning.drift_points"])


def drift(log: list[dict[str, float]]) -> float:
    """Return the trend of the green share over the last ten days, in points: ten times the slope of a fitted line.

    Infinite before there are ten days. A line, not the range: single tours flip from day to day without going anywhere.
    """
    if len(log) < _DRIFT_DAYS:
        return float("inf")
    last = np.array([row["green_share"] for row in log[-_DRIFT_DAYS:]])
    days = np.arange(_DRIFT_DAYS) - (_DRIFT_DAYS - 1) / 2
    return float(abs(_DRIFT_DAYS * (days @ last) / (days @ days)))


def _warnings(model: CommuterModel, *, converged: bool, served: float, gap: float, moved: float) -> list[str]:
    """Return what a reader must know first."""
    out = []
    if 1 - served > UNSERVED_LIMIT:
        out.append(
            f"FAILED: {100 * (1 - served):.2f} % of the demand is served by no mode (limit {100 * UNSERVED_LIMIT:g} %)"
        )
    elif served < 1:
        out.append(f"{100 * (1 - served):.2f} % of the demand is served by no mode")
    if not converged:
        out.append(
            f"NOT CONVERGED after {model.day} days: gap {model.gap:.2g} (limit {gap:g}), "
            f"drift {moved:.3g} points; no verdict"
        )
    return out
