"""What several readers need to make frames: lists from flat values, parts joined, rows that repeat dropped."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.layers import KEYS, Layers


def flat_lists(flat: NDArray[np.float64], offsets: NDArray[np.int64]) -> pl.Series:
    """Return a column of lists from their values one after the other and where each starts, shape (rows + 1,)."""
    import pyarrow as pa

    made = pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(flat)))
    assert isinstance(made, pl.Series)
    return made


def merged(parts: Sequence[Layers]) -> Layers:
    """Put the networks of several files of one format into one; a row that another part has too is kept once."""
    if len(parts) == 1:
        return parts[0]
    from greentrip_networks.formats import join

    made = join(parts)
    unique = {
        name: frame.unique(list(KEYS[name]), keep="first", maintain_order=True)
        for name, frame in made.frames()
        if len(frame)
    }
    return made.with_(**unique)
