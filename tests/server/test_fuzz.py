"""A short run of the fuzzer; `make fuzz` makes a hundred thousand calls."""

import importlib.util
import os
import random
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("fuzz_api", Path(__file__).parents[2] / "tools" / "fuzz_api.py")
fuzz_api = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz_api)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GREENTRIP_FREE_DISK_MB", "GREENTRIP_QUEUE", "GREENTRIP_QUEUE_OF_CLIENT", "TMPDIR"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)


@pytest.mark.slow
def test_no_message_earns_an_error_that_is_the_servers() -> None:
    found = fuzz_api.fuzz(300, seed=random.Random().randrange(10**6))
    assert found["wrong"] == []
    assert found["codes"]["OK"] > 30
    assert found["codes"]["INVALID_ARGUMENT"] > 30


def test_the_fuzzer_reaches_every_method() -> None:
    names = {m.full_name for m in fuzz_api.methods()}
    assert {"greentrip.v1.RunService.CreateRun", "google.longrunning.Operations.WaitOperation"} <= names
    assert len(names) > 40
