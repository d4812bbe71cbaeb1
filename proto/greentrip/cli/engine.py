"""Run the engine in a process of its own, for commands that need no service; it ends with the command."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

MISSING = "the engine is not installed here: pip install 'greentrip[engine]'"


def run_engine(arguments: list[str], progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run `python -m greentrip_agents ARGUMENTS`, pass its progress on and return its result.

    Raises ValueError with the engine's own words when it refuses, and ends the process when the command is interrupted.
    """
    command = [sys.executable, "-m", "greentrip_agents", *arguments]
    result: dict[str, Any] | None = None
    complaint = ""
    with subprocess.Popen(  # noqa: S603 - the command is this program's own
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            for line in process.stdout or ():
                said = json.loads(line)
                if "progress" in said:
                    progress(said["progress"])
                elif "error" in said:
                    raise ValueError(said["error"]["message"])
                else:
                    result = said["result"]
            complaint = process.stderr.read() if process.stderr is not None else ""
        finally:
            if process.poll() is None and result is None:
                process.kill()
    if result is None:
        last = complaint.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise ValueError(MISSING if "No module named" in last[0] else f"the engine failed: {last[0]}")
    return result
