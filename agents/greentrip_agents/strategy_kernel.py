"""Optimal strategies by one label a node: nodes are settled nearest first, as in Dijkstra's method.

Spiess and Florian (1989) settle links. A node's label, the least of (alpha + sum f (c + u)) / sum f over sets of its
links, is never below the labels it is made of, so nodes can be settled instead: each link is looked at once, and the
order in which nodes settle, read backwards, is the order in which riders flow. No sorting is needed for either.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int8s = NDArray[np.int8]

_NEW = np.int32(-1)  # place of a node not seen yet; nodes in the heap have their place in it, 0 or more
_DONE = np.int32(-2)


class Links(NamedTuple):
    """Links sorted by the node they lead to."""

    first_in: Int32s  # (nodes + 1)
    tail: Int32s
    head: Int32s
    cost: Floats  # generalised minutes, at least 0
    frequency: Floats  # a minute, above 0; infinite where nobody waits


class State(NamedTuple):
    """One destination's strategy: what a rider at each node does next.

    A rider takes the link `single` if that is not -1; else waits for the links last, before[last], ... whichever comes.
    """

    label: Floats  # (nodes) expected cost to the destination
    together: Floats  # (nodes) frequency of the links waited for
    single: Int32s  # (nodes)
    last: Int32s  # (nodes) dearest link waited for
    before: Int32s  # (links) the next cheaper link waited for at the same node
    key: Floats  # (links) cost on taking the link
    order: Int32s  # (nodes) nodes that reach the destination, nearest first
    waiting: Floats  # (nodes) expected cost by waiting
    place: Int32s  # (nodes) in the heap
    heap_key: Floats  # (nodes)
    heap_node: Int32s  # (nodes)
    stack: Int32s  # (nodes)


@njit()
def new_state(nodes: int, links: int) -> State:
    """Return memory for one strategy."""
    return State(
        np.empty(nodes), np.empty(nodes), np.empty(nodes, np.int32), np.empty(nodes, np.int32),
        np.empty(links, np.int32), np.empty(links), np.empty(nodes, np.int32), np.empty(nodes),
        np.empty(nodes, np.int32), np.empty(nodes), np.empty(nodes, np.int32), np.empty(nodes, np.int32),
    )  # fmt: skip


@njit()
def _rise(at: int, key: float, node: int, heap_key: Floats, heap_node: Int32s, place: Int32s) -> None:
    """Put a node into the heap of four branches at or above a place."""
    while at > 0:
        parent = (at - 1) >> 2
        if heap_key[parent] <= key:
            break
        heap_key[at] = heap_key[parent]
        heap_node[at] = heap_node[parent]
        place[heap_node[at]] = at
        at = parent
    heap_key[at] = key
    heap_node[at] = node
    place[node] = at


@njit()
def _sink(size: int, heap_key: Floats, heap_node: Int32s, place: Int32s) -> None:
    """Fill the heap's top, just taken, with its last entry; size is the size without it."""
    key = heap_key[size]
    node = heap_node[size]
    at = 0
    while True:
        child = 4 * at + 1
        if child >= size:
            break
        least = child
        for other in range(child + 1, min(child + 4, size)):
            if heap_key[other] < heap_key[least]:
                least = other
        if heap_key[least] >= key:
            break
        heap_key[at] = heap_key[least]
        heap_node[at] = heap_node[least]
        place[heap_node[at]] = at
        at = least
    heap_key[at] = key
    heap_node[at] = node
    place[node] = at


@njit()
def _insert(
    link: int, node: int, key: float, alpha: float, frequency: Floats, last: Int32s, before: Int32s, keys: Floats,
    together: Floats,
) -> float:  # fmt: skip
    """Put a link that is not the dearest among those waited for at a node; return the expected cost by waiting.

    The links are kept dearest first. Those no longer worth taking are dropped and the sums made anew, so that nothing
    is ever subtracted.
    """
    dearer = last[node]
    while before[dearer] >= 0 and keys[before[dearer]] > key:
        dearer = before[dearer]
    before[link] = before[dearer]
    before[dearer] = link
    while True:
        spent = alpha
        total = 0.0
        at = last[node]
        while at >= 0:
            spent += frequency[at] * keys[at]
            total += frequency[at]
            at = before[at]
        cost = spent / total
        dearest = last[node]
        if keys[dearest] < cost or before[dearest] < 0:
            together[node] = total
            return cost
        last[node] = before[dearest]


@njit()
def find_strategy(destination: int, links: Links, alpha: float, state: State) -> int:
    """Fill the optimal strategy to one destination and return how many nodes reach it."""
    first_in, tail, link_cost, frequency = links.first_in, links.tail, links.cost, links.frequency
    label, together, single, last = state.label, state.together, state.single, state.last
    before, keys, order, waiting = state.before, state.key, state.order, state.waiting
    place, heap_key, heap_node, stack = state.place, state.heap_key, state.heap_node, state.stack
    label[:] = np.inf
    single[:] = -1
    last[:] = -1
    place[:] = _NEW
    label[destination] = 0.0
    stack[0] = destination
    stacked = 1
    size = 0
    reached = 0
    while True:
        if stacked > 0:  # nodes as near as the one just settled need no heap
            stacked -= 1
            j = stack[stacked]
        elif size > 0:
            j = heap_node[0]
            size -= 1
            if size > 0:
                _sink(size, heap_key, heap_node, place)
        else:
            return reached
        place[j] = _DONE
        order[reached] = j
        reached += 1
        near = label[j]
        for link in range(first_in[j], first_in[j + 1]):
            key = near + link_cost[link]
            i = tail[link]
            if key >= label[i]:
                continue
            f = frequency[link]
            if f == np.inf:
                single[i] = link
            else:
                dearest = last[i]
                if dearest < 0:
                    cost = key + alpha / f
                    before[link] = -1
                    last[i] = link
                    together[i] = f
                elif key >= keys[dearest]:
                    total = together[i] + f
                    cost = (together[i] * waiting[i] + f * key) / total
                    before[link] = dearest
                    last[i] = link
                    together[i] = total
                else:
                    keys[link] = key
                    cost = _insert(link, i, key, alpha, frequency, last, before, keys, together)
                keys[link] = key
                waiting[i] = cost
                if cost >= label[i]:
                    continue
                key = cost
                single[i] = -1
            label[i] = key
            at = place[i]
            if at < 0:
                if key <= near:
                    place[i] = _DONE
                    stack[stacked] = i
                    stacked += 1
                    continue
                at = size
                size += 1
            _rise(at, key, i, heap_key, heap_node, place)


@njit()
def load_strategy(reached: int, links: Links, state: State, persons: Floats, flow: Floats) -> None:
    """Send persons, by node and emptied on return, along a strategy; add them to the links' flow."""
    for k in range(reached - 1, 0, -1):
        i = state.order[k]
        riders = persons[i]
        if riders == 0.0:
            continue
        persons[i] = 0.0
        link = state.single[i]
        if link >= 0:
            flow[link] += riders
            persons[links.head[link]] += riders
            continue
        share = riders / state.together[i]
        link = state.last[i]
        while link >= 0:
            part = share * links.frequency[link]
            flow[link] += part
            persons[links.head[link]] += part
            link = state.before[link]
    persons[state.order[0]] = 0.0


@njit()
def sum_along(reached: int, links: Links, state: State, column: Floats, by_wait: float, out: Floats) -> None:
    """Fill the expected sum of a column of the links, plus by_wait / frequency at each wait, from each node."""
    out[:] = np.inf
    out[state.order[0]] = 0.0
    for k in range(1, reached):
        i = state.order[k]
        link = state.single[i]
        if link >= 0:
            out[i] = column[link] + out[links.head[link]]
            continue
        total = by_wait
        link = state.last[i]
        while link >= 0:
            total += links.frequency[link] * (column[link] + out[links.head[link]])
            link = state.before[link]
        out[i] = total / state.together[i]


@njit()
def _keep(
    destination: int, links: Links, alpha: float, origins: Int32s, columns: Floats, by_wait: Floats, cost: Floats,
    sums: Floats, state: State, along: Floats,
) -> int:  # fmt: skip
    """Find one strategy and keep what it costs from the origins; return how many nodes reach the destination."""
    reached = find_strategy(destination, links, alpha, state)
    for o in range(origins.shape[0]):
        cost[o] = state.label[origins[o]]
    for c in range(columns.shape[0]):
        sum_along(reached, links, state, columns[c], by_wait[c], along)
        for o in range(origins.shape[0]):
            sums[c, o] = along[origins[o]]
    return reached


@njit()
def _strategy_of(
    destination: int, links: Links, alpha: float, label: Floats, share: Floats, order: Int32s
) -> int:  # fmt: skip
    """Fill one strategy's labels, the share of the riders at its tail that each link takes, and the order of nodes."""
    nodes = label.shape[0]
    state = new_state(nodes, share.shape[0])
    reached = find_strategy(destination, links, alpha, state)
    label[:] = state.label
    for k in range(reached):
        i = state.order[k]
        order[k] = i
        if k == 0:
            continue
        link = state.single[i]
        if link >= 0:
            share[link] = 1.0
            continue
        link = state.last[i]
        while link >= 0:
            share[link] = links.frequency[link] / state.together[i]
            link = state.before[link]
    return reached


@njit(parallel=True)
def find_all(
    destinations: Int32s, links: Links, alpha: float, label: Floats, share: Floats, order: Int32s, reached: Int32s
) -> None:
    """Fill the strategies of many destinations, a row each."""
    for d in prange(destinations.shape[0]):
        reached[d] = _strategy_of(destinations[d], links, alpha, label[d], share[d], order[d])


@njit()
def _block(
    first: int, end: int, destinations: Int32s, links: Links, alpha: float, origins: Int32s, demand: Floats,
    columns: Floats, by_wait: Floats, watched: Int32s, cost: Floats, sums: Floats, flow: Floats, watched_flow: Floats,
) -> None:  # fmt: skip
    """Find and load the strategies of some destinations."""
    nodes = links.first_in.shape[0] - 1
    state = new_state(nodes, links.tail.shape[0])
    along = np.empty(nodes)
    persons = np.zeros(nodes)
    loads = demand.shape[0] > 0
    own = np.zeros(links.tail.shape[0] if watched.shape[0] else 0)
    for d in range(first, end):
        reached = _keep(
            destinations[d], links, alpha, origins, columns, by_wait, cost[d], sums[d], state, along
        )  # fmt: skip
        if not loads:
            continue
        for o in range(origins.shape[0]):
            if state.label[origins[o]] < np.inf:
                persons[origins[o]] += demand[d, o]
        if watched.shape[0] == 0:
            load_strategy(reached, links, state, persons, flow)
            continue
        own[:] = 0.0
        load_strategy(reached, links, state, persons, own)
        for w in range(watched.shape[0]):
            watched_flow[d, w] = own[watched[w]]
        for link in range(own.shape[0]):
            flow[link] += own[link]


@njit(parallel=True)
def find_and_load(
    block_first: Int32s, destinations: Int32s, links: Links, alpha: float, origins: Int32s, demand: Floats,
    columns: Floats, by_wait: Floats, watched: Int32s, cost: Floats, sums: Floats, flow: Floats, watched_flow: Floats,
) -> None:  # fmt: skip
    """Find the strategies to many destinations and load them, in blocks that do not depend on the number of threads.

    Shapes: demand (destinations, origins) or (0, 0) to load nothing; columns (columns, links); cost (destinations,
    origins); sums (destinations, columns, origins); flow (blocks, links), to be added up in order by the caller;
    watched_flow (destinations, watched), each destination's own flow on the watched links.
    """
    for b in prange(block_first.shape[0] - 1):
        _block(
            block_first[b], block_first[b + 1], destinations, links, alpha, origins, demand, columns, by_wait, watched,
            cost, sums, flow[b], watched_flow,
        )  # fmt: skip
