"""Networks by name, bundled or imported, loaded once and kept while they are in use.

What reads and checks networks is imported when the first one is asked for: a server answers before that.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greentrip_networks.errors import ScenarioError, UnknownNameError

if TYPE_CHECKING:
    from greentrip_networks.layers import Layers
    from greentrip_networks.network import Network
    from greentrip_networks.store import NetworkStore

PREFIX = "networks/"
FOLDER = ".networks"  # of a results folder: servers that share results share networks


class Cities:
    """The networks of a service; safe to share between threads."""

    def __init__(self, results: Path | None = None, keep: int = 3) -> None:
        self._keep = keep
        self._loaded: OrderedDict[tuple[str, int, str], Network] = OrderedDict()
        self._lock = threading.Lock()
        self._valid: set[tuple[str, int, str, str]] = set()
        self._results = results

    def look_in(self, results: Path) -> None:
        """Find imported networks beside these results."""
        if self._results != results:
            self._results = results
            self.__dict__.pop("store", None)

    @cached_property
    def store(self) -> "NetworkStore | None":
        """Imported networks, where there is a place for them; see `_any_imported`."""
        from greentrip_networks.store import NetworkStore

        return NetworkStore(self._results / FOLDER) if self._results is not None else None

    @property
    def _any_imported(self) -> bool:
        """Whether to look for imported networks; what reads them takes memory."""
        return self._results is not None and (self._results / FOLDER).is_dir()

    def names(self) -> list[str]:
        """Return the names of all networks, the bundled ones first."""
        from greentrip_networks import NAMES

        return [*NAMES, *(self.store.names() if self._any_imported and self.store else ())]

    def imported(self, name: str) -> bool:
        """Return whether a network was imported; raise UnknownNameError with the nearest names if there is none."""
        from greentrip_networks import NAMES

        plain = name.removeprefix(PREFIX)
        if plain in NAMES:
            return False
        if self._any_imported and self.store is not None and plain in self.store:
            return True
        raise UnknownNameError("network", plain, self.names())

    def get(self, name: str, placement: int = 0) -> "Network":
        """Return a network by its resource name or plain name.

        Raises
        ------
        UnknownNameError
            With the nearest names, if there is none.
        BadInputError
            If an imported network lacks what a simulation needs.
        """
        plain = name.removeprefix(PREFIX)
        content = ""
        if self.imported(plain):
            assert self.store is not None
            content = str(self.store.facts(plain)["content"])
        key = (plain, placement, content)
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = self._make(plain, placement)
                while len(self._loaded) > self._keep:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def content(self, name: str) -> str:
        """Return the hash of an imported network's content; nothing for a bundled one, which goes with the code."""
        if not self.imported(name):
            return ""
        assert self.store is not None
        return str(self.store.facts(name.removeprefix(PREFIX))["content"])

    def layers(self, name: str) -> "Layers":
        """Return a network in the neutral form."""
        plain = name.removeprefix(PREFIX)
        if self.imported(plain):
            assert self.store is not None
            return self.store.load(plain)
        from greentrip_networks.layers_of import layers_of

        return layers_of(self.get(plain))

    def _make(self, plain: str, placement: int) -> "Network":
        from greentrip_networks import NAMES, load

        if plain in NAMES:
            return load(plain, placement=placement)
        from greentrip_networks.from_layers import network_of

        assert self.store is not None
        return network_of(self.store.load(plain), plain, placement)

    def build(self, name: str, placement: int, interventions: Sequence[Mapping[str, Any]]) -> "Network":
        """Return a network with interventions applied, checked that it can be simulated; raise ScenarioError if not."""
        from greentrip_networks import Scenario

        base = self.get(name, placement)
        steps = tuple(_read(i, step) for i, step in enumerate(interventions))
        network = Scenario(name="", base=base.name, interventions=steps).build(base) if steps else base
        of_base = (base.name, placement, str(base.extra.get("content", "")))
        self._check(base, None, (*of_base, "[]"))
        self._check(network, base, (*of_base, json.dumps(interventions, sort_keys=True)))
        return network

    def _check(self, network: "Network", known: "Network | None", content: tuple[str, int, str, str]) -> None:
        """Raise ScenarioError for a network that cannot be simulated, unless it was found to be fine before."""
        from greentrip_networks import validate

        if content in self._valid:
            return
        problems = validate(network, known=known)
        errors = [p for p in problems if p.level == "error"]
        if errors:
            listed = "; ".join(f"{p.place}: {p.message}" for p in errors[:3])
            raise ScenarioError("network", f"{len(errors)} errors make it impossible to simulate: {listed}")
        self._valid.add(content)


def _read(i: int, step: Mapping[str, Any]) -> Any:
    """Read one intervention; an error names it by its position."""
    from greentrip_networks.scenario import intervention_from_dict

    try:
        return intervention_from_dict(step)
    except (ScenarioError, UnknownNameError) as error:
        raise ScenarioError(f"interventions[{i}] ({step.get('kind', '')})", str(error)) from error
