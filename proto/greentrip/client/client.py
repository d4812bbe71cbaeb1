"""The client that waits: each verb of the service as a method; a call that is refused raises CallError."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from greentrip.client.channels import Credentials, open_channel
from greentrip.client.embedded import Embedded
from greentrip.client.errors import ConnectError
from greentrip.client.experiment_verbs import ExperimentVerbs
from greentrip.client.indicators import Indicators
from greentrip.client.networks import NetworkFiles
from greentrip.client.plan_verbs import PlanVerbs
from greentrip.client.run_verbs import RunVerbs
from greentrip.client.runs import Runs
from greentrip.client.wire import AtOnce, at_once, holding, one_by_one

DEFAULT_DATA_DIR = "greentrip-data"
REACH_S = 5.0  # a server on this machine answers at once


def connect(
    address: str | None = None,
    data_dir: str | Path | None = None,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    credentials: Credentials | None = None,
) -> "Client":
    """Return a client of a server, or of one that is started on a data directory and ends with the client.

    Parameters
    ----------
    address
        `host:port` of a running server; None for the data directory's own.
    data_dir
        Data directory; None means GREENTRIP_DATA, else `greentrip-data`.
    workers
        Worker processes at most, when a server is started; None means one a core.
    cluster
        `ray://host:port` of a Ray cluster that a server started here sends its runs to; None computes here.
    credentials
        Token, authority and certificate for a server elsewhere; None means as the environment says.

    Raises
    ------
    ConnectError
        When no server answers or starts, or one is running already that computes elsewhere than on the cluster.

    """
    if address is None:
        return Client(start(data_dir, workers, cluster))
    check_cluster(address, cluster)
    channel = open_channel(address, credentials or Credentials.from_environment())
    try:
        grpc.channel_ready_future(channel).result(timeout=REACH_S)
    except grpc.FutureTimeoutError:
        channel.close()
        raise ConnectError(silent(address)) from None
    return Client(channel)


def start(data_dir: str | Path | None, workers: int | None, cluster: str | None) -> Embedded:
    """Find the server of a data directory, or start one."""
    return Embedded(Path(data_dir or os.environ.get("GREENTRIP_DATA") or DEFAULT_DATA_DIR), workers, cluster)


def check_cluster(address: str, cluster: str | None) -> None:
    """Raise ConnectError when a server that runs already is told where to compute."""
    if cluster is not None:
        raise ConnectError(
            f"{address} chooses for itself where it computes; start it with `greentrip serve --cluster {cluster}`"
        )


def silent(address: str) -> str:
    """Return what to say of an address where nobody answers."""
    return (
        f"no server answers at {address}; start one with `greentrip serve`, or name its certificate's authority "
        "in GREENTRIP_CA"
    )


class _Verbs(RunVerbs, PlanVerbs, ExperimentVerbs):
    """All verbs on one wire."""

    def __init__(self, wire: AtOnce) -> None:
        RunVerbs.__init__(self, wire)
        PlanVerbs.__init__(self, wire)
        ExperimentVerbs.__init__(self, wire)


class Client:
    """One server; close it, or use it in a `with` block."""

    def __init__(self, server: Embedded | grpc.Channel) -> None:
        self._server = server
        self.channel = server.channel if isinstance(server, Embedded) else server
        wire = AtOnce(self.channel)
        self.verbs = _Verbs(wire)
        self.indicators = Indicators(wire)
        self.network_files = NetworkFiles(wire)

    def __enter__(self) -> Self:
        """Use the client in a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close the channel; a server that this client started ends, unfinished runs go on when it is next started."""
        self._server.close()

    networks = at_once(RunVerbs.networks)
    network = at_once(RunVerbs.network)
    create_scenario = at_once(RunVerbs.create_scenario)
    scenario = at_once(RunVerbs.scenario)
    scenarios = at_once(RunVerbs.scenarios)
    update_scenario = at_once(RunVerbs.update_scenario)
    delete_scenario = at_once(RunVerbs.delete_scenario)
    create_run = at_once(RunVerbs.create_run)
    run = at_once(RunVerbs.run)
    runs = at_once(RunVerbs.runs)
    watch = one_by_one(RunVerbs.watch)
    retry = at_once(RunVerbs.retry)
    update_run = at_once(RunVerbs.update_run)
    cancel = at_once(RunVerbs.cancel)
    delete_run = at_once(RunVerbs.delete_run)
    result = at_once(RunVerbs.result)
    table = at_once(RunVerbs.table)
    table_with_notes = at_once(RunVerbs.table_with_notes)
    layer = at_once(RunVerbs.layer)
    frame = at_once(RunVerbs.frame)
    simulate = holding(RunVerbs.simulate_each, Runs)

    update_plan = at_once(PlanVerbs.update_plan)
    design_feeders = at_once(PlanVerbs.design_feeders)
    adjust_lines = at_once(PlanVerbs.adjust_lines)
    design_commuter_buses = at_once(PlanVerbs.design_commuter_buses)
    schedule_lines = at_once(PlanVerbs.schedule_lines)
    create_plan = at_once(PlanVerbs.create_plan)
    plan = at_once(PlanVerbs.plan)
    plans = at_once(PlanVerbs.plans)
    compare_plans = at_once(PlanVerbs.compare_plans)
    export_plan = at_once(PlanVerbs.export_plan)
    compare = at_once(PlanVerbs.compare)
    report = at_once(PlanVerbs.report)

    compare_scenarios = at_once(ExperimentVerbs.compare_scenarios)
    run_experiment = at_once(ExperimentVerbs.run_experiment)
    experiment = at_once(ExperimentVerbs.experiment)
    experiments = at_once(ExperimentVerbs.experiments)
    watch_experiment = one_by_one(ExperimentVerbs.watch_experiment)
    pause_experiment = at_once(ExperimentVerbs.pause_experiment)
    resume_experiment = at_once(ExperimentVerbs.resume_experiment)
    cancel_experiment = at_once(ExperimentVerbs.cancel_experiment)
    query_experiment = at_once(ExperimentVerbs.query_experiment)
    experiment_report = at_once(ExperimentVerbs.experiment_report)
    experiment_result = at_once(ExperimentVerbs.experiment_result)
