"""Networks by name, loaded once and kept while they are in use."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from greentrip_networks import NAMES, load, validate
from greentrip_networks.errors import ScenarioError, UnknownNameError
from greentrip_networks.network import Network
from greentrip_networks.scenario import Scenario, intervention_from_dict

PREFIX = "networks/"


class Cities:
    """A small store of loaded networks; safe to share between threads."""

    def __init__(self, keep: int = 3) -> None:
        self._keep = keep
        self._loaded: OrderedDict[tuple[str, int], Network] = OrderedDict()
        self._lock = threading.Lock()
        self._valid: set[tuple[str, int, str]] = set()

    def get(self, name: str, placement: int = 0) -> Network:
        """Return a network by its resource name or plain name; raise UnknownNameError with the nearest names."""
        plain = name.removeprefix(PREFIX)
        if plain not in NAMES:
            raise UnknownNameError("network", plain, NAMES)
        key = (plain, placement)
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load(plain, placement=placement)
                while len(self._loaded) > self._keep:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def build(self, name: str, placement: int, interventions: Sequence[Mapping[str, Any]]) -> Network:
        """Return a network with interventions applied, checked that it can be simulated; raise ScenarioError if not."""
        base = self.get(name, placement)
        content = (base.name, placement, json.dumps(interventions, sort_keys=True))
        steps = tuple(_read(i, step) for i, step in enumerate(interventions))
        network = Scenario(name="", base=base.name, interventions=steps).build(base) if steps else base
        if content not in self._valid:
            errors = [p for p in validate(network) if p.level == "error"]
            if errors:
                listed = "; ".join(f"{p.place}: {p.message}" for p in errors[:3])
                raise ScenarioError("network", f"{len(errors)} errors make it impossible to simulate: {listed}")
            self._valid.add(content)
        return network


def _read(i: int, step: Mapping[str, Any]) -> Any:
    """Read one intervention; an error names it by its position."""
    try:
        return intervention_from_dict(step)
    except (ScenarioError, UnknownNameError) as error:
        raise ScenarioError(f"interventions[{i}] ({step.get('kind', '')})", str(error)) from error
