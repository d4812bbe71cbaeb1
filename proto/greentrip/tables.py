"""Tables of measured networks for people; at most 100 columns."""

from typing import TYPE_CHECKING

from rich.console import Console

from greentrip.show import Cell, number, table
from greentrip.v1 import indicator_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

_WAYS = {"crow": "as the crow flies", "street": "along streets"}


def coverage(out: Console, found: indicator_pb2.Coverage) -> None:
    """Print one table an area: a row a denominator and way, a column a year."""
    what = "rail station" if found.stops == "rail" else "bus stop"
    years = sorted({r.year for r in found.rows})
    for area in dict.fromkeys(r.area for r in found.rows):
        mine = {(r.of, r.way, r.year): r for r in found.rows if r.area == area}
        rows: list[Sequence[Cell]] = []
        for of, way in dict.fromkeys((r.of, r.way) for r in found.rows):
            shares = [f"{100 * mine[of, way, year].share:.1f}" for year in years]
            last = mine[of, way, years[-1]]
            most = f"{100 * last.at_most:.0f}{'' if last.could_mean else ' no'}"
            rows.append((of + (", km²" if "area" in of else ""), _WAYS[way], number(last.total, 0), *shares, most))
        last = next(r for r in found.rows if r.area == area and r.year == years[-1])
        title = (
            f"{area}: % within {found.distance_m:,.0f} m of a {what} "
            f"({last.stops_inside} of {last.stops} in it at the end of {years[-1]})"
        )
        out.print(table(title, ("of", "measured", "total", *map(str, years), "at most"), rows))
    out.print("at most: what so many stops could reach at best; 'no': 90 % of it is out of their reach")
    for note in found.notes:
        out.print(f"- {note}", markup=False)
