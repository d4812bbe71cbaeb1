"""Errors of the service, and how each error becomes a google.rpc.Status that says what to mend."""

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from greentrip_networks.errors import (
    GreentripError,
    LimitError,
    PiecesError,
    ScenarioError,
    TableError,
    UnknownNameError,
)

DOMAIN = "greentrip"
RETRY_S = 1  # when a caller may try again what failed for want of the store
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


class FieldError(GreentripError):
    """A field of a request that does not hold what it must."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


class ExistsError(GreentripError):
    """A name or a request_id that is taken by something else."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class StateError(GreentripError):
    """A request that comes too early, too late or in the wrong place, and what to do first."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(f"{message}; {remedy}")


class ChangedError(GreentripError):
    """A resource that is no longer what the caller's etag says."""


class DoorError(GreentripError):
    """A call that is not let in: without a valid token, or with one that may not do this."""

    def __init__(self, message: str, *, known: bool) -> None:
        self.known = known  # whether the caller is known but may not
        super().__init__(message)


class ElsewhereError(GreentripError):
    """What was raised in another process, as the status that a caller sees, and where it was raised."""

    def __init__(self, status: status_pb2.Status, trace: str) -> None:
        self.status, self.trace = status, trace
        super().__init__(status.message)


class BusyError(GreentripError):
    """A store that does not answer for now: its connection is lost, or its disk is full; try again."""


def passing(error: BaseException) -> BusyError | None:
    """Return an error of the store that may pass by itself, in words for callers; None for any other error."""
    if isinstance(error, BusyError):
        return error
    if _of_database(error):
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return BusyError(f"the database does not answer for now ({said}); try again")
    number = error.errno if isinstance(error, OSError) else _system_error(error)
    if number in _FULL:
        return BusyError(
            f"the disk takes nothing for now ({os.strerror(number or 0)}); free some space, then try again"
        )
    return None


def _of_database(error: BaseException) -> bool:
    """Return whether a database refused; a process that has none does not load its library to know."""
    known = sys.modules.get("sqlalchemy.exc")
    return known is not None and isinstance(error, known.OperationalError | known.InterfaceError | known.TimeoutError)


def _system_error(error: BaseException) -> int | None:
    """Return the system's error number that polars tells in words only, when it writes a table."""
    found = re.search(r"\(os error (\d+)\)", str(error)) if type(error).__module__.startswith("polars") else None
    return int(found.group(1)) if found else None


def status_of(error: BaseException) -> status_pb2.Status:
    """Return the status that a caller sees for an error; an unexpected one becomes INTERNAL with its type and text."""
    if isinstance(error, ElsewhereError):
        return error.status
    if isinstance(error, ScenarioError | FieldError):
        return _status(
            code_pb2.INVALID_ARGUMENT, error, _bad_request([(error.field, str(error))]), *_unknown_names(error)
        )
    if isinstance(error, LimitError):
        return _status(code_pb2.RESOURCE_EXHAUSTED, error, _info("LIMIT", {"limit": error.limit}))
    if isinstance(error, UnknownNameError):
        resource = error_details_pb2.ResourceInfo(
            resource_type=error.kind, resource_name=error.name, description=str(error)
        )
        return _status(code_pb2.NOT_FOUND, error, resource, *_unknown_names(error))
    if isinstance(error, ExistsError):
        return _status(code_pb2.ALREADY_EXISTS, error, _info("ALREADY_EXISTS", {"name": error.name}))
    if isinstance(error, StateError):
        failure = error_details_pb2.PreconditionFailure()
        failure.violations.add(type="STATE", subject=DOMAIN, description=error.remedy)
        return _status(code_pb2.FAILED_PRECONDITION, error, failure)
    if isinstance(error, ChangedError):
        return _status(code_pb2.ABORTED, error, _info("ETAG", {}))
    if isinstance(error, DoorError):
        return _status(code_pb2.PERMISSION_DENIED if error.known else code_pb2.UNAUTHENTICATED, error)
    busy = passing(error)
    if busy is not None:
        error = busy
        wait = error_details_pb2.RetryInfo()
        wait.retry_delay.FromSeconds(RETRY_S)
        return _status(code_pb2.UNAVAILABLE, error, wait)
    if isinstance(error, PiecesError | TableError | GreentripError):
        return _status(code_pb2.FAILED_PRECONDITION, error, _info(type(error).__name__, {}))
    if isinstance(error, MemoryError):
        return status_pb2.Status(
            code=code_pb2.RESOURCE_EXHAUSTED, message="out of memory; use a smaller sample or fewer workers"
        )
    return status_pb2.Status(code=code_pb2.INTERNAL, message=f"{type(error).__name__}: {error}")


def status_to_json(status: status_pb2.Status) -> dict[str, Any]:
    """Return a status as plain data for storage."""
    return dict(MessageToDict(status, preserving_proto_field_name=True))


def status_from_json(data: dict[str, Any]) -> status_pb2.Status:
    """Read a status that `status_to_json` made."""
    return ParseDict(data, status_pb2.Status())


def _status(code: int, error: BaseException, *details: Message) -> status_pb2.Status:
    """Pack a status with its details."""
    status = status_pb2.Status(code=code, message=str(error))
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _unknown_names(error: BaseException) -> Iterator[error_details_pb2.ErrorInfo]:
    """Yield the unknown names that an error, or what caused it, speaks of, with the nearest ones."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnknownNameError):
            yield _info("UNKNOWN_NAME", {"kind": cause.kind, "name": cause.name, "nearest": ", ".join(cause.nearest)})
        cause = cause.__cause__


def _bad_request(violations: Iterable[tuple[str, str]]) -> error_details_pb2.BadRequest:
    """Return field violations as their message."""
    found = error_details_pb2.BadRequest()
    for field, description in violations:
        found.field_violations.add(field=field, description=description)
    return found


def _info(reason: str, metadata: dict[str, str]) -> error_details_pb2.ErrorInfo:
    """Return the machine-readable reason."""
    return error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
