"""Tables of plans other than feeders: bus lines fitted to rail, customised buses."""

from typing import TYPE_CHECKING, Any

from greentrip.plain import plain
from greentrip.show import Cell, number, table
from greentrip.v1 import plan_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console


def lines_or_commuter_buses(out: "Console", made: plan_pb2.Plan) -> None:
    """Print what becomes of each line, or each customised route, then the figures and what is assumed."""
    figures = plain(made.indicators)
    rows: list[Sequence[Cell]] = []
    if "commuter_routes" in figures:
        rows += [
            (
                r["id"],
                " - ".join(f"{s['name_en']} {s['time']}" for s in r["pick_ups"]),
                " - ".join(f"{s['name_en']} {s['time']}" for s in r["drop_offs"]),
                r["price_cny"],
                int(r["buses"]),
                number(r["riders_day"], 0),
                number(r["minutes_saved_day"], 0),
                number(r["fares_cny_day"], 0),
                number(r["cost_cny_day"], 0),
                _loses(r),
            )
            for r in figures["commuter_routes"]
        ]
        heads: tuple[str, ...] = (
            "route",
            "pick-ups",
            "drop-offs",
            "CNY",
            "buses",
            "riders",
            "min saved",
            "fares CNY",
            "cost CNY",
            "loses without",
        )
        out.print(table(f"{made.name}: customised buses, a day", heads, rows))
    else:
        rows += [
            (
                r["line"],
                r["action"],
                r["beside"],
                f"{r['share_beside']:.0%}",
                r["station"] or "-",
                f"{r['stops_before']:.0f} > {r['stops']:.0f}",
                f"{r['vehicles_before']:.0f} > {r['vehicles']:.0f}",
                number(r["riders_affected_day"], 0),
                number(r["minutes_lost_day"], 0),
                number(r["saved_cny_day"], 0),
                _loses(r),
            )
            for r in figures.get("changes", ())
        ]
        heads = (
            "line",
            "change",
            "beside",
            "share",
            "station",
            "stops",
            "buses",
            "riders",
            "min lost",
            "CNY saved",
            "loses without",
        )
        out.print(table(f"{made.name}: bus lines and rail, a day", heads, rows))
        if figures.get("label"):
            out.print(str(figures["label"]).capitalize())
    out.print(f"Objective {made.objective:,.1f}, bound {made.bound:,.1f} ({made.bound_kind}), gap {made.gap:.2%}")
    if figures.get("shadow_prices", {}).get("bus_cny_day") is not None:
        out.print(f"One more bus would bring {figures['shadow_prices']['bus_cny_day']:,.0f} CNY a day")
    plain_figures = {k: v for k, v in figures.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    out.print("; ".join(f"{k.replace('_', ' ')} {number(v, 2)}" for k, v in sorted(plain_figures.items())))
    for sentence in made.assumptions:
        out.print(sentence)


def _loses(row: "Mapping[str, Any]") -> str:
    """Return the CNY a day that the best plan without a change or route loses; a dash where it was not sought."""
    if "next_best" not in row:
        return "-"
    loses = row["next_best"]["loses_cny_day"]
    return "no plan" if loses is None else number(loses, 0)
