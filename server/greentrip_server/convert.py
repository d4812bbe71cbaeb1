"""Turn rows into the contract's messages."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, status_pb2
from greentrip.interventions import fill, to_message
from greentrip.v1 import comparison_pb2, plan_pb2, run_pb2, scenario_pb2

from greentrip_server.errors import status_from_json
from greentrip_server.jobs import etag
from greentrip_server.kinds import RUNS
from greentrip_server.tables import CANCELLED, FAILED, SUCCEEDED, TERMINAL, JobRow, PlanRow, ScenarioRow

if TYPE_CHECKING:
    from google.protobuf.message import Message


def timestamp(seconds: float | None) -> Timestamp | None:
    """Return seconds since 1970 as a message."""
    if seconds is None:
        return None
    made = Timestamp()
    made.FromMicroseconds(round(seconds * 1e6))
    return made


def duration(seconds: float | None) -> Duration | None:
    """Return seconds as a message."""
    if not seconds:
        return None
    made = Duration()
    made.FromNanoseconds(round(seconds * 1e9))
    return made


def struct(data: Mapping[str, Any]) -> Struct:
    """Return plain data as a Struct; keys become text, tuples lists."""
    made = Struct()
    made.update(_plain(data))
    return made


def _plain(value: Any) -> Any:
    """Make keys text and sequences lists; a Struct carries no infinite or undefined number, they become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def scenario(row: ScenarioRow) -> scenario_pb2.Scenario:
    """Return a scenario's message."""
    return scenario_pb2.Scenario(
        name=f"scenarios/{row.id}" if row.number is not None else "",
        network=row.network,
        interventions=[to_message(step) for step in row.interventions],
        description=row.description,
        content_hash=row.content_hash,
        create_time=timestamp(row.created),
        update_time=timestamp(row.updated),
        etag=etag(row) if row.number is not None else "",
        archived=row.archived is not None,
        creator=row.client,
    )


def run(row: JobRow, progress: Mapping[str, Any]) -> run_pb2.Run:
    """Return a run's message."""
    asked = row.input
    return run_pb2.Run(
        name=row.name,
        scenario=row.parent,
        seed=asked["seed"],
        sample=asked["sample"],
        max_days=asked["max_days"],
        placement=asked["placement"],
        parameters=asked.get("parameters"),
        state=run_pb2.RunState.Value(f"RUN_STATE_{row.state.upper()}"),
        progress=run_pb2.RunProgress(**progress) if progress else None,
        attempt=row.attempt,
        input_hash=row.input_hash,
        error=status_from_json(row.error) if row.error else None,
        create_time=timestamp(row.created),
        start_time=timestamp(row.started),
        end_time=timestamp(row.ended),
        update_time=timestamp(row.updated),
        description=row.description,
        time_limit=duration(asked.get("time_limit_s")),
        etag=etag(row) if row.number is not None else "",
        archived=row.archived is not None,
        creator=row.client,
        history=[
            run_pb2.StateChange(
                state=run_pb2.RunState.Value(f"RUN_STATE_{passed['state'].upper()}"),
                time=timestamp(passed["at"]),
                attempt=passed["attempt"],
                reason=passed["reason"],
            )
            for passed in row.history
        ],
    )


def run_result(row: JobRow) -> run_pb2.RunResult:
    """Return what a finished run found."""
    found = row.result or {}
    return run_pb2.RunResult(
        run=row.name,
        converged=found["converged"],
        days=found["days"],
        gap=found["gap"],
        residents=int(found["residents"]),
        trips=int(found["trips"]),
        green_shares=_shares(found["green_share"]),
        mode_shares=_shares(found["mode_share"]),
        indicators=struct(found),
    )


def _shares(nested: Mapping[str, Mapping[str, Any]]) -> Iterator[run_pb2.Share]:
    """Flatten {area: {base: percent or {mode: percent}}}."""
    for area, bases in nested.items():
        for base, value in bases.items():
            for mode, percent in value.items() if isinstance(value, Mapping) else [("", value)]:
                yield run_pb2.Share(area=area, base=base, mode=mode, percent=percent)


def plan(row: PlanRow) -> plan_pb2.Plan:
    """Return a plan's message."""
    document = row.document
    buses = [r["vehicles"] for r in (*document["routes"], *document.get("lines", ()))]
    buses += [r["buses"] for r in document["indicators"].get("commuter_routes", ())]
    made = plan_pb2.Plan(
        name=f"plans/{row.id}" if row.number is not None else "",
        network=row.network,
        run=row.run,
        stations=document["stations"],
        objective=document["objective"],
        bound=document["bound"],
        gap=document["gap"],
        bound_kind=document["bound_kind"],
        vehicles=sum(buses),
        indicators=struct(document["indicators"]),
        assumptions=document["assumptions"],
        create_time=timestamp(row.created),
        description=row.description or "",
        update_time=timestamp(row.updated),
        etag=etag(row) if row.number is not None else "",
        archived=row.archived is not None,
        creator=row.client,
    )
    for route in document["routes"]:
        fill(made.routes.add(), route)
    for line in document.get("lines", ()):
        fill(made.lines.add(), line)
    return made


def plan_difference(found: Mapping[str, Any], names: Sequence[str]) -> plan_pb2.PlanDifference:
    """Return two plans side by side from plain data."""
    rank = {"changed": 0, "dropped": 1, "added": 2, "kept": 3}
    made = plan_pb2.PlanDifference(
        before=names[0],
        after=names[1],
        **{
            f"{field}_{side}": found[field][i]
            for field in ("vehicles", "cost_cny_day", "residents")
            for i, side in enumerate(("before", "after"))
        },
        **{f"residents_{field}": found[field] for field in ("gain", "lose", "more_often", "less_often")},
        walk_m=found["walk_m"],
    )
    for route in sorted(found["routes"], key=lambda r: rank[r["kind"]]):
        made.routes.add(
            kind=route["kind"],
            station=route["station"],
            before=route["before"] or "",
            after=route["after"] or "",
            stops_added=route["stops_added"],
            stops_dropped=route["stops_dropped"],
            headway_s_before=route["headway_s"][0] or 0.0,
            headway_s_after=route["headway_s"][1] or 0.0,
            headways_s_before=route["headways_s"][0],
            headways_s_after=route["headways_s"][1],
            vehicles_before=route["vehicles"][0],
            vehicles_after=route["vehicles"][1],
            residents=route["residents"],
            loop_before=route["loop"][0],
            loop_after=route["loop"][1],
        )
    return made


def operation(row: JobRow, progress: Mapping[str, Any], plan_row: PlanRow | None = None) -> operations_pb2.Operation:
    """Return a job as a long-running operation."""
    made = operations_pb2.Operation(name=f"operations/{row.name}", done=row.state in TERMINAL)
    if row.kind == RUNS:
        described: Message = run(row, progress)
    else:
        described = plan_pb2.PlanMetadata(plan=row.name, state=row.state, **progress)
    made.metadata.Pack(described)
    if row.state == SUCCEEDED:
        made.response.Pack(plan(plan_row) if plan_row is not None else described)
    elif row.state == FAILED:
        made.error.CopyFrom(status_from_json(row.error or {}))
    elif row.state == CANCELLED:
        made.error.CopyFrom(status_pb2.Status(code=code_pb2.CANCELLED, message=f"{row.name} was cancelled"))
    return made


def comparison(summary: Mapping[str, Any]) -> comparison_pb2.Comparison:
    """Return a comparison's message from the model's summary."""
    head = summary["headline"]
    return comparison_pb2.Comparison(
        seeds=[int(s) for s in summary["seeds"]],
        headline=comparison_pb2.Headline(
            observed_percent=head["observed"],
            change_points=head["change_points"],
            change_interval=_interval(head["interval"]),
            forecast_percent=head["forecast"],
            target_percent=head["target"],
            verdict=head["verdict"],
            note=head["note"],
        ),
        modes=[
            comparison_pb2.ModeChange(
                mode=mode,
                base_percent=figures["base"],
                other_percent=figures["other"],
                change_points=figures["change"],
                change_interval=_interval(figures["interval"]),
            )
            for mode, figures in summary["shares"].items()
        ],
        diversions=[
            comparison_pb2.Diversion(from_mode=move["from"], to_mode=move["to"], trips=move["trips_per_day"])
            for move in summary["diversion"]
        ],
        summary=struct(summary),
        warnings=summary["warnings"],
    )


def scenario_comparison(summary: Mapping[str, Any]) -> comparison_pb2.ScenarioComparison:
    """Return a comparison of scenarios from the statistics' plain data."""
    name = summary["indicators"][0]["name"]
    order: list[dict[str, Any]] = next((r["order"] for r in summary["rankings"] if r["indicator"] == name), [])
    told = ("scenario", "indicator", "change", "p", "p_holm", "found", "probability_better", "paired", "seeds")
    return comparison_pb2.ScenarioComparison(
        baseline=summary["baseline"],
        level=summary["level"],
        seeds=summary["seeds"],
        differences=[
            comparison_pb2.ScenarioDifference(
                **{name: row[name] for name in told},
                further_seeds=row["further_seeds"],
                interval=_interval(row["interval"]),
            )
            for row in summary["differences"]
        ],
        ranking=[
            comparison_pb2.RankedScenario(**{k: row[k] for k in ("rank", "scenario", "mean", "held", "best")})
            for row in order
        ],
        pareto=summary["pareto"]["scenarios"],
        missing=summary["missing"],
        summary=struct(summary),
        **_details(summary.get("detail", {})),
    )


def _details(detail: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return who gains, access and exhaust of every scenario."""
    gain = ("by", "part", "persons", "trips", "minutes", "cny", "gain", "lose", "green_before", "green_after")
    return {
        "gains": [
            comparison_pb2.GroupGain(
                scenario=name, minutes_interval=_interval((row["low"], row["high"])), **{k: row[k] for k in gain}
            )
            for name, told in detail.items()
            for row in told["gains"]
        ],
        "access": [
            comparison_pb2.AccessChange(scenario=name, **{k: v for k, v in row.items() if k != "change"})
            for name, told in detail.items()
            for row in told["access"]
        ],
        "emissions": [
            comparison_pb2.EmissionChange(
                scenario=name,
                change_interval=_interval((row["low"], row["high"])),
                **{k: row[k] for k in ("mode", "what", "base", "other")},
            )
            for name, told in detail.items()
            for row in told["emissions"]
        ],
    }


def _interval(ends: Any) -> comparison_pb2.Interval | None:
    """Return an interval, or nothing where there is none (a single seed)."""
    if ends is None or any(end is None for end in ends):
        return None
    return comparison_pb2.Interval(low=ends[0], high=ends[1])
