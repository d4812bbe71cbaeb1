"""What the client raises: a call that was refused, with the server's reasons, or no server at all."""

from collections.abc import Mapping

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


class ConnectError(Exception):
    """No server could be reached or started."""


class CallError(Exception):
    """A call that the server refused.

    Attributes
    ----------
    code
        The gRPC code's name, such as `INVALID_ARGUMENT`.
    fields
        What is wrong, by field of the request.
    nearest
        Names close to an unknown one.

    """

    def __init__(self, code: str, message: str, fields: Mapping[str, str], nearest: tuple[str, ...]) -> None:
        self.code, self.fields, self.nearest = code, dict(fields), nearest
        super().__init__(message)


def call_error(error: grpc.RpcError) -> CallError:
    """Read the details that the server attached to an error."""
    status = rpc_status.from_call(error)
    if status is None:
        return CallError(error.code().name, error.details() or error.code().name, {}, ())
    return from_status(status)


def from_status(status: status_pb2.Status) -> CallError:
    """Return a status as an error."""
    fields: dict[str, str] = {}
    nearest: tuple[str, ...] = ()
    for detail in status.details:
        request, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
        if detail.Unpack(request):
            fields.update((v.field, v.description) for v in request.field_violations)
        elif detail.Unpack(info) and info.metadata.get("nearest"):
            nearest = tuple(info.metadata["nearest"].split(", "))
    names = {code.value[0]: code.name for code in grpc.StatusCode}
    return CallError(names.get(status.code, "UNKNOWN"), status.message, fields, nearest)
