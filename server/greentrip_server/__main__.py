"""Start a server: `python -m greentrip_server --data DIR --address 127.0.0.1:50051`."""

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

M_ARENA_MAX = -8  # glibc's number of that setting
OWNED = 75  # exit code: another process owns the data directory, or the port; trying again may help


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; print one JSON line with the address once ready; return the exit code."""
    parser = argparse.ArgumentParser(prog="greentrip_server", description="Serve Greentrip.")
    parser.add_argument("--data", type=Path, help="data directory (GREENTRIP_DATA)")
    parser.add_argument("--address", help="host:port; port 0 takes a free one (GREENTRIP_ADDRESS)")
    parser.add_argument("--results", type=Path, help="folder of tables that servers share (GREENTRIP_RESULTS)")
    parser.add_argument("--workers", type=int, help="worker processes at most (GREENTRIP_WORKERS)")
    parser.add_argument("--threads", type=int, help="numba threads a worker (GREENTRIP_THREADS)")
    parser.add_argument("--cluster", help="ray://host:port where runs are computed (GREENTRIP_CLUSTER)")
    parser.add_argument("--tls-cert", type=Path, help="PEM certificate (GREENTRIP_TLS_CERT)")
    parser.add_argument("--tls-key", type=Path, help="PEM key of the certificate (GREENTRIP_TLS_KEY)")
    parser.add_argument("--tls-client-ca", type=Path, help="PEM authority of clients (GREENTRIP_TLS_CLIENT_CA)")
    parser.add_argument("--metrics-port", type=int, help="loopback port of metrics (GREENTRIP_METRICS_PORT)")
    parser.add_argument("--until-input-ends", action="store_true", help="stop when standard input ends")
    given = vars(parser.parse_args(arguments))
    until_input_ends = given.pop("until_input_ends")

    from greentrip_networks.errors import GreentripError
    from pydantic import ValidationError

    from greentrip_server.settings import Settings

    try:
        settings = Settings(**{k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        sys.stderr.write("; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors()) + "\n")
        return 2
    # Workers inherit these; they must be set before numba or a BLAS is imported.
    os.environ["NUMBA_NUM_THREADS"] = str(settings.threads)
    for library in ("OMP", "OPENBLAS", "MKL", "POLARS"):
        os.environ[f"{library}_{'MAX' if library == 'POLARS' else 'NUM'}_THREADS"] = "1"

    _few_arenas()
    sys.setswitchinterval(0.001)  # s; threads that compute let the one that answers go on soon
    from greentrip_server.app import serve
    from greentrip_server.cluster import ClusterError

    def ready(address: str) -> None:
        sys.stdout.write(json.dumps({"address": address, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()

    try:
        asyncio.run(serve(settings, ready, until_input_ends=until_input_ends))
    except ClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except GreentripError as error:
        sys.stderr.write(f"{error}\n")
        return OWNED
    return 0


def _few_arenas() -> None:
    """Have the C library's threads share memory, so that many that wait hold little; others than glibc need no word."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


if __name__ == "__main__":
    sys.exit(main())
