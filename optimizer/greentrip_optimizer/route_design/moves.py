"""Changes of routes that the search proposes; each keeps routes simple paths over links with allowed node counts.

A proposal writes at most two new routes into the trial and returns whether it found one. All luck is keyed by the
number of the proposal, so that it does not depend on what was drawn before.
"""

import numpy as np
from greentrip_agents.draws import mix
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_optimizer.route_design.layout import Problem, State, Trial

STRETCH, ENDS, TAIL, ANEW, PAIR, CROSS, DONATE = range(7)
KINDS = 7
_TRIES = 10_000
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(bare=True)
def below(luck: NDArray[np.uint64], bound: int) -> int:
    """Return the next whole draw in 0 ... bound - 1; `luck` is the key and the draws so far."""
    luck[1] += _GOLDEN
    return int(((mix(luck[0] ^ luck[1]) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@njit(bare=True)
def unit(luck: NDArray[np.uint64]) -> float:
    """Return the next draw in the open interval (0, 1)."""
    luck[1] += _GOLDEN
    return float((np.float64(mix(luck[0] ^ luck[1]) >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0))


@njit(bare=True)
def rekey(luck: NDArray[np.uint64], key: int, number: int) -> None:
    """Begin the draws of proposal `number` under a key."""
    luck[0] = mix(mix(np.uint64(key) * _GOLDEN + _GOLDEN) ^ (np.uint64(number) * _GOLDEN))
    luck[1] = np.uint64(0)


@njit(bare=True)
def propose(problem: Problem, state: State, trial: Trial, kind: int, luck: NDArray[np.uint64]) -> bool:
    """Write a change of the given kind into the trial; return whether there is one."""
    routes = problem.sizes[1]
    r = below(luck, routes)
    trial.sizes[0] = 1
    trial.which[0] = r
    if kind == STRETCH:
        return _stretch(problem, state, trial, r, luck) and _fit(problem, trial, luck)
    if kind == ENDS:
        return _ends(problem, state, trial, r, luck) and _fit(problem, trial, luck)
    if kind in (TAIL, ANEW) or (kind == PAIR and routes < 2):
        return _redraw(problem, state, trial, r, kind == ANEW, luck)
    if routes < 2:
        return False
    other = (r + 1 + below(luck, routes - 1)) % routes
    trial.sizes[0] = 2
    trial.which[1] = other
    if kind == PAIR:
        if not _redraw(problem, state, trial, other, below(luck, 4) == 0, luck):
            return False
        for k in range(trial.calls[0]):
            trial.route[1, k] = trial.route[0, k]
        trial.calls[1] = trial.calls[0]
        return _redraw(problem, state, trial, r, below(luck, 4) == 0, luck)
    if kind == CROSS:
        return _cross(problem, state, trial, r, other, luck)
    return _donate(problem, state, trial, r, other, luck)


@njit(bare=True)
def _take(state: State, trial: Trial, slot: int, r: int, turned: bool) -> None:
    """Copy a route into the trial, turned round or not."""
    count = state.calls[r]
    trial.calls[slot] = count
    for k in range(count):
        trial.route[slot, k] = state.route[r, count - 1 - k if turned else k]


@njit(bare=True)
def _drop_first(trial: Trial, slot: int, drop: int) -> None:
    """Take nodes off the front of a trial's route."""
    trial.calls[slot] -= drop
    for k in range(trial.calls[slot]):
        trial.route[slot, k] = trial.route[slot, k + drop]


@njit(bare=True)
def _turn(trial: Trial, slot: int) -> None:
    """Turn a trial's route round."""
    count = trial.calls[slot]
    for k in range(count // 2):
        trial.route[slot, k], trial.route[slot, count - 1 - k] = trial.route[slot, count - 1 - k], trial.route[slot, k]


@njit(bare=True)
def _holds(trial: Trial, slot: int, node: int) -> bool:
    """Return whether a trial's route calls at a node."""
    held = False
    for k in range(trial.calls[slot]):
        held |= trial.route[slot, k] == node
    return bool(held)


@njit(bare=True)
def _grow(problem: Problem, trial: Trial, slot: int, luck: NDArray[np.uint64]) -> bool:
    """Append a random neighbour that the route does not call at yet; return whether there is one."""
    last = trial.route[slot, trial.calls[slot] - 1]
    begin, many = problem.start[last], problem.start[last + 1] - problem.start[last]
    offset = below(luck, many)
    for k in range(many):
        node = problem.beside[begin + (offset + k) % many]
        if not _holds(trial, slot, node):
            trial.route[slot, trial.calls[slot]] = node
            trial.calls[slot] += 1
            return True
    return False


@njit(bare=True)
def _fit(problem: Problem, trial: Trial, luck: NDArray[np.uint64]) -> bool:
    """Drop nodes from random ends of a route that is too long, grow ends of one too short; return whether it fits."""
    least, most = problem.sizes[2], problem.sizes[3]
    while trial.calls[0] > most:
        if below(luck, 2):
            _drop_first(trial, 0, 1)
        else:
            trial.calls[0] -= 1
    stuck = 0
    while trial.calls[0] < least:
        if stuck > 0 or below(luck, 2):
            _turn(trial, 0)
        stuck = 0 if _grow(problem, trial, 0, luck) else stuck + 1
        if stuck == 2:
            return False
    return bool(trial.calls[0] >= 2)


@njit(bare=True)
def _stretch(problem: Problem, state: State, trial: Trial, r: int, luck: NDArray[np.uint64]) -> bool:
    """Replace up to three neighbouring nodes, or none, by another stretch of road."""
    n, count = problem.sizes[0], state.calls[r]
    first = below(luck, int(count) - 1)
    last = min(first + 1 + below(luck, 4), count - 1)
    a, b = state.route[r, first], state.route[r, last]
    begin, end = problem.pieces_start[a * n + b], problem.pieces_start[a * n + b + 1]
    if begin == end:
        return False
    piece = problem.pieces[begin + below(luck, int(end - begin))]
    same = piece[0] == last - first - 1
    for k in range(piece[0]):
        node = piece[k + 1]
        same = same and node == state.route[r, first + 1 + k]
        for x in range(count):
            if state.route[r, x] == node and (x <= first or x >= last):
                return False
    if same:
        return False
    total = 0
    for k in range(first + 1):
        trial.route[0, total] = state.route[r, k]
        total += 1
    for k in range(piece[0]):
        trial.route[0, total] = piece[k + 1]
        total += 1
    for k in range(last, count):
        trial.route[0, total] = state.route[r, k]
        total += 1
    trial.calls[0] = total
    if total < count and below(luck, 2):
        if below(luck, 2):
            _turn(trial, 0)
        _grow(problem, trial, 0, luck)
    return True


@njit(bare=True)
def _ends(problem: Problem, state: State, trial: Trial, r: int, luck: NDArray[np.uint64]) -> bool:
    """Drop up to three nodes from one end, then grow the same or the other end."""
    _take(state, trial, 0, r, below(luck, 2) == 1)
    drop = min((0, 0, 1, 1, 1, 1, 2, 3)[below(luck, 8)], int(trial.calls[0]) - 1)
    trial.calls[0] -= drop
    grow = (0, 1, 1, 1, 1, 1, 2, 3)[below(luck, 8)]
    if drop + grow == 0:
        return False
    if below(luck, 2):
        _turn(trial, 0)
    for _ in range(grow):
        if trial.calls[0] == problem.sizes[3] or not _grow(problem, trial, 0, luck):
            break
    return True


@njit(bare=True)
def _begin(problem: Problem, trial: Trial, luck: NDArray[np.uint64]) -> None:
    """Begin a route at a random node."""
    trial.route[0, 0] = below(luck, int(problem.sizes[0]))
    trial.calls[0] = 1


@njit(bare=True)
def _redraw(problem: Problem, state: State, trial: Trial, r: int, anew: bool, luck: NDArray[np.uint64]) -> bool:
    """Keep one end of a route, or nothing of it, and lead it elsewhere."""
    if anew:
        _begin(problem, trial, luck)
    else:
        _take(state, trial, 0, r, below(luck, 2) == 1)
        trial.calls[0] = 1 + below(luck, int(state.calls[r]) - 1)
    return _lead(problem, trial, luck) and _fit(problem, trial, luck)


@njit(bare=True)
def _lead(problem: Problem, trial: Trial, luck: NDArray[np.uint64]) -> bool:
    """Lead the ends of a route towards random nodes, nearly the shortest way, until there, full or stuck."""
    legs = 1 + below(luck, 3)
    for leg in range(legs):
        if leg > 0 and below(luck, 2):
            _turn(trial, 0)
        goal = below(luck, int(problem.sizes[0]))
        give = below(luck, 3) * int(problem.costs[0]) // 2
        while trial.calls[0] < problem.sizes[3]:
            here = trial.route[0, trial.calls[0] - 1]
            if here == goal:
                break
            chosen, among = -1, 0
            for edge in range(problem.start[here], problem.start[here + 1]):
                node = problem.beside[edge]
                detour = problem.link[here, node] + problem.shortest[node, goal] - problem.shortest[here, goal]
                if detour <= give and not _holds(trial, 0, node):
                    among += 1
                    if below(luck, among) == 0:
                        chosen = int(node)
            if chosen < 0:
                break
            trial.route[0, trial.calls[0]] = chosen
            trial.calls[0] += 1
    return True


@njit(bare=True)
def _cross(problem: Problem, state: State, trial: Trial, r: int, other: int, luck: NDArray[np.uint64]) -> bool:
    """Exchange the tails of two routes behind a node that both call at."""
    least, most, miss = problem.sizes[2], problem.sizes[3], problem.costs[2]
    _take(state, trial, 0, r, False)
    _take(state, trial, 1, other, below(luck, 2) == 1)
    a, b = trial.calls[0], trial.calls[1]
    offset = below(luck, int(a))
    for k in range(a):
        x = (offset + k) % a
        node = trial.route[0, x]
        if state.high[node, other] == miss:
            continue
        y = 0
        while trial.route[1, y] != node:
            y += 1
        one, two = x + b - y, y + a - x
        if one < least or one > most or two < least or two > most:
            continue
        if (x == 0 and y == 0) or (x == a - 1 and y == b - 1):
            continue
        for z in range(y + 1, b):
            for w in range(x):
                if trial.route[0, w] == trial.route[1, z]:
                    return False
        for z in range(x + 1, a):
            for w in range(y):
                if trial.route[1, w] == trial.route[0, z]:
                    return False
        for z in range(1, max(a - x, b - y)):
            p = trial.route[0, x + z] if x + z < a else 0
            q = trial.route[1, y + z] if y + z < b else 0
            if y + z < b:
                trial.route[0, x + z] = q
            if x + z < a:
                trial.route[1, y + z] = p
        trial.calls[0], trial.calls[1] = one, two
        return True
    return False


@njit(bare=True)
def _donate(problem: Problem, state: State, trial: Trial, r: int, other: int, luck: NDArray[np.uint64]) -> bool:
    """Move an end node of one route to an end of another, then refill the giver's other end if it must be."""
    _take(state, trial, 0, r, below(luck, 2) == 1)
    _take(state, trial, 1, other, below(luck, 2) == 1)
    node = trial.route[0, trial.calls[0] - 1]
    if state.high[node, other] != problem.costs[2]:
        return False
    if problem.link[trial.route[1, trial.calls[1] - 1], node] < 0:
        _turn(trial, 1)
        if problem.link[trial.route[1, trial.calls[1] - 1], node] < 0:
            return False
    trial.calls[0] -= 1
    if trial.calls[1] >= problem.sizes[3] or trial.calls[0] < 2:
        if trial.calls[0] < 2:
            return False
        _drop_first(trial, 1, 1)
    trial.route[1, trial.calls[1]] = node
    trial.calls[1] += 1
    if trial.calls[0] < problem.sizes[2] or below(luck, 2):
        _turn(trial, 0)
        if not _grow(problem, trial, 0, luck) and trial.calls[0] < problem.sizes[2]:
            return False
    return True


@njit()
def draw_routes(problem: Problem, state: State, trial: Trial, key: int, number: int) -> bool:
    """Draw every route of a state at random; they need not serve or join all nodes; return whether all were found."""
    luck = np.zeros(2, dtype=np.uint64)
    # Away from the numbers of proposals.
    rekey(luck, key, -1 - number)
    for r in range(problem.sizes[1]):
        fits, tries = False, 0
        while not fits and tries < _TRIES:
            _begin(problem, trial, luck)
            fits = _lead(problem, trial, luck) and _fit(problem, trial, luck)
            tries += 1
        if not fits:
            return False
        for k in range(trial.calls[0]):
            state.route[r, k] = trial.route[0, k]
        state.calls[r] = trial.calls[0]
    return True
