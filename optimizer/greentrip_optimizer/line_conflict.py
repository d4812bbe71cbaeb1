"""Say which rules of fitted bus lines conflict, and how little one of them alone would have to give way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil, floor
from typing import Any, TypeVar

from greentrip_networks.errors import ScenarioError

from greentrip_optimizer.alternatives import possible
from greentrip_optimizer.line_actions import MOST_FULL, MOST_LOSS_MIN, Action, Service
from greentrip_optimizer.line_program import Rules, line_program

T = TypeVar("T")

# rules in the order in which they are tried to be spared, and what each is when off
_OFF: Mapping[str, Any] = {"stops": False, "most_loss_min": None, "full": None, "vehicles": None}


def conflict(
    service: Service, actions: Sequence[Action], today: Mapping[int, tuple[int, float]], rules: Rules
) -> ScenarioError:
    """Return the error that tells why no changes keep the rules: a conflicting set, and the least that would do.

    `actions` are all those found, whatever they ask of riders; `today` buses and CNY a day by line.
    """

    def tried(kept: Rules) -> bool | None:
        return possible(_program(service, actions, today, kept), kept.fleet, service.options.work)

    names = conflicting(rules, lambda kept: tried(kept) is False)
    give = {n: least_relaxation(n, actions, today, rules, lambda kept: tried(kept) is True) for n in names}
    alone = [f"{n} {value}" for n, value in give.items() if value is not None]
    if "stops" in names and tried(replace(rules, stops=False)):
        alone.append(f"without the rule that {_said('stops', rules)}")
    stuck = [n for n, value in give.items() if value is None and n != "stops"]
    least = give.get("vehicles")
    wanted = "more" if least is None else f"at least {least}"
    if len(names) > 1:
        told = "These rules cannot be kept together, though any of them left out the rest can: "
        told += "; ".join(f"{_said(n, rules)} ({n})" for n in names)
    else:
        told = "No changes run so few buses, whatever the other rules (vehicles)"
    enough = f"The least that would do if one alone gave way: {', or '.join(alone) or 'none'}"
    never = f"; no value of {' or '.join(stuck)} alone would do" if stuck else ""
    return ScenarioError("vehicles", f"saw {rules.vehicles}; expected {wanted}. {told}. {enough}{never}")


def conflicting(rules: Rules, impossible: Callable[[Rules], bool]) -> tuple[str, ...]:
    """Return names of rules that cannot be kept together, though they can if any of them is left out.

    Every rule is left out in turn, and stays out if what remains is `impossible` still (a deletion filter).
    """
    kept = rules
    for name, off in _OFF.items():
        fewer = replace(kept, **{name: off})
        if impossible(fewer):
            kept = fewer
    return tuple(name for name, off in _OFF.items() if getattr(kept, name) != off)


def least_relaxation(
    name: str,
    actions: Sequence[Action],
    today: Mapping[int, tuple[int, float]],
    rules: Rules,
    kept: Callable[[Rules], bool],
) -> float | None:
    """Return the least value of a rule with which all can be kept, the others as they are; nothing if there is none.

    Buses are whole; `full` goes in steps of 0.01 and `most_loss_min` in steps of 0.1 minutes.
    """

    def holds(value: float) -> bool:
        given: dict[str, Any] = {name: value}
        return kept(replace(rules, **given))

    if name == "vehicles" and rules.vehicles is not None:
        return _least(range(rules.vehicles + 1, sum(n for n, _ in today.values()) + 1), holds)
    if name == "full" and rules.full is not None:
        return _least([k / 100 for k in range(floor(rules.full * 100) + 1, round(MOST_FULL * 100) + 1)], holds)
    if name == "most_loss_min" and rules.most_loss_min is not None:
        asked = {ceil(a.mean_loss_min * 10) / 10 for a in actions if a.mean_loss_min > rules.most_loss_min}
        return _least(sorted(m for m in asked if m <= MOST_LOSS_MIN), holds)
    return None


def _least(values: Sequence[T], holds: Callable[[T], bool]) -> T | None:
    """Return the first of ascending values that holds, where every one after it does too; nothing if none does."""
    if not values or not holds(values[-1]):
        return None
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if holds(values[middle]):
            high = middle
        else:
            low = middle + 1
    return values[low]


def _program(service: Service, actions: Sequence[Action], today: Mapping[int, tuple[int, float]], rules: Rules) -> Any:
    """Return the program of actions under rules, without the relief that only its worth depends on."""
    return line_program(service, [replace(a, relieved=()) for a in actions], {}, today, rules)


def _said(name: str, rules: Rules) -> str:
    """Return a rule in words."""
    return {
        "vehicles": f"no more buses run than {rules.vehicles}",
        "full": "riders moved to rail fit into the trains",
        "most_loss_min": f"no change takes more than {rules.most_loss_min} minutes on average from a rider",
        "stops": "no stop away from rail loses its last line",
    }[name]
