"""A run's state after each day, on disk: a killed run goes on from its last day and ends with the same bytes.

A checkpoint is written aside, synced and renamed, so that the folder holds a whole day or none. It carries a hash of
what the run was computed from; another network, seed, sample, parameter or version does not go on from it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.content import content_hash
from greentrip_networks.errors import ScenarioError
from greentrip_networks.files import sync
from greentrip_networks.kernels import sources_key
from numpy.typing import NDArray

if TYPE_CHECKING:
    from greentrip_agents.model import CommuterModel

Log = list[dict[str, float]]
Arrays = dict[str, NDArray[Any]]
_FILE = "day.npz"


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
    aside = folder / f"{_FILE}.part"
    state: Arrays = flat(model.state())
    with aside.open("wb") as out:
        np.savez(out, made_from=np.array(made_from), log=np.array(json.dumps(log)), **state)  # type: ignore[arg-type]
        out.flush()
        os.fsync(out.fileno())
    aside.replace(folder / _FILE)
    sync(folder)


def resume(folder: Path, model: "CommuterModel", made_from: str) -> Log:
    """Bring a new model to the last day kept and return the days' log, empty where none is kept or it is another's."""
    if not (folder / _FILE).is_file():
        return []
    with np.load(folder / _FILE, allow_pickle=False) as data:
        if str(data["made_from"]) != made_from:
            return []
        log: Log = json.loads(str(data["log"]))
        model.restore(nested({name: data[name] for name in data.files if name not in {"made_from", "log"}}))
    return log


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
