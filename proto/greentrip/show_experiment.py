"""Tables for people about experiments and comparisons of scenarios."""

from typing import TYPE_CHECKING

from greentrip.show import Cell, console, number, table
from greentrip.v1 import experiment_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence


def line(made: experiment_pb2.Experiment) -> str:
    """Return an experiment in one line."""
    p = made.progress
    state = experiment_pb2.ExperimentState.Name(made.state).removeprefix("EXPERIMENT_STATE_").lower()
    parts = [f"{made.name}  {state}  {p.succeeded} of {p.runs} runs done"]
    parts += [
        f"{count} {word}"
        for count, word in (
            (p.reused, "reused"),
            (p.failed, "failed"),
            (p.cancelled, "cancelled"),
            (p.running, "running"),
            (p.waiting, "waiting"),
        )
        if count
    ]
    if p.seconds_left:
        parts.append(f"about {duration(p.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


_ACROSS = 3  # indicators side by side within 100 columns


def _cell(scenario: experiment_pb2.ScenarioFigures, name: str) -> str:
    """Return a mean and half its interval."""
    found = next((f for f in scenario.figures if f.indicator == name), None)
    if found is None:
        return "-"
    half = f" ± {(found.interval.high - found.interval.low) / 2:.3f}" if found.HasField("interval") else ""
    return number(found.mean, 3) + half


def experiment(made: experiment_pb2.Experiment, result: experiment_pb2.ExperimentResult) -> None:
    """Print how an experiment stands, the figures of its scenarios and what is missing."""
    out = console()
    out.print(line(made), markup=False)
    if made.spec.question:
        out.print(made.spec.question, markup=False)
    names = list(dict.fromkeys(f.indicator for s in result.scenarios for f in s.figures))
    for start in range(0, len(names), _ACROSS):
        part = names[start : start + _ACROSS]
        rows: list[Sequence[Cell]] = [
            (scenario.scenario, str(len(scenario.seeds)), *(_cell(scenario, name) for name in part))
            for scenario in result.scenarios
        ]
        out.print(table("Mean of the seeds ± 95 % of its seed noise", ("scenario", "seeds", *part), rows))
    for text in result.missing:
        out.print(text, markup=False)
