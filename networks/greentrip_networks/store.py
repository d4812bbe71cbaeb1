"""Networks kept in a folder: frames as Parquet with hashes and a version; written aside, then renamed."""

import json
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from greentrip_networks.errors import GreentripError, UnknownNameError
from greentrip_networks.files import sha256_of, sync
from greentrip_networks.layers import SCHEMAS, VERSION, Layers, Matrix, Notes

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_FACTS = "network.json"


class StoreError(GreentripError):
    """A stored network that cannot be used: damaged, or of another version."""


class NetworkStore:
    """The networks of one folder, by name. Several processes may read while one writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Return the names of all networks, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(p.name for p in self.folder.iterdir() if NAME.fullmatch(p.name) and (p / _FACTS).is_file())

    def __contains__(self, name: str) -> bool:
        """Return whether there is a network of this name."""
        return bool(NAME.fullmatch(name)) and (self.folder / name / _FACTS).is_file()

    def save(self, name: str, layers: Layers) -> str:
        """Keep a network under a new name and return its content hash.

        Raises
        ------
        StoreError
            If the name is taken or is not a name.
        """
        if not NAME.fullmatch(name):
            raise StoreError(
                f"saw {name!r}; expected lower-case letters, digits and hyphens, a letter first, at most 63"
            )
        if name in self:
            raise StoreError(f"there is a network {name!r} already; delete it first, or choose another name")
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f".{name}.{uuid.uuid4().hex}.part"
        aside.mkdir()
        try:
            files: dict[str, str] = {}
            for table, frame in layers.frames():
                if len(frame):
                    path = aside / f"{table}.parquet"
                    frame.write_parquet(path, compression="zstd")
                    files[path.name] = sha256_of(path)
            for i, (title, matrix) in enumerate(layers.matrices.items()):
                path = aside / f"matrix-{i}.npz"
                np.savez_compressed(
                    path,
                    name=np.array(title),
                    unit=np.array(matrix.unit),
                    zones=np.array(matrix.zones, np.str_),
                    values=matrix.values,
                )
                files[path.name] = sha256_of(path)
            content = layers.content_hash()
            facts = {
                "version": VERSION,
                "content": content,
                "files": files,
                "notes": _plain(asdict(layers.notes)),
                "counts": layers.counts(),
            }
            (aside / _FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
            for path in aside.iterdir():
                sync(path)
            sync(aside)
            aside.rename(self.folder / name)
            sync(self.folder)
        except OSError:
            if name in self:  # another writer was faster
                raise StoreError(
                    f"there is a network {name!r} already; delete it first, or choose another name"
                ) from None
            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return content

    def facts(self, name: str) -> dict[str, Any]:
        """Return what is known of a network without loading it: version, content, files, notes, counts."""
        if name not in self:
            raise UnknownNameError("network", name, self.names())
        try:
            facts: dict[str, Any] = json.loads((self.folder / name / _FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"the stored network {name} is damaged ({error}); import it again") from None
        if facts.get("version") != VERSION:
            raise StoreError(
                f"the stored network {name} is of version {facts.get('version')}, this program reads {VERSION}; "
                "import it again"
            )
        return facts

    def load(self, name: str) -> Layers:
        """Return a network, its files checked against their hashes."""
        facts = self.facts(name)
        folder = self.folder / name
        frames: dict[str, pl.DataFrame] = {}
        matrices: dict[str, Matrix] = {}
        for file, digest in facts["files"].items():
            path = folder / file
            if not path.is_file() or sha256_of(path) != digest:
                raise StoreError(f"{file} of the stored network {name} is damaged; import it again")
            table = path.stem
            if table in SCHEMAS:
                frames[table] = pl.read_parquet(path)
            else:
                with np.load(path, allow_pickle=False) as data:
                    zones = tuple(str(z) for z in data["zones"])
                    matrices[str(data["name"])] = Matrix(zones, data["values"], str(data["unit"]))
        notes = facts["notes"]
        lists: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in notes.items()}
        return Layers(**frames, matrices=matrices, notes=Notes(**lists))

    def delete(self, name: str) -> None:
        """Remove a network; raise UnknownNameError if there is none."""
        if name not in self:
            raise UnknownNameError("network", name, self.names())
        gone = self.folder / f".{name}.{uuid.uuid4().hex}.gone"
        (self.folder / name).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _plain(value: Any) -> Any:
    """Return data as JSON has it."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
