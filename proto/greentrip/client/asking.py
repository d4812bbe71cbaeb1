"""What the verbs of the client have in common: names, masks, requests of their own, pages."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from google.protobuf.field_mask_pb2 import FieldMask

from greentrip.client.wire import Wire


class RunSet(Protocol):
    """Several runs that answer like one."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their resource names."""


def new_request() -> str:
    """Return a request_id of its own, so that a create whose answer was lost can be made again."""
    return str(uuid.uuid4())


def within(collection: str, name: str) -> str:
    """Return a name with its collection."""
    return name if "/" in name else f"{collection}/{name}"


def mask_of(**values: object) -> FieldMask:
    """Return the mask of what is given."""
    return FieldMask(paths=[name for name, value in values.items() if value is not None])


def names_of(runs: Sequence[str] | RunSet) -> list[str]:
    """Return resource names of runs."""
    return [within("runs", name) for name in (runs if isinstance(runs, Sequence) else runs.names)]


async def pages(wire: Wire, method: Callable[[Any], Any], request: Any, field: str) -> AsyncIterator[Any]:
    """Yield the items of every page."""
    while True:
        page = await wire.ask(method, request)
        for item in getattr(page, field):
            yield item
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
