"""Set runs of one city at several sample rates side by side, to see whether shares depend on the residents simulated.

`python benchmarks/scale.py [--city beijing-2019] [--samples 0.01 0.1 1] [--json]` runs each to equilibrium in a process
of its own and prints the shares and the largest difference from the largest sample. All residents of Beijing took 25
minutes and 11 GB on one busy core.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

DAY = Path(__file__).with_name("day.py")
MODES_WITHIN, GREEN_WITHIN = 0.3, 0.1  # points


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--city", default="beijing-2019")
    parser.add_argument("--samples", type=float, nargs="+", default=[0.01, 0.1, 1.0])
    parser.add_argument("--json", action="store_true", help="as one line")
    asked = parser.parse_args()
    runs = [_run(asked.city, sample) for sample in sorted(asked.samples)]
    full = runs[-1]
    modes = max(abs(r["class_share"][m] - full["class_share"][m]) for r in runs for m in full["class_share"])
    green = max(abs(r["green_share"] - full["green_share"]) for r in runs)
    found = {
        "runs": runs,
        "largest_mode_difference": round(modes, 3),
        "largest_green_difference": round(green, 3),
        "within": modes <= MODES_WITHIN and green <= GREEN_WITHIN and all(r["converged"] for r in runs),
    }
    sys.stdout.write(json.dumps(found, indent=None if asked.json else 2) + "\n")
    sys.exit(0 if found["within"] else 1)


def _run(city: str, sample: float) -> dict[str, Any]:
    """Return a run's figures at one sample rate."""
    command = [sys.executable, str(DAY), "--city", city, "--sample", str(sample), "--days", "0", "--json"]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    kept = (
        "residents",
        "trips",
        "days",
        "gap",
        "converged",
        "served",
        "green_share",
        "class_share",
        "seconds_total",
        "peak_rss_mb",
        "log",
    )
    return {"sample": sample} | {name: done[name] for name in kept}


if __name__ == "__main__":
    main()
