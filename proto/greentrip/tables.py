"""Tables of measured networks for people; at most 100 columns."""

from collections.abc import Sequence

from rich.console import Console

from greentrip.show import Cell, number, table
from greentrip.v1 import indicator_pb2

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
    _notes(out, found.notes)


def reach(out: Console, found: indicator_pb2.Reach) -> None:
    """Print a row a limit."""
    rows: list[Sequence[Cell]] = [
        (
            f"{r.minutes:g}", number(r.residents, 0), 100 * r.residents_share, number(r.jobs, 0), 100 * r.jobs_share,
            r.area_km2,
        )
        for r in found.rows
    ]  # fmt: skip
    columns = ("minutes", "residents", "% of all", "jobs", "% of all", "km²")
    title = f"From {found.place} ({found.lon:.4f}, {found.lat:.4f}) by {found.mode}, {found.period}, door to door"
    out.print(table(title, columns, rows))
    _notes(out, found.notes)


def lines(out: Console, found: indicator_pb2.LineFigures) -> None:
    """Print lines by year and mode, then density by area and year, then the districts without rail."""
    rows: list[Sequence[Cell]] = [
        (
            str(r.year), r.mode, r.lines, r.stops, r.route_km, r.track_km, r.districts,
            r.transfer_stations, number(r.transfer_walk_s, 0) if r.transfer_stations else "-",
        )
        for r in found.rows
    ]  # fmt: skip
    columns = ("year", "mode", "lines", "stops", "route km", "track km", "districts", "transfers", "walk s")
    out.print(table(f"{found.network}: lines", columns, rows))
    dense: list[Sequence[Cell]] = [
        (
            r.area, str(r.year), number(r.area_km2), r.stations, number(r.stations_per_km2, 3), r.lines,
            number(r.track_km), number(r.track_km_per_km2, 3),
        )
        for r in found.density
    ]  # fmt: skip
    areas = ("area", "year", "km²", "stations", "a km²", "lines", "track km", "a km²")
    out.print(table("Rail in areas", areas, dense))
    last = [r for r in found.rows if r.mode == "rail"][-1:]
    for row in last:
        out.print(f"Districts without a station at the end of {row.year}: {', '.join(row.districts_without) or 'none'}")
    _notes(out, found.notes)


def bicycles(out: Console, found: indicator_pb2.BicycleNetwork) -> None:
    """Print a row a class of street."""
    rows: list[Sequence[Cell]] = [
        (r.facility, r.km, r.largest_piece_km, r.gap_km, r.gaps, r.joining) for r in found.rows
    ]
    columns = ("class", "km", "in the largest piece", "closed, km", "closed streets", "that join pieces")
    left = f", without {', '.join(found.without)}" if found.without else ""
    out.print(table(f"{found.area}{left}: streets that may be cycled", columns, rows))
    out.print(
        f"{found.km:,.1f} km in {found.pieces:,} pieces, the largest {found.largest_piece_km:,.1f} km "
        f"({found.largest_piece_share:.1%})"
    )
    _notes(out, found.notes)


_FINDINGS = 10  # printed of each kind


def roads(out: Console, found: indicator_pb2.RoadStructure) -> None:
    """Print a row a class of street, then the first findings of each kind."""
    rows: list[Sequence[Cell]] = [
        (r.facility, r.km, r.lane_km, r.one_way_km, number(r.km_per_km2, 3)) for r in found.rows
    ]
    out.print(table(f"{found.area}: streets", ("class", "km", "lane km", "one-way km", "km a km²"), rows))
    out.print(
        f"{found.km:,.1f} km, {found.km_per_km2:.2f} km a km²; {found.intersections:,} intersections, "
        f"{found.intersections_per_km2:.2f} a km²; {found.connected_share:.1%} connected both ways"
    )
    for kind, count in sorted(found.counts.items()):
        first = [f for f in found.findings if f.kind == kind][:_FINDINGS]
        if not first:
            out.print(f"No {kind}")
            continue
        listed: list[Sequence[Cell]] = [
            (
                f.node, f"{f.lon:.4f}, {f.lat:.4f}", f.road or "-", f.facility, number(f.before, 0),
                number(f.after, 0), number(f.length_m, 0),
            )
            for f in first
        ]  # fmt: skip
        columns = ("node", "lon, lat", "road", "class", "before", "after", "link m")
        out.print(table(f"{kind}: {count:,}, the first {len(first)}", columns, listed))
    _notes(out, found.notes)


def _notes(out: Console, notes: Sequence[str]) -> None:
    """Print what the figures rest on."""
    for note in notes:
        out.print(f"- {note}", markup=False)
