"""What the service can be told: where, who may come in, how many workers, which limits."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CLUSTER = re.compile(r"ray://[^\s/@]+:\d{1,5}")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """Settings of one server."""

    model_config = SettingsConfigDict(env_prefix="GREENTRIP_", frozen=True, extra="forbid")

    data: Path = Field(default=Path("greentrip-data"), description="data directory, of this server alone")
    address: str = Field(default="127.0.0.1:0", description="host:port; port 0 takes a free one")
    database: SecretStr | None = Field(
        default=None, description="postgresql://user@host/name, shared by several servers; else SQLite in `data`"
    )
    results: Path | None = Field(
        default=None, description="folder of runs' tables, one for all servers of a database; else in `data`"
    )

    tls_cert: Path | None = Field(default=None, description="PEM file of the server's certificate and its chain")
    tls_key: Path | None = Field(default=None, description="PEM file of the certificate's key")
    tls_client_ca: Path | None = Field(
        default=None, description="PEM file of the authority whose client certificates are asked for"
    )
    client_scope: Literal["read", "write", "admin"] = Field(
        default="write", description="what the holder of a client certificate may do"
    )
    require_token: bool = Field(default=False, description="ask for a token on loopback too")

    workers: int = Field(default_factory=cores, ge=1, description="worker processes at most")
    threads: int = Field(
        default_factory=lambda data: max(1, cores() // data["workers"]), ge=1, description="numba threads a worker"
    )
    idle_s: float = Field(default=30.0, ge=0, description="seconds after which an idle worker is retired")
    lease_s: float = Field(default=15.0, gt=0, description="seconds that a claimed job stays claimed unless renewed")
    drain_s: float = Field(default=10.0, ge=0, description="seconds that running jobs are given to end on SIGTERM")
    attempts: int = Field(default=3, ge=1, description="deaths of its worker that a job may meet before it fails")

    cluster: str | None = Field(default=None, description="ray://host:port; runs are computed there instead of here")
    cluster_keep_s: float = Field(
        default=60.0, ge=0, description="seconds after which a run on the cluster sends its last day here"
    )

    run_memory_mb: float | None = Field(default=None, gt=0, description="memory a run may take; else what is free")
    run_hours: float | None = Field(default=None, gt=0, description="hours a run may be expected to take")
    queue: int = Field(default=10_000, ge=1, description="unfinished runs, or designs, at most")
    queue_of_client: int = Field(default=2_000, ge=1, description="unfinished runs, or designs, of one client at most")
    message_mb: int = Field(default=16, ge=1, le=512, description="size of one request at most")
    calls: int = Field(default=1_000, ge=1, description="calls answered at the same time at most")
    free_disk_mb: float = Field(default=50.0, ge=0, description="room for results without which no job is started")
    retention_days: float | None = Field(
        default=None, gt=0, description="days after which what is archived is deleted; else it is kept"
    )
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="loopback port of the Prometheus metrics; else there is none"
    )
    traces: str | None = Field(
        default=None,
        pattern="^https?://",
        description="OTLP endpoint of OpenTelemetry traces, such as http://127.0.0.1:4317; else there are none",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse addresses and loads that this server cannot answer for."""
        if self.workers * self.threads > cores():
            raise ValueError(
                f"workers x threads: saw {self.workers} x {self.threads}; expected at most {cores()}, "
                "the cores of this machine; lower one of the two"
            )
        host, colon, port = self.address.rpartition(":")
        if not colon or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
            raise ValueError(f"address: saw {self.address!r}; expected HOST:PORT, such as 127.0.0.1:50051")
        if self.cluster is not None and not CLUSTER.fullmatch(self.cluster):
            raise ValueError(f"cluster: saw {self.cluster!r}; expected ray://HOST:PORT, such as ray://head:10001")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key: saw one of them; expected both, or neither")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_client_ca: client certificates need TLS; set tls_cert and tls_key too")
        for name in ("tls_cert", "tls_key", "tls_client_ca"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name}: saw {path}; expected a PEM file")
        if not is_loopback(host) and self.tls_cert is None:
            raise ValueError(
                f"address: saw host {host!r}, which others can reach; that needs TLS and tokens: set tls_cert and "
                "tls_key and make a token with `greentrip token create NAME`; or listen on 127.0.0.1 and use a tunnel"
            )
        if self.database is not None and self.results is None:
            raise ValueError("results: servers that share a database share a folder of results; name it")
        return self

    @property
    def open_to_all(self) -> bool:
        """Whether who reaches the port needs neither a token nor a certificate: only on loopback."""
        return is_loopback(self.address.rpartition(":")[0]) and not self.require_token and self.tls_client_ca is None


def is_loopback(host: str) -> bool:
    """Return whether a host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
