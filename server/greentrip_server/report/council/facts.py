"""What a report on an experiment is written from, beside the comparison's figures: what was asked and computed."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greentrip_networks.network import FeederRoute
from greentrip_networks.scenario import AddFeeders, Intervention


@dataclass(frozen=True)
class Compared:
    """One scenario: what it is, and what its finished runs found.

    `results` are runs' indicators by seed, `asked` is the number of runs that the experiment wants of it, and
    `cost_million_cny_year` is None where nothing is known of its cost.
    """

    name: str
    network: str
    description: str = ""
    plan: str = ""
    steps: tuple[Intervention, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    cost_million_cny_year: float | None = None
    asked: int = 0
    results: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def routes(self) -> tuple[FeederRoute, ...]:
        """The feeder routes that it adds."""
        return tuple(r for step in self.steps if isinstance(step, AddFeeders) for r in step.routes)

    @property
    def unsettled(self) -> list[int]:
        """Seeds whose run did not converge, or left more demand unserved than a run may."""
        return [seed for seed, found in sorted(self.results.items()) if not found.get("converged", True)]

    @property
    def unserved(self) -> dict[int, float]:
        """Percent of the demand that no mode serves, by seed, where there is any."""
        left = {seed: 100 * (1 - float(found.get("served", 1.0))) for seed, found in sorted(self.results.items())}
        return {seed: percent for seed, percent in left.items() if percent > 0}


@dataclass(frozen=True)
class Facts:
    """What an experiment asked, what computed it, and the options that the report was asked with.

    `chosen_baseline` is empty and `detailed` is None where the report's own choice was taken.
    """

    name: str
    question: str
    question_zh: str
    asked: Mapping[str, Any]
    content_hash: str
    code: str
    versions: str
    sample: float
    max_days: int
    seeds: tuple[int, ...]
    compared: Sequence[Compared]
    sources: Sequence[str] = ()
    chosen_baseline: str = ""
    detailed: int | None = None

    def experiment_json(self) -> bytes:
        """Return the specification, ready to be run again."""
        return (json.dumps(self.asked, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()

    def commands(self) -> tuple[str, str]:
        """Return the commands that run the experiment and write this report again."""
        options = ["--baseline", self.chosen_baseline] if self.chosen_baseline else []
        options += ["--detailed", str(self.detailed)] if self.detailed is not None else []
        report = shlex.join(["greentrip", "report", self.name, *options])
        return "greentrip experiment run experiment.json", f"{report} --to DIR"


def seeds_in_short(seeds: Sequence[int]) -> str:
    """Return seeds with neighbours drawn together: 0–4, 7."""
    spans: list[list[int]] = []
    for seed in sorted(seeds):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ", ".join(str(a) if a == b else f"{a}–{b}" if b > a + 1 else f"{a}, {b}" for a, b in spans)
