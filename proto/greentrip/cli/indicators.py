"""Commands that measure a network: each prints a table or JSON, and writes its map layer where asked."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, commas, print_message

Layer = Annotated[
    Path | None, typer.Option("--layer", metavar="FILE", help="Write the map layer to this file, as GeoJSON.")
]
Areas = Annotated[
    list[str] | None,
    typer.Option("--area", help="Named area, ring road, district, zone, 'whole city' or WKT polygon; may be repeated."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those on networks."""
    for command in (coverage, reach, lines, bicycles, roads):
        app.command()(command)


def coverage(
    name: str,
    stops: Annotated[str, typer.Option(help="What is near: rail or bus.")] = "rail",
    distance: Annotated[float, typer.Option(help="Metres. [750 for rail, 500 for bus]", show_default=False)] = 0.0,
    years: Annotated[str, typer.Option(help="Ends of years, such as 2013-2020 or 2015,2020. [the network's]")] = "",
    area: Areas = None,
    built_up: Annotated[float, typer.Option(help="Residents and jobs a km² that make ground built up.")] = 1500.0,
    layer: Layer = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure area, built-up area, residents and jobs within a distance of rail stations or bus stops."""
    from greentrip.v1 import indicator_pb2

    request = indicator_pb2.MeasureCoverageRequest(
        network=_network(name), stops=stops, distance_m=distance, years=_years(years), areas=area or (),
        built_up_per_km2=built_up,
    )  # fmt: skip
    _measure(request, "coverage", layer, server, data_dir, as_json)


def reach(
    name: str,
    place: Annotated[str, typer.Argument(help="A station or zone by name, or 'lon,lat' in WGS-84 degrees.")],
    mode: Annotated[str, typer.Option(help="walk, bicycle, car or transit.")] = "transit",
    period: Annotated[str, typer.Option(help="am (07-09), off or pm (17-19).")] = "am",
    minutes: Annotated[str, typer.Option(help="Door to door, separated by commas.")] = "15,30,45,60",
    run: Annotated[str, typer.Option(help="A finished run whose traffic is driven in. [free speed]")] = "",
    layer: Layer = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure whom a place reaches door to door within some minutes, with isochrones as the map layer."""
    from greentrip.v1 import indicator_pb2

    request = indicator_pb2.MeasureReachRequest(
        network=_network(name), place=place, mode=mode, period=period, minutes=_minutes(minutes),
        run=run if not run or "/" in run else f"runs/{run}",
    )  # fmt: skip
    _measure(request, "reach", layer, server, data_dir, as_json)


def lines(
    name: str,
    years: Annotated[str, typer.Option(help="Ends of years, such as 2013-2020. [the network's]")] = "",
    area: Areas = None,
    layer: Layer = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure lines, stations and transfers by mode and year, districts served, and rail's density in areas."""
    from greentrip.v1 import indicator_pb2

    request = indicator_pb2.MeasureLinesRequest(network=_network(name), years=_years(years), areas=area or ())
    _measure(request, "lines", layer, server, data_dir, as_json)


def bicycles(
    name: str,
    area: Annotated[str, typer.Option(help="As for coverage. [inside the 5th ring, or the first named area]")] = "",
    without: Annotated[str, typer.Option(help="Classes of street that do not count, separated by commas.")] = "",
    layer: Layer = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure the length and continuity of an area's bicycle network, and the gaps in it by class of street."""
    from greentrip.v1 import indicator_pb2

    request = indicator_pb2.MeasureBicyclesRequest(network=_network(name), area=area, without=commas(without))
    _measure(request, "bicycles", layer, server, data_dir, as_json)


def roads(
    name: str,
    area: Annotated[str, typer.Option(help="As for coverage. [whole city]")] = "",
    layer: Layer = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure the density of an area's streets, dead ends, lane and capacity drops, and one-way continuity."""
    from greentrip.v1 import indicator_pb2

    request = indicator_pb2.MeasureRoadsRequest(network=_network(name), area=area)
    _measure(request, "roads", layer, server, data_dir, as_json)


def _measure(
    request: Any, table: str, layer: Path | None, server: str | None, data_dir: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure, print, and write the layer if one is asked for."""
    with client_of(server, data_dir) as client:
        found = client.indicators.measure(request)
        drawn = client.indicators.layer(request) if layer is not None else b""
    if layer is not None:
        layer.parent.mkdir(parents=True, exist_ok=True)
        layer.write_bytes(drawn)
    if as_json:
        print_message(found)
        return
    from greentrip import tables
    from greentrip.show import console

    getattr(tables, table)(console(), found)
    if layer is not None:
        typer.echo(str(layer))


def _network(name: str) -> str:
    """Return a network's resource name."""
    return name if "/" in name else f"networks/{name}"


def _years(text: str) -> list[int]:
    """Read years separated by commas, and spans of them."""
    found: list[int] = []
    for part in commas(text):
        match = re.fullmatch(r"(\d{4})(?:\s*[-–]\s*(\d{4}))?", part)
        if match is None or (match[2] and match[2] < match[1]):
            raise ValueError(f"--years: saw {text!r}; expected years such as 2013-2020 or 2015,2020")
        found.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    return sorted(set(found))


def _minutes(text: str) -> list[float]:
    """Read minutes separated by commas."""
    try:
        return [float(part) for part in commas(text)]
    except ValueError:
        raise ValueError(f"--minutes: saw {text!r}; expected numbers separated by commas, such as 30,60") from None
