"""A process that simulates run after run keeps none of their models."""

import gc
import weakref

import pytest
from greentrip_agents import run as runs
from greentrip_agents.model import CommuterModel
from greentrip_networks.network import Network


def test_found_a_model_that_nobody_holds_is_gone(city: Network) -> None:
    model = CommuterModel(city, sample=1.0, seed=0)
    model.step()
    assert min(a.unique_id for a in model.agents) == 1
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_found_a_run_leaves_no_model_even_before_the_collector_comes(
    city: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[object]] = []
    made = CommuterModel.__init__

    def note(self: CommuterModel, *args: object, **more: object) -> None:
        made(self, *args, **more)  # type: ignore[arg-type]
        held.append(weakref.ref(self.people))

    monkeypatch.setattr(CommuterModel, "__init__", note)
    gc.disable()
    try:
        runs.simulate(city, sample=1.0, seed=0, max_days=2)
        assert [people() for people in held] == [None]
    finally:
        gc.enable()
