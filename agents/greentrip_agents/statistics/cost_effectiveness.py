"""What a scenario's money buys: points a million where it costs more, what is gained or lost where it saves."""

from collections.abc import Mapping, Sequence
from typing import Any

from greentrip_agents.statistics.figures import Values, column, direction
from greentrip_agents.statistics.intervals import Difference, difference

INDICATOR = "green_share"


def cost_effectiveness(
    have: Values, names: Sequence[str], baseline: str, costs: Mapping[str, float | None], level: float
) -> list[dict[str, Any]]:
    """Return what money buys by scenario: in green share, or the first indicator with a direction where runs lack it.

    Parameters
    ----------
    have
        Figures by scenario, seed and indicator.
    names
        Indicators looked at.
    baseline
        Its cost counts as 0 when unknown.
    costs
        Million CNY a year; scenarios of unknown cost are left out.
    level
        Of the intervals.

    Returns
    -------
        One row a scenario of known cost: `scenario`, `indicator`, `million_cny_year` (more than the baseline's),
        `change`, `kind`, `per_million` with its `interval` (change a million CNY a year; only where the scenario costs
        more), `lost_per_million_saved` with `lost_interval` (only where it saves and loses) and `says`, a sentence.

    """
    name = next((n for n in (INDICATOR, *names) if direction(n) and column(have[baseline], n)), None)
    rows = []
    for scenario, seeds in have.items():
        cost = costs.get(scenario)
        if name is None or scenario == baseline or cost is None or not column(seeds, name):
            continue
        found = difference(column(have[baseline], name), column(seeds, name), level)
        rows.append({"scenario": scenario, **_row(name, cost - (costs.get(baseline) or 0.0), found)})
    return rows


def _row(name: str, extra: float, found: Difference) -> dict[str, Any]:
    """Return what a difference is worth at an extra cost, million CNY a year."""
    gain = found.mean * direction(name)
    change = f"{found.mean:+.4f} of {name}"
    row: dict[str, Any] = {
        "indicator": name, "million_cny_year": extra, "change": found.mean, "kind": "costs the same",
        "per_million": None, "interval": None, "lost_per_million_saved": None, "lost_interval": None,
    }  # fmt: skip
    ends = found.interval
    if extra > 0:
        row |= {"per_million": found.mean / extra, "interval": [x / extra for x in ends] if ends else None}
        row["kind"] = "buys" if gain > 0 else "costs and does not gain"
        says = f"{row['per_million']:+.4f} of {name} per million CNY a year ({extra:.2f} million more a year)"
        if gain <= 0:
            says += ": it costs more and does not gain"
    elif extra < 0:
        says = f"saves {-extra:.2f} million CNY a year and"
        if gain > 0:
            row["kind"] = "saves and gains"
            says += f" gains {change}: it dominates the baseline"
        elif gain == 0:
            row["kind"] = "saves and changes nothing"
            says += f" changes nothing of {name}: it dominates the baseline"
        else:
            lost = abs(found.mean / extra)
            row |= {"kind": "saves and loses", "lost_per_million_saved": lost}
            # what is lost counts as positive whichever way the indicator runs
            row["lost_interval"] = sorted(direction(name) * x / extra for x in ends) if ends else None
            says += f" loses {change}: {lost:.4f} lost per million saved"
    else:
        says = f"costs the same and changes {change}"
    if ends is None:
        says += "; one seed, no interval"
    elif ends[0] <= 0 <= ends[1] and found.mean != 0:
        says += "; the change is not told from none"
    return {**row, "says": says}
