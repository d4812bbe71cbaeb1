"""Choose changes of bus lines with CP-SAT, and find what could have been chosen instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greentrip_networks.errors import ScenarioError

from greentrip_optimizer.alternatives import Alternatives, Answer, alternatives, solve
from greentrip_optimizer.line_actions import Action, Service
from greentrip_optimizer.line_conflict import conflict
from greentrip_optimizer.line_program import Rules, line_program


@dataclass(frozen=True)
class LineChoice:
    """The changes chosen and what else could have been."""

    best: Answer
    others: Alternatives

    @property
    def picks(self) -> tuple[int, ...]:
        """Rows of the actions chosen."""
        return self.best.picks or ()


def choose_changes(
    service: Service,
    actions: Sequence[Action],
    over: Mapping[int, float],
    today: Mapping[int, tuple[int, float]],
    refused: Sequence[Action] = (),
) -> LineChoice:
    """Return the actions chosen, their value together and its bound, and the next best of each.

    `over` are persons over capacity by rail ride, `today` buses and CNY a day by line. `refused` actions ask too much
    of their riders and are not chosen. Raises ScenarioError where too few buses are at hand; it says which rules
    conflict and by how much one of them would have to give way.
    """
    o = service.options
    at_hand = sum(n for n, _ in today.values()) if o.vehicles is None else o.vehicles
    rules = Rules(at_hand, o.full, o.most_loss_min)
    program = line_program(service, actions, over, today, rules)
    best = solve(program, at_hand, o.work)
    if best.impossible:
        raise conflict(service, (*actions, *refused), today, rules)
    if best.picks is None:
        raise ScenarioError("work", f"saw {o.work:g}; expected more: no plan was found, nor that there is none")
    worth = [_worth(service, a, over) for a in actions]
    return LineChoice(best, alternatives(program, at_hand, best, worth, o.work))


def _worth(service: Service, action: Action, over: Mapping[int, float]) -> float:
    """Return what an action would be worth if it were the only one, CNY a day."""
    per_min = service.parameters["value_of_time.mean_cny_h"] / 60
    taken = sum(min(n, over[r]) for r, n in action.relieved)
    return action.saved_cny - action.lost_min * per_min + service.options.crowding_min * per_min * taken
