"""What a change of one or two routes does to every journey, at the cost of the journeys it touches.

With B the best single ride between nodes (a transfer charged, diagonal 0), the best of at most two rides is the
min-plus square C of B. A change of routes alters few entries of B; an entry (i, j) of C can change only where row i or
row j of B did: where an altered entry was on its best path it is worked out anew, elsewhere compared with the new one.
Journeys of three rides or more take at least the shortest road time and two transfers; taking just that for all of
them gives a floor of the cost, and most changes are refused on the floor alone.
"""

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_optimizer.route_design.layout import Problem, State, Trial


@njit(bare=True)
def best_ride(high: NDArray[np.int16], low: NDArray[np.int16], transfer: int, miss: int) -> int:
    """Return the least ride over all routes between two nodes given their rows of times, a transfer charged."""
    kind = high.dtype.type
    least = kind(miss)
    for r in range(high.shape[0]):
        gap = kind(high[r] - low[r])
        back = kind(low[r] - high[r])
        gap = max(gap, back)
        least = min(least, gap)
    return (miss if int(least) > miss // 2 else int(least)) + transfer


@njit(bare=True)
def best_two(one: NDArray[np.int16], other: NDArray[np.int16]) -> int:
    """Return the least sum over intermediate nodes of two rows (min-plus product of rows of symmetric matrices)."""
    kind = one.dtype.type
    least = kind(one[0] + other[0])
    for k in range(one.shape[0]):
        total = kind(one[k] + other[k])
        least = min(least, total)
    return int(least)


@njit(bare=True)
def floor_of_row(two: NDArray[np.int16], three_rides: NDArray[np.int16], demand: NDArray[np.int32]) -> float:
    """Return the sum over a row of demand times the lesser of two rides and the least that three can take."""
    total = demand.dtype.type(0)
    for j in range(two.shape[0]):
        time = min(three_rides[j], two[j])
        total = demand.dtype.type(total + demand[j] * time)
    return float(total)


@njit(bare=True)
def place(problem: Problem, state: State, route: int, nodes: NDArray[np.int32], count: int) -> int:
    """Write a route's nodes and the times along it; return its length."""
    at = 0
    for k in range(count):
        if k > 0:
            at += problem.link[nodes[k - 1], nodes[k]]
        node = nodes[k]
        state.route[route, k] = node
        state.high[node, route] = at
        state.low[node, route] = at
        state.covered[node] += 1
    state.calls[route] = count
    return at


@njit(bare=True)
def lift(state: State, route: int, miss: int) -> int:
    """Take a route out of the times; return its length."""
    count = state.calls[route]
    length = int(state.high[state.route[route, count - 1], route])
    for k in range(count):
        node = state.route[route, k]
        state.high[node, route] = miss
        state.low[node, route] = -miss
        state.covered[node] -= 1
    return length


@njit(bare=True)
def loose_parts(state: State, parent: NDArray[np.int64]) -> int:
    """Return how many parts the nodes fall into beyond one, a node without a route being a part of its own."""
    n = parent.shape[0]
    for v in range(n):
        parent[v] = v
    parts = n - 1
    for r in range(state.calls.shape[0]):
        root = state.route[r, 0]
        while parent[root] != root:
            root = parent[root]
        for k in range(1, state.calls[r]):
            v = state.route[r, k]
            while parent[v] != v:
                above = parent[v]
                parent[v] = parent[above]
                v = above
            if v != root:
                parent[v] = root
                parts -= 1
    return int(parts)


@njit(bare=True)
def apply(problem: Problem, state: State, trial: Trial) -> None:
    """Put the trial's routes in place of the old ones; journeys stay as they were until `weigh` and `accept`."""
    miss = problem.costs[2]
    for c in range(trial.sizes[0]):
        r = trial.which[c]
        trial.old_count[c] = state.calls[r]
        for k in range(state.calls[r]):
            node = state.route[r, k]
            trial.old[c, k] = node
            trial.old_at[c, k] = state.high[node, r]
        state.totals[2] -= lift(state, r, miss)
    for c in range(trial.sizes[0]):
        state.totals[2] += place(problem, state, trial.which[c], trial.route[c], trial.calls[c])


@njit(bare=True)
def take_back(problem: Problem, state: State, trial: Trial) -> None:
    """Undo `apply`."""
    miss = problem.costs[2]
    for c in range(trial.sizes[0]):
        state.totals[2] -= lift(state, trial.which[c], miss)
    for c in range(trial.sizes[0]):
        state.totals[2] += place(problem, state, trial.which[c], trial.old[c], trial.old_count[c])


@njit(bare=True)
def _note(state: State, trial: Trial, i: int, j: int, now: int, stamp: int) -> None:
    """Keep a pair whose ride may have changed, once, and the nodes of those that did."""
    a, b = min(i, j), max(i, j)
    if trial.mark[a, b] == stamp:
        return
    trial.mark[a, b] = stamp
    before = int(state.ride[a, b])
    if before == now:
        return
    k = trial.sizes[1]
    trial.sizes[1] += 1
    trial.pair[k, 0], trial.pair[k, 1], trial.pair[k, 2], trial.pair[k, 3] = a, b, before, now
    for v in (a, b):
        if trial.seen[v] != stamp:
            trial.seen[v] = stamp
            trial.node[trial.sizes[2]] = v
            trial.sizes[2] += 1


@njit(bare=True)
def _changed_pairs(problem: Problem, state: State, trial: Trial, stamp: int) -> None:
    """List the pairs whose best ride the applied routes change."""
    transfer, miss = problem.costs[0], problem.costs[2]
    trial.sizes[1] = trial.sizes[2] = 0
    for c in range(trial.sizes[0]):
        r = trial.which[c]
        # Where the nodes were and are along the route, side by side: most pairs are told unchanged by these alone.
        for x in range(trial.old_count[c]):
            trial.at[x] = state.high[trial.old[c, x], r]
            trial.before[trial.old[c, x]] = trial.old_at[c, x]
        for x in range(trial.old_count[c]):
            i, here = trial.old[c, x], trial.at[x]
            for y in range(x):
                was = trial.old_at[c, x] - trial.old_at[c, y]
                if here != miss and trial.at[y] != miss and abs(here - trial.at[y]) == was:
                    continue
                j = trial.old[c, y]
                if was + transfer == state.ride[i, j]:
                    _note(state, trial, i, j, best_ride(state.high[i], state.low[j], transfer, miss), stamp)
        for x in range(trial.calls[c]):
            trial.at[x] = trial.before[trial.route[c, x]]
            trial.new_at[x] = state.high[trial.route[c, x], r]
        for x in range(trial.calls[c]):
            i, was = trial.route[c, x], trial.at[x]
            for y in range(x):
                now = trial.new_at[x] - trial.new_at[y]
                if was >= 0 and trial.at[y] >= 0 and abs(was - trial.at[y]) == now:
                    continue
                j = trial.route[c, y]
                if now + transfer < state.ride[i, j]:
                    _note(state, trial, i, j, best_ride(state.high[i], state.low[j], transfer, miss), stamp)
        for x in range(trial.old_count[c]):
            trial.before[trial.old[c, x]] = -1


@njit(bare=True)
def _mark_stale(two: NDArray[np.int16], ride: NDArray[np.int16], first: int, stale: NDArray[np.uint8]) -> None:
    """Mark the entries of a row whose best was `first` and then `ride`."""
    kind = two.dtype.type
    head = kind(first)
    for j in range(two.shape[0]):
        stale[j] |= np.uint8(two[j] == kind(head + ride[j]))


@njit(bare=True)
def _lower(two: NDArray[np.int16], ride: NDArray[np.int16], first: int) -> None:
    """Lower the entries of a row to `first` and then `ride` where that is less."""
    kind = two.dtype.type
    head = kind(first)
    for j in range(two.shape[0]):
        total = kind(head + ride[j])
        two[j] = min(two[j], total)


@njit(bare=True)
def _copy(source: NDArray[np.int16], target: NDArray[np.int16]) -> None:
    for j in range(source.shape[0]):
        target[j] = source[j]


@njit(bare=True)
def weigh(problem: Problem, state: State, trial: Trial, stamp: int) -> float:
    """Return the floor of the summed demand * time after the applied routes; new rows are left in the trial.

    `state.ride` is already the new one; `refuse` sets it back, `accept` brings the rest in step.
    """
    n = problem.sizes[0]
    _changed_pairs(problem, state, trial, stamp)
    pairs, nodes = trial.sizes[1], trial.sizes[2]
    for x in range(nodes):
        v = trial.node[x]
        _copy(state.two[v], trial.two[v])
    worse = False
    for p in range(pairs):
        if trial.pair[p, 3] > trial.pair[p, 2]:
            worse = True
            i, j, before = trial.pair[p, 0], trial.pair[p, 1], trial.pair[p, 2]
            _mark_stale(state.two[i], state.ride[j], before, trial.stale[i])
            _mark_stale(state.two[j], state.ride[i], before, trial.stale[j])
    for p in range(pairs):
        i, j = trial.pair[p, 0], trial.pair[p, 1]
        state.ride[i, j] = state.ride[j, i] = trial.pair[p, 3]
    for p in range(pairs):
        if trial.pair[p, 3] < trial.pair[p, 2]:
            i, j, now = trial.pair[p, 0], trial.pair[p, 1], trial.pair[p, 3]
            _lower(trial.two[i], state.ride[j], now)
            _lower(trial.two[j], state.ride[i], now)
    for x in range(nodes):
        i = trial.node[x]
        for y in range(x):
            j = trial.node[y]
            least = min(trial.two[i, j], trial.two[j, i])
            trial.two[i, j] = trial.two[j, i] = least
    if worse:
        for x in range(nodes):
            i = trial.node[x]
            for word in range(trial.stale_words.shape[1]):
                if trial.stale_words[i, word]:
                    for j in range(8 * word, min(8 * word + 8, n)):
                        if trial.stale[i, j]:
                            again = best_two(state.ride[i], state.ride[j])
                            trial.two[i, j] = again
                            if trial.seen[j] == stamp:
                                trial.two[j, i] = again
                    trial.stale_words[i, word] = 0
    total = state.totals[0]
    for x in range(nodes):
        i = trial.node[x]
        total += floor_of_row(trial.two[i], problem.three_rides[i], problem.demand[i]) - state.row_sum[i]
        for y in range(x):
            j = trial.node[y]
            least = problem.three_rides[i, j]
            total -= problem.demand[i, j] * (min(trial.two[i, j], least) - min(state.two[i, j], least))
    return float(total)


@njit(bare=True)
def refuse(problem: Problem, state: State, trial: Trial) -> None:
    """Set back rides and routes to what they were before `apply` and `weigh`."""
    for p in range(trial.sizes[1]):
        i, j = trial.pair[p, 0], trial.pair[p, 1]
        state.ride[i, j] = state.ride[j, i] = trial.pair[p, 2]
    take_back(problem, state, trial)


@njit(bare=True)
def swap_rows(state: State, trial: Trial) -> None:
    """Exchange the rows and columns of journeys in the state with those in the trial; twice changes nothing."""
    for x in range(trial.sizes[2]):
        i = trial.node[x]
        for j in range(state.two.shape[1]):
            state.two[i, j], trial.two[i, j] = trial.two[i, j], state.two[i, j]
    for x in range(trial.sizes[2]):
        i = trial.node[x]
        for j in range(state.two.shape[0]):
            state.two[j, i] = state.two[i, j]


@njit(bare=True)
def refresh_rows(problem: Problem, state: State) -> None:
    """Work out the floor of every row anew."""
    for i in range(state.row_sum.shape[0]):
        state.row_sum[i] = floor_of_row(state.two[i], problem.three_rides[i], problem.demand[i])


@njit(bare=True)
def _any_above(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    """Return whether an entry of a row is above another row's."""
    found = np.uint8(0)
    for j in range(one.shape[0]):
        found |= np.uint8(one[j] > other[j])
    return bool(found > 0)


@njit()
def beyond(problem: Problem, state: State, trial: Trial) -> float:
    """Return what the floor leaves out, or infinity where a pair of nodes has no journey.

    Pairs that two rides serve worse than three could are looked at one by one, with three rides, then four, then any.
    """
    n, transfer, far = problem.sizes[0], problem.costs[0], problem.costs[1]
    if loose_parts(state, trial.parent) > 0:
        return np.inf
    extra = 0.0
    for i in range(n):
        if not _any_above(state.two[i], problem.three_rides[i]):
            continue
        three_known = False
        for j in range(i + 1, n):
            if state.two[i, j] > problem.three_rides[i, j] and problem.demand[i, j] > 0:
                time = best_two(state.two[i], state.ride[j])
                if time > problem.three_rides[i, j] + transfer:
                    if not three_known:
                        three_known = True
                        for k in range(n):
                            trial.three[k] = best_two(state.two[i], state.ride[k])
                    time = best_two(trial.three, state.ride[j])
                    if time > problem.three_rides[i, j] + 2 * transfer:
                        return _beyond_any(problem, state, far)
                extra += problem.demand[i, j] * (time - problem.three_rides[i, j])
    return extra


@njit()
def _beyond_any(problem: Problem, state: State, far: int) -> float:
    """Return what the floor leaves out with any number of rides."""
    n = problem.sizes[0]
    all_rides = state.two.copy()
    kind = all_rides.dtype.type
    for k in range(n):
        for i in range(n):
            head = all_rides[i, k]
            if head < far:
                for j in range(all_rides.shape[1]):
                    total = kind(head + all_rides[k, j])
                    all_rides[i, j] = min(all_rides[i, j], total)
    extra = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            if state.two[i, j] > problem.three_rides[i, j]:
                if all_rides[i, j] >= far:
                    return np.inf
                extra += problem.demand[i, j] * (all_rides[i, j] - problem.three_rides[i, j])
    return extra


@njit()
def load(problem: Problem, state: State, trial: Trial, routes: NDArray[np.int32], count: NDArray[np.int64]) -> None:
    """Fill a state with routes, everything worked out anew."""
    n, transfer, miss = problem.sizes[0], problem.costs[0], problem.costs[2]
    state.high[:] = miss
    state.low[:] = -miss
    state.covered[:] = 0
    state.totals[2] = 0.0
    for r in range(problem.sizes[1]):
        state.totals[2] += place(problem, state, r, routes[r], count[r])
    state.ride[:] = miss
    for i in range(n):
        for j in range(n):
            state.ride[i, j] = best_ride(state.high[i], state.low[j], transfer, miss) if i != j else 0
    total = 0.0
    for i in range(n):
        for j in range(problem.three_rides.shape[1]):
            state.two[i, j] = miss
        for j in range(n):
            state.two[i, j] = best_two(state.ride[i], state.ride[j])
        state.row_sum[i] = floor_of_row(state.two[i], problem.three_rides[i], problem.demand[i])
        total += state.row_sum[i]
    state.totals[0] = total / 2
    state.totals[1] = state.totals[0] + beyond(problem, state, trial)
