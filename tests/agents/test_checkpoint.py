import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from greentrip_agents import Commuter, CommuterModel, Run, simulate
from greentrip_agents.checkpoint import flat, nested
from greentrip_agents.run import finish
from greentrip_networks import ScenarioError
from greentrip_networks.network import Network

ASKED = {"sample": 0.02, "seed": 5, "max_days": 9}


class Stop(Exception):  # noqa: N818
    pass


def stopping_after(last: int, told: list[int]):
    def progress(day: int, days: int, gap: float, share: float) -> None:
        told.append(day)
        if day == last:
            raise Stop

    return progress


def same(a: Run, b: Run) -> bool:
    return (
        a.indicators == b.indicators
        and a.trips.equals(b.trips)
        and a.links.equals(b.links)
        and a.lines.equals(b.lines)
        and all(np.array_equal(a.costs[k], v) for k, v in b.costs.items())
    )


@pytest.mark.parametrize("stop", [1, 4, 8])
def test_a_run_that_was_cut_ends_with_the_same_bytes(city: Network, tmp_path: Path, stop: int) -> None:
    whole = simulate(city, **ASKED)
    told: list[int] = []
    with pytest.raises(Stop):
        simulate(city, **ASKED, checkpoint=tmp_path, progress=stopping_after(stop, told))
    resumed = simulate(city, **ASKED, checkpoint=tmp_path, progress=lambda day, *_: told.append(day))
    assert told == list(range(1, whole.indicators["days"] + 1))
    assert same(whole, resumed)


def test_a_day_cut_while_it_is_written_is_lived_again(city: Network, tmp_path: Path) -> None:
    told: list[int] = []
    with pytest.raises(Stop):
        simulate(city, **ASKED, checkpoint=tmp_path, progress=stopping_after(3, told))
    (tmp_path / "day.arrays.part").write_bytes(b"half a day")
    simulate(city, **ASKED, checkpoint=tmp_path, progress=lambda day, *_: told.append(day))
    assert told[3] == 4
    assert not (tmp_path / "day.arrays.part").exists()


@pytest.mark.parametrize("harm", ["cut", "bit", "head", "empty"])
def test_a_damaged_day_is_not_gone_on_from(city: Network, tmp_path: Path, harm: str) -> None:
    with pytest.raises(Stop):
        simulate(city, **ASKED, checkpoint=tmp_path, progress=stopping_after(3, []))
    kept = tmp_path / "day.arrays"
    content = bytearray(kept.read_bytes())
    if harm == "bit":
        content[len(content) // 2] ^= 4
    elif harm == "head":
        content[5] ^= 255
    kept.write_bytes(content[:-9] if harm == "cut" else b"" if harm == "empty" else content)
    told: list[int] = []
    simulate(city, **ASKED, checkpoint=tmp_path, progress=lambda day, *_: told.append(day))
    assert told[0] == 1


@pytest.mark.parametrize("change", [{"seed": 6}, {"sample": 0.03}])
def test_another_runs_day_is_not_gone_on_from(city: Network, tmp_path: Path, change: dict[str, float]) -> None:
    told: list[int] = []
    with pytest.raises(Stop):
        simulate(city, **ASKED, checkpoint=tmp_path, progress=stopping_after(2, told))
    with pytest.raises(Stop):
        simulate(city, **(ASKED | change), checkpoint=tmp_path, progress=stopping_after(1, told))
    assert told == [1, 2, 1]


def test_commuters_of_your_own_are_not_silently_lost(city: Network, tmp_path: Path) -> None:
    model = CommuterModel(city, sample=0.01, seed=1, individuals={0: Commuter})
    with pytest.raises(ScenarioError, match="commuters of your own"):
        finish(model, max_days=3, checkpoint=tmp_path)


def test_flat_and_nested_undo_each_other() -> None:
    state = {"a": np.arange(3), "b": {"c": np.zeros(2), "d": {"e": np.array(1)}}}
    again = nested(flat(state))
    assert again["a"] is state["a"]
    assert again["b"]["d"]["e"] == 1
    assert set(flat(state)) == {"a", "b.c", "b.d.e"}


_SCRIPT = """
import sys
from pathlib import Path
from greentrip_agents import simulate
from greentrip_networks import tiny
import os, signal
def progress(day, days, gap, share):
    if day == 3 and sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
run = simulate(tiny(), sample=0.02, seed=5, max_days=6, checkpoint=Path(sys.argv[1]), progress=progress)
print(run.trips.hash_rows(seed=0).sum(), run.indicators["gap"])
"""


def test_a_killed_process_goes_on_at_another_thread_count(tmp_path: Path) -> None:
    def call(folder: str, how: str, threads: str) -> "subprocess.CompletedProcess[str]":
        env = os.environ | {"NUMBA_NUM_THREADS": threads}
        command = [sys.executable, "-c", _SCRIPT, str(tmp_path / folder), how]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert call("cut", "die", "1").returncode == -9
    cut, whole = call("cut", "live", "2"), call("whole", "live", "1")
    assert cut.returncode == 0, cut.stderr
    assert cut.stdout == whole.stdout
