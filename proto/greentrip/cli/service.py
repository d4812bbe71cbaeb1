"""Commands that start the service, and the demo that does the main job with it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from greentrip.cli.options import AsJson, DataDir, Server, commas


def demo(
    city: Annotated[str | None, typer.Option(help="Network to use. [beijing-2019]")] = None,
    sample: Annotated[float | None, typer.Option(help="Share of residents simulated. [0.005]")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds, from 0. [3]")] = None,
    stations: Annotated[
        str | None, typer.Option(help="Stations to serve, separated by commas. [16 outer ones]")
    ] = None,
    vehicles: Annotated[int | None, typer.Option(help="Buses at hand. [120]")] = None,
    max_days: Annotated[int | None, typer.Option(help="Simulated days at most. [60]")] = None,
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("out/demo.html"),
    small: Annotated[bool, typer.Option("--small", help="The tiny city, in seconds.")] = False,
    server: Server = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Keep the data here. [a temporary folder]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Do the main job end to end: simulate, test the target, design feeders, simulate again, compare, report."""
    from dataclasses import replace

    from greentrip.demo import BEIJING, TINY, run_demo

    given: dict[str, Any] = {
        "city": city,
        "sample": sample,
        "seeds": seeds,
        "vehicles": vehicles,
        "max_days": max_days,
        "out": out,
    }
    given["stations"] = tuple(commas(stations)) if stations else None
    chosen = {name: value for name, value in given.items() if value is not None}
    run_demo(replace(TINY if small else BEIJING, **chosen), server=server, data_dir=data_dir, as_json=as_json)


def serve(
    address: Annotated[str, typer.Option(help="HOST:PORT; port 0 takes a free one.")] = "127.0.0.1:50051",
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes at most. [one a core]")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads a worker. [1]")] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="RAY://HOST:PORT", help="Compute runs on this Ray cluster, not here.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM certificate; needed for any address but loopback.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM key of the certificate.")] = None,
    tls_client_ca: Annotated[Path | None, typer.Option(help="PEM authority whose client certificates let in.")] = None,
    results: Annotated[Path | None, typer.Option(help="Folder of tables that servers share.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Loopback port of Prometheus metrics.")] = None,
) -> None:
    """Serve until stopped; prints one JSON line with the address once ready.

    Other settings are read from GREENTRIP_... in the environment; docs/operations.md lists them.
    """
    import os
    from importlib.util import find_spec

    if find_spec("greentrip_server") is None:
        raise ValueError("the engine is not installed: `pip install greentrip[engine]`")
    command = [sys.executable, "-m", "greentrip_server", f"--address={address}"]
    command += [f"--data={data_dir}"] if data_dir else []
    given = {
        "workers": workers,
        "threads": threads,
        "cluster": cluster,
        "tls-cert": tls_cert,
        "tls-key": tls_key,
        "tls-client-ca": tls_client_ca,
        "results": results,
        "metrics-port": metrics_port,
    }
    command += [f"--{k}={v}" for k, v in given.items() if v is not None]
    os.execv(sys.executable, command)  # noqa: S606
