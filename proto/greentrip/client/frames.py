"""Arrow bytes and GeoJSON as the data frames that people work with; libraries are imported for the first frame."""

import json
from collections.abc import Sequence
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


def with_seeds(frames: Sequence[Any], seeds: Sequence[int], kind: str) -> Any:
    """Return frames of one kind below each other, with a column `seed`."""
    library = import_module(kind)
    if kind == "pandas":
        named = [made.assign(seed=seed) for made, seed in zip(frames, seeds, strict=True)]
        return library.concat(named, ignore_index=True)
    return library.concat(
        [made.with_columns(seed=library.lit(seed, library.Int64)) for made, seed in zip(frames, seeds, strict=True)]
    )


def geo_frame(content: bytes) -> Any:
    """Return the bytes of a GeoJSON feature collection as a GeoPandas frame in longitude and latitude (EPSG:4326).

    Parameters
    ----------
    content
        What `Indicators.layer` returned; geopandas must be installed.

    """
    features = json.loads(content)["features"]
    return import_module("geopandas").GeoDataFrame.from_features(features, crs="EPSG:4326")
