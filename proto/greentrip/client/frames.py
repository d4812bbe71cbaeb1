"""Arrow bytes as the data frames that people work with; the libraries are imported when a frame is asked for."""

from importlib import import_module
from typing import Any

KINDS = ("polars", "pandas")


def frame(content: bytes, kind: str = "polars") -> Any:
    """Return the bytes of an Arrow IPC stream as a data frame.

    Parameters
    ----------
    content
        What `Client.table` returned.
    kind
        `polars` or `pandas`; the library of that name (and pyarrow, for pandas) must be installed.

    """
    # Imported by name: without this call the client needs neither of them.
    if kind == "polars":
        return import_module("polars").read_ipc_stream(content)
    if kind == "pandas":
        return import_module("pyarrow").ipc.open_stream(content).read_all().to_pandas()
    raise ValueError(f"kind: saw {kind!r}; expected one of {', '.join(KINDS)}")
