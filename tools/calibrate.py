"""Calibrate a bundled city anew and keep what its first day expects: run after its tables or the model change.

`python tools/calibrate.py beijing-2019 [--sample 0.005] [--expect 0.02]` writes the constants, and for --expect the
traffic and crowds of a run at that sample, to agents/greentrip_agents/calibrations/.
"""

import argparse
import sys
from pathlib import Path

from greentrip_agents.calibration import calibrate, to_toml
from greentrip_agents.model import CommuterModel
from greentrip_agents.prior import write_expectation
from greentrip_agents.run import finish
from greentrip_networks import load

FOLDER = Path(__file__).parents[1] / "agents" / "greentrip_agents" / "calibrations"
EXPECTING_SEED = 1000  # none that users' runs begin with


def main() -> None:
    """Write the city's files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network")
    parser.add_argument("--sample", type=float, default=0.005)
    parser.add_argument("--expect", type=float, default=0.0)
    asked = parser.parse_args()
    network = load(asked.network)
    city = network.name.split("-", 1)[0]
    result = calibrate(network, sample=asked.sample, progress=_tell)
    if not result.reached:
        sys.exit(f"{result.reason}; nothing is written")
    (FOLDER / f"{city}.toml").write_text(to_toml(result), encoding="utf-8")
    sys.stdout.write(to_toml(result))
    if asked.expect > 0:
        model = CommuterModel(network, sample=asked.expect, seed=EXPECTING_SEED, parameters=result.parameters)
        run = finish(model, max_days=60)
        if not run.indicators["converged"]:
            sys.exit(f"the run at sample {asked.expect:g} did not converge; its traffic is not kept")
        write_expectation(FOLDER / f"{city}.npz", model)


def _tell(day: int, worst: float) -> None:
    """Show a day's largest residual."""
    sys.stderr.write(f"day {day}: {worst:.3f} points\n")


if __name__ == "__main__":
    main()
