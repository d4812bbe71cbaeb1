"""What the service can be told: where, how many workers, how long leases last."""

import ipaddress
import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """Settings of one server."""

    model_config = SettingsConfigDict(env_prefix="GREENTRIP_", frozen=True, extra="forbid")

    data: Path = Field(default=Path("greentrip-data"), description="data directory")
    address: str = Field(default="127.0.0.1:0", description="host:port on loopback; port 0 takes a free one")
    workers: int = Field(default_factory=cores, ge=1, description="worker processes at most")
    threads: int = Field(
        default_factory=lambda data: max(1, cores() // data["workers"]), ge=1, description="numba threads a worker"
    )
    idle_s: float = Field(default=30.0, ge=0, description="seconds after which an idle worker is retired")
    lease_s: float = Field(default=15.0, gt=0, description="seconds that a claimed job stays claimed unless renewed")
    run_memory_mb: float | None = Field(default=None, gt=0, description="memory a run may take; else what is free")
    run_hours: float | None = Field(default=None, gt=0, description="hours a run may be expected to take")
    attempts: int = Field(default=3, ge=1, description="starts of one job before its worker's death fails it")

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse addresses and loads that this version cannot answer for."""
        if self.workers * self.threads > cores():
            raise ValueError(
                f"workers x threads: saw {self.workers} x {self.threads}; expected at most {cores()}, "
                "the cores of this machine; lower one of the two"
            )
        host, colon, port = self.address.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"address: saw {self.address!r}; expected HOST:PORT, such as 127.0.0.1:50051")
        if not is_loopback(host):
            raise ValueError(
                f"address: saw host {host!r}; only loopback (127.0.0.1, ::1, localhost) is served, because "
                "TLS and tokens are not there yet and anyone who reaches the port could start work; "
                "use an SSH tunnel to reach it from elsewhere"
            )
        return self


def is_loopback(host: str) -> bool:
    """Return whether a host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
