"""Commands that measure a network: each prints a table or JSON, and writes its map layer where asked."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, commas, print_message

if TYPE_CHECKING:
    from collections.abc import Callable

Layer = Annotated[
    Path | None, typer.Option("--layer", metavar="FILE", help="Write the map layer to this file, as GeoJSON.")
]
Areas = Annotated[
    list[str] | None,
    typer.Option("--area", help="Named area, ring road, district, zone, 'whole city' or WKT polygon; may be repeated."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to those on networks."""
    app.command("coverage")(coverage)


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
    from greentrip.tables import coverage as table

    _measure(request, table, layer, server, data_dir, as_json)


def _measure(
    request: Any, table: "Callable[[Any, Any], None]", layer: Path | None, server: str | None, data_dir: Path | None,
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
    from greentrip.show import console

    table(console(), found)
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
