"""A run's state after each day, on disk: a killed run goes on from its last day and ends with the same bytes.

A checkpoint is written aside, synced and renamed, so that the folder holds a whole day or none. It carries a hash of
what the run was computed from; another network, seed, sample, parameter or version does not go on from it. The file
is a line of JSON that names each array with its type, shape and sum, then their bytes one after the other: a third of
what numpy's archives cost, which counts when a day takes two seconds.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.content import content_hash
from greentrip_networks.errors import ScenarioError
from greentrip_networks.files import DAY, sync
from greentrip_networks.kernels import sources_key
from numpy.typing import NDArray

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Log = list[dict[str, float]]
Arrays = dict[str, NDArray[Any]]


def origin(model: "CommuterModel") -> str:
    """Return a hash of all that decides a run's bytes: network, sample, seed, parameters, definition, versions."""
    p = model.parameters
    facts = {
        "network": content_hash(model.network),
        "sample": model.sample,
        "seed": model.key,
        "values": dict(p.values),
        "constants": dict(p.constants),
        "definition": model.definition.to_dict(),
        "versions": {name: version(name) for name in ("greentrip", "numpy", "numba", "scipy")},
        "kernels": sources_key(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def save(folder: Path, model: "CommuterModel", log: Log, made_from: str) -> None:
    """Keep the day just lived in place of the one before.

    Raises ScenarioError for a model with commuters of the caller's own, whose state it cannot know.
    """
    if model.individuals:
        raise ScenarioError("checkpoint", "commuters of your own may hold state that is not kept; run without one")
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{DAY}.part"
    state = {name: np.asarray(array, order="C") for name, array in flat(model.state()).items()}
    arrays = [[name, a.dtype.str, a.shape, _sum(_bytes(a))] for name, a in state.items()]
    with aside.open("wb") as out:
        out.write(json.dumps({"made_from": made_from, "log": log, "arrays": arrays}).encode() + b"\n")
        for array in state.values():
            out.write(_bytes(array).data)
        out.flush()
        os.fsync(out.fileno())
    aside.replace(folder / DAY)
    sync(folder)


def resume(folder: Path, model: "CommuterModel", made_from: str) -> Log:
    """Bring a new model to the last day kept and return the days' log.

    The log is empty where none is kept, or it is another's, or damaged: then the run begins anew.
    """
    file = folder / DAY
    if not file.is_file():
        return []
    with file.open("rb") as kept:
        line, content = kept.readline(), np.frombuffer(kept.read(), np.uint8)
    try:
        facts = json.loads(line)
        if facts["made_from"] != made_from:
            return []
        state: Arrays = {}
        at = 0
        for name, kind, shape, total in facts["arrays"]:
            size = np.dtype(kind).itemsize * math.prod(shape)
            here = content[at : at + size].copy()
            if len(here) != size or _sum(here) != total:
                return []
            state[name] = here.view(kind).reshape(shape)
            at += size
        log: Log = facts["log"]
    except (ValueError, KeyError, TypeError):
        return []
    model.restore(nested(state))
    return log


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array's bytes without copying them."""
    return array.reshape(-1).view(np.uint8)


def _sum(content: NDArray[np.uint8]) -> int:
    """Return the sum of bytes taken eight at a time, which any changed bit changes."""
    whole = len(content) // 8 * 8
    words = content[:whole].view(np.uint64)
    return (int(words.sum(dtype=np.uint64)) + int(content[whole:].sum(dtype=np.uint64))) % (1 << 64)


def flat(state: Mapping[str, Any], prefix: str = "") -> Arrays:
    """Turn nested dictionaries into one, names joined by dots."""
    out: Arrays = {}
    for name, value in state.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{name}.")
        else:
            out[prefix + name] = np.asarray(value)
    return out


def nested(state: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Undo `flat`."""
    out: dict[str, Any] = {}
    for name, value in state.items():
        *path, last = name.split(".")
        at = out
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return out
