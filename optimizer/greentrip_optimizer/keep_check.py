"""Whether kept routes go together with the limits of a design: every limit that they break, each with what would do."""

from collections import Counter
from collections.abc import Sequence
from math import ceil

from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIODS, FeederRoute, Network

from greentrip_optimizer.headways import MOST_OFF_MIN
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.street_limit import feeder_buses, line_buses
from greentrip_optimizer.street_report import kept_on_streets
from greentrip_optimizer.streets import BusStreets
from greentrip_optimizer.turn_report import kept_turning

# the rules that make limits soft
_PRICES = {
    "vehicles": "over_vehicles_cny_day",
    "budget_cny_day": "over_budget",
    "max_routes_station": "over_bays_cny_day",
    "street_buses_h": "over_street_cny_day",
}
_SLACK_CNY = 1e-6  # what rounding may take the sum of costs beyond the budget


def check_kept(network: Network, streets: BusStreets, keep: Sequence[FeederRoute], options: FeederOptions) -> None:
    """Raise ScenarioError naming every hard limit that kept routes break, with the least value of each that works.

    A limit is in conflict with the kept routes whatever the others are, so each one named is a conflict by itself, and
    all of them must give way or fewer routes be kept. One limit is the field of the error; several are of `keep`.
    What is beyond a limit that has a price is paid for instead.
    """
    if not keep:
        return
    _check_headways(keep, options)
    broken: list[tuple[str, str | None]] = [*_means(keep, options), *_bays(network, keep, options)]
    if options.street_buses_h is not None and options.over_street_cny_day is None:
        lines = line_buses(network) + feeder_buses(network, streets, network.feeders, options)
        kept = feeder_buses(network, streets, keep, options)
        broken.append(("street_buses_h", kept_on_streets(network, lines, kept, options.street_buses_h)))
    if options.turn_m:
        broken.append(("turn_m", kept_turning(network, streets, keep, options)))
    found = [(field, text) for field, text in broken if text]
    if len(found) == 1:
        field, text = found[0]
        price = f", or a price for what is beyond it ({_PRICES[field]})" if field in _PRICES else ""
        raise ScenarioError(field, f"{text}, or fewer kept routes{price}")
    if found:
        prices = ", ".join(_PRICES[f] for f in dict.fromkeys(f for f, _ in found) if f in _PRICES)
        told = " ".join(f"({k}) {field}: {text}." for k, (field, text) in enumerate(found, start=1))
        raise ScenarioError(
            "keep",
            f"saw {len(keep)} routes that break {len(found)} limits, each of them by itself; expected fewer kept "
            f"routes, prices for what is beyond ({prices}), or all of these: {told}",
        )


def _check_headways(keep: Sequence[FeederRoute], options: FeederOptions) -> None:
    """Raise ScenarioError for a kept route without a headway for each period, or whose bus may never come in one."""
    peak_s = options.peak_hours / 2 * 3600  # one peak
    for i, route in enumerate(keep):
        if len(route.headways_s) != len(PERIODS):
            saw = f"saw {route.headways_s} ({route.id})"
            raise ScenarioError(f"keep[{i}].headways_s", f"{saw}; expected seconds of {', '.join(PERIODS)}")
        for j, (period, headway_s) in enumerate(zip(PERIODS, route.headways_s, strict=True)):
            longest_s = MOST_OFF_MIN * 60 if period == "off" else peak_s
            if not 0 < headway_s <= longest_s:
                raise ScenarioError(
                    f"keep[{i}].headways_s[{j}]",
                    f"saw {headway_s:g} ({route.id}, {period}); expected more than 0 and at most the {longest_s:g} "
                    f"seconds of {'two hours' if period == 'off' else 'a peak, else no bus may run in it'}",
                )


def _means(keep: Sequence[FeederRoute], options: FeederOptions) -> list[tuple[str, str]]:
    """Return what kept routes need beyond the buses and the budget, by field."""
    out: list[tuple[str, str]] = []
    buses, money = sum(r.vehicles for r in keep), sum(r.cost_cny_day for r in keep)
    if buses > options.vehicles and options.over_vehicles_cny_day is None:
        text = f"saw {options.vehicles}, but the {len(keep)} kept routes run {buses}; expected at least {buses}"
        out.append(("vehicles", text))
    budget = options.budget_cny_day
    if budget is not None and options.over_budget is None and money > budget + _SLACK_CNY:
        least = ceil((money - _SLACK_CNY) * 100) / 100
        text = f"saw {budget:,.2f}, but the {len(keep)} kept routes cost {money:,.2f} CNY a day"
        out.append(("budget_cny_day", f"{text}; expected at least {least:,.2f}"))
    return out


def _bays(network: Network, keep: Sequence[FeederRoute], options: FeederOptions) -> list[tuple[str, str]]:
    """Return the stations at which more routes are kept than they have bays."""
    if options.over_bays_cny_day is not None:
        return []
    bays = options.max_routes_station
    full = {s: kept for s, kept in Counter(r.station for r in keep).items() if kept > bays}
    place = {s: network.rail.nodes[network.station(s)] for s in full}
    named = {s: f"{p['name_en']} {p['name_zh']}" for s, p in place.items()}
    return [
        (
            "max_routes_station",
            f"saw {bays} bays, but {kept} kept routes end at {named[s]} ({s}); expected at least {kept}",
        )
        for s, kept in full.items()
    ]
