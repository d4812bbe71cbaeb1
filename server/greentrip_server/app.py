"""One server: its data directory, dispatcher and services on one gRPC port."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from google.longrunning import operations_pb2, operations_pb2_grpc
from greentrip import __version__
from greentrip.v1 import (
    comparison_pb2,
    comparison_pb2_grpc,
    experiment_pb2,
    experiment_pb2_grpc,
    indicator_pb2,
    indicator_pb2_grpc,
    network_pb2,
    network_pb2_grpc,
    plan_pb2,
    plan_pb2_grpc,
    report_pb2,
    report_pb2_grpc,
    run_pb2,
    run_pb2_grpc,
    scenario_pb2,
    scenario_pb2_grpc,
)
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from greentrip_server.cities import Cities
from greentrip_server.clerks import Clerks
from greentrip_server.cluster import Cluster
from greentrip_server.database import open_database
from greentrip_server.directory import DataDirectory
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import StateError
from greentrip_server.experiments.batch import Batches
from greentrip_server.experiments.members import Members
from greentrip_server.housekeeping import Housekeeping
from greentrip_server.jobs import Jobs
from greentrip_server.logs import LogFile, log_to
from greentrip_server.security import Door, Tokens
from greentrip_server.services.comparisons import ComparisonService
from greentrip_server.services.experiments import ExperimentService
from greentrip_server.services.indicators import IndicatorService
from greentrip_server.services.networks import NetworkService
from greentrip_server.services.operations import OperationService
from greentrip_server.services.plans import PlanService
from greentrip_server.services.reports import ReportService
from greentrip_server.services.runs import RunService
from greentrip_server.services.scenarios import ScenarioService
from greentrip_server.settings import Settings

if TYPE_CHECKING:
    from greentrip_server.traces import Traces

GRACE_S = 2.0
THREADS = 32
SERVICES = (
    *(
        module.DESCRIPTOR.services_by_name[name].full_name
        for module, name in (
            (network_pb2, "NetworkService"),
            (indicator_pb2, "IndicatorService"),
            (scenario_pb2, "ScenarioService"),
            (plan_pb2, "PlanService"),
            (run_pb2, "RunService"),
            (comparison_pb2, "ComparisonService"),
            (report_pb2, "ReportService"),
            (experiment_pb2, "ExperimentService"),
        )
    ),
    operations_pb2.DESCRIPTOR.services_by_name["Operations"].full_name,
)


async def serve(settings: Settings, ready: Callable[[str], None], *, until_input_ends: bool = False) -> None:
    """Serve until a signal, or until standard input ends, and leave unfinished runs for the next owner.

    Parameters
    ----------
    settings
        Where and how.
    ready
        Called with the address once calls are answered.
    until_input_ends
        Stop when the process that holds the other end of standard input is gone.

    Raises
    ------
    StateError
        When the data directory is owned by another process, is of a newer version, or the port is taken.
    ClusterError
        When there is a cluster in the settings that cannot be joined.

    """
    # Threads mostly wait, for the database's lock or its disk; with few of them readers would wait for writers.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="answer"))
    directory = DataDirectory(settings.data, settings.results)
    with directory.owned(), contextlib.closing(LogFile(directory.log)) as log:
        log_to(log)
        url = settings.database
        jobs = Jobs(open_database(url.get_secret_value() if url is not None else directory.database))
        directory.check_mark(jobs.mark())
        tokens = Tokens(jobs)
        if not settings.open_to_all and settings.tls_client_ca is None and not tokens.any_valid():
            raise StateError(
                f"nobody could enter at {settings.address}: it asks for a token and there is none",
                "make one with `greentrip token create NAME --data-dir DIR`",
            )
        cluster = Cluster(settings, directory) if settings.cluster is not None else None
        if cluster is not None:
            await cluster.join()
        dispatcher = Dispatcher(jobs, directory, settings, cluster)
        door = Door(jobs, tokens, settings)
        traces = _traces(settings)
        server = grpc.aio.server(
            interceptors=[door] if traces is None else [traces, door],
            maximum_concurrent_rpcs=settings.calls,
            options=[("grpc.so_reuseport", 0), *_limits(settings)],
        )
        clerks = Clerks(settings)
        checks = register(server, jobs, dispatcher, clerks, directory, settings)
        port = _listen(server, settings)
        stopping = contextlib.ExitStack()
        if settings.metrics_port is not None:
            from greentrip_server.metrics import Metrics

            metrics = Metrics(jobs, dispatcher)
            door.answered = metrics.answered
            scraped, _ = metrics.serve(settings.metrics_port)
            stopping.callback(scraped.server_close)
            stopping.callback(scraped.shutdown)
        if traces is not None:
            dispatcher.told = traces.attempt
            stopping.callback(traces.close)
        await server.start()
        for service in ("", *SERVICES):
            await checks.set(service, health_pb2.HealthCheckResponse.SERVING)
        address = f"{settings.address.rpartition(':')[0]}:{port}"
        directory.announce(
            {"address": address, "pid": os.getpid(), "version": __version__, "tls": bool(settings.tls_cert)}
            | ({"cluster": settings.cluster} if settings.cluster else {})
        )
        dispatching = asyncio.create_task(dispatcher.run())
        keeping = asyncio.create_task(Housekeeping(jobs, directory, settings).run())
        joined = asyncio.create_task(cluster.keep(dispatcher.wake)) if cluster is not None else None
        stop = _stop_event(until_input_ends=until_input_ends)
        ready(address)
        structlog.get_logger("server").info("ready", address=address, version=__version__)
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({dispatching, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await checks.enter_graceful_shutdown()
        waiting.cancel()
        keeping.cancel()
        failed = dispatching.done()
        if failed and dispatching.exception() is not None:
            structlog.get_logger("server").error("dispatcher failed", exc_info=dispatching.exception())
        stop.clear()
        draining = asyncio.create_task(dispatcher.close(0.0 if until_input_ends or failed else settings.drain_s))
        again = asyncio.create_task(stop.wait())  # a second signal ends the wait
        await asyncio.wait({draining, again}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            draining.cancel()
            await dispatcher.close()
        again.cancel()
        dispatching.cancel()
        if cluster is not None and joined is not None:
            joined.cancel()
            await cluster.close()
        await server.stop(GRACE_S)
        clerks.close()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await dispatching
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        stopping.close()
        jobs.close()
        structlog.get_logger("server").info("stopped", dispatcher_failed=failed)


def _traces(settings: Settings) -> "Traces | None":
    """Return what makes spans, when it is asked for."""
    if settings.traces is None:
        return None
    from greentrip_server.traces import Traces

    return Traces(settings.traces)


def _limits(settings: Settings) -> list[tuple[str, Any]]:
    """Return gRPC's options that bound what one connection may ask for, and find out those that are half open."""
    return [
        ("grpc.max_receive_message_length", settings.message_mb << 20),
        ("grpc.max_metadata_size", 16 << 10),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.max_concurrent_streams", settings.calls),
    ]


def _listen(server: grpc.aio.Server, settings: Settings) -> int:
    """Open the port, with TLS when there is a certificate; return its number."""
    try:
        if settings.tls_cert is None or settings.tls_key is None:
            return server.add_insecure_port(settings.address)
        ca = settings.tls_client_ca
        credentials = grpc.ssl_server_credentials(
            [(settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())],
            root_certificates=ca.read_bytes() if ca is not None else None,
            require_client_auth=ca is not None,
        )
        return server.add_secure_port(settings.address, credentials)
    except RuntimeError as error:
        raise StateError(
            f"{settings.address} cannot be listened on ({error})", "choose another port, or 0 for a free one"
        ) from error


def register(
    server: grpc.aio.Server,
    jobs: Jobs,
    dispatcher: Dispatcher,
    clerks: Clerks,
    directory: DataDirectory,
    settings: Settings,
) -> health.aio.HealthServicer:
    """Add every service to a gRPC server; return the health service, which nothing reports to yet."""
    cities = Cities(directory.results)
    members = Members(jobs)
    network_pb2_grpc.add_NetworkServiceServicer_to_server(NetworkService(cities, jobs, clerks), server)
    indicator_pb2_grpc.add_IndicatorServiceServicer_to_server(IndicatorService(clerks), server)
    scenario_pb2_grpc.add_ScenarioServiceServicer_to_server(ScenarioService(jobs, cities), server)
    plan_pb2_grpc.add_PlanServiceServicer_to_server(PlanService(jobs, cities, dispatcher, clerks, settings), server)
    runs = RunService(jobs, cities, directory, dispatcher, clerks, settings)
    run_pb2_grpc.add_RunServiceServicer_to_server(runs, server)
    comparison_pb2_grpc.add_ComparisonServiceServicer_to_server(ComparisonService(clerks), server)
    report_pb2_grpc.add_ReportServiceServicer_to_server(ReportService(clerks), server)
    operations_pb2_grpc.add_OperationsServicer_to_server(OperationService(jobs, dispatcher), server)
    batches = Batches(jobs, members, cities, dispatcher, directory)
    batches.start()
    experiments = ExperimentService(jobs, members, batches, cities, dispatcher, clerks, settings)
    experiment_pb2_grpc.add_ExperimentServiceServicer_to_server(experiments, server)
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return checks


def _stop_event(*, until_input_ends: bool) -> asyncio.Event:
    """Return an event that a signal, or the end of standard input, sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_input_ends:
        handle = sys.stdin.fileno()

        def read() -> None:
            if not os.read(handle, 1024):
                loop.remove_reader(handle)
                stop.set()

        try:
            loop.add_reader(handle, read)
        except PermissionError:  # a file, or nothing: it has ended already
            stop.set()
    return stop
