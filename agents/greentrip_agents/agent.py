"""What every agent of the model is: a Mesa agent whose model can be forgotten.

Mesa numbers agents by model in a table of its class that never lets a model go; a process that simulates run after run
would keep every run's residents. Here the table holds models weakly.
"""

from collections.abc import Iterator
from itertools import count
from weakref import WeakKeyDictionary

import mesa


class _Numbers(WeakKeyDictionary[mesa.Model, Iterator[int]]):
    """The next number of an agent, by model, from 1."""

    def __getitem__(self, model: mesa.Model) -> Iterator[int]:
        found = self.get(model)
        if found is None:
            found = self[model] = count(1)
        return found


class CityAgent(mesa.Agent):  # type: ignore[misc]
    """An agent whose model goes when nobody holds it any more."""

    _ids = _Numbers()
