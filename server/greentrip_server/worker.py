"""A worker process: does one job after another, stays warm between them, dies with its server."""

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from greentrip_server.errors import passing, status_of, status_to_json
from greentrip_server.kinds import RUNS

Tell = Callable[[tuple[str, dict[str, Any]]], None]
# what of a design's input are fields of `FeederOptions`
_RULES = (
    "vehicles",
    "budget_cny_day",
    "seed",
    "range_km",
    "charge_km_h",
    "turn_m",
    "loops",
    "street_buses_h",
    "gap",
    "seconds",
)


def work(connection: Connection) -> None:
    """Take jobs from the connection until it closes; send ("progress" | "done" | "failed" | "blocked", data) back."""
    from greentrip_server.cities import Cities

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which lets jobs end
    os.nice(5)  # whoever waits for an answer goes before whoever computes
    cities = Cities()
    inbox = Inbox(connection)
    while True:
        job = inbox.next()
        cities.look_in(Path(job["aside"]).parent)
        connection.send(outcome(job, cities, connection.send))


def outcome(job: dict[str, Any], cities: Any, tell: Tell) -> tuple[str, dict[str, Any]]:
    """Do a job; return ("done" | "failed" | "blocked", data) and tell its progress on the way."""
    try:
        return "done", (_simulate if job["kind"] == RUNS else _design)(job, cities, tell)
    except Exception as error:  # noqa: BLE001 - whatever a job raises is the job's outcome
        busy = passing(error)
        if busy is not None:
            return "blocked", {"reason": str(busy)}
        return "failed", {"status": status_to_json(status_of(error)), "trace": traceback.format_exc()}


class Inbox:
    """Jobs from the server, read by a thread that ends this process as soon as the server is gone."""

    def __init__(self, connection: Connection) -> None:
        self._jobs: deque[Any] = deque()
        self._ready = threading.Semaphore(0)
        threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: Connection) -> None:
        while True:
            try:
                self._jobs.append(connection.recv())
            except (EOFError, OSError):
                os._exit(0)
            except Exception:  # noqa: BLE001 - a process that cannot read what it is told is of no use
                traceback.print_exc()
                os._exit(1)
            self._ready.release()

    def next(self) -> Any:
        """Wait for a job."""
        self._ready.acquire()
        return self._jobs.popleft()


def _simulate(job: dict[str, Any], cities: Any, tell: Tell) -> dict[str, Any]:
    """Simulate a scenario with a seed and save its tables aside."""
    from greentrip_agents import simulate
    from greentrip_agents.forecast import forecast, seconds_left
    from greentrip_agents.parameters import default_parameters

    asked = job["input"]
    network = cities.build(asked["network"], asked["placement"], asked["interventions"])
    parameters = default_parameters(network.name).with_(asked.get("parameters", {}))
    expected = forecast(network, sample=asked["sample"], parameters=parameters, max_days=asked["max_days"])
    told = {"max_days": asked["max_days"], "memory_mb": expected.memory_mb}
    tell(("progress", {**told, "seconds_left": expected.seconds}))
    begun: list[tuple[int, float]] = []

    def progress(day: int, max_days: int, gap: float, green_share: float) -> None:
        begun.append((day, time.monotonic()))
        left = seconds_left(begun, max_days) if len(begun) > 1 else expected.seconds
        found = {"day": int(day), "gap": float(gap), "green_share": float(green_share)}
        tell(("progress", {**told, **found, "seconds_left": left}))

    run = simulate(
        network,
        sample=asked["sample"],
        seed=asked["seed"],
        max_days=asked["max_days"],
        parameters=parameters,
        progress=progress,
        checkpoint=Path(job["checkpoint"]),
    )
    aside = Path(job["aside"])
    aside.mkdir(parents=True, exist_ok=True)
    run.save(aside)
    return {"indicators": {**run.indicators, "trips": run.trips.height}}


def _design(job: dict[str, Any], cities: Any, tell: Tell) -> dict[str, Any]:
    """Design on the network, demand and loads of a finished run."""
    from greentrip_agents import Run
    from greentrip_agents.parameters import default_parameters
    from greentrip_optimizer import design_feeders
    from greentrip_optimizer.rules import rules_of

    asked = job["input"]
    network = cities.build(asked["network"], asked["placement"], asked["interventions"])

    done: dict[str, Any] = {}
    worth: dict[str, float] = {}

    def progress(message: str, fraction: float) -> None:
        done.update(message=str(message), fraction=float(fraction))
        tell(("progress", done | worth))

    def found(incumbent: float | None, bound: float | None) -> None:
        worth.clear()
        worth.update({k: float(v) for k, v in (("incumbent", incumbent), ("bound", bound)) if v is not None})
        tell(("progress", done | worth))

    run = Run.load(Path(job["run_folder"]))
    parameters = default_parameters(network.name).with_(asked.get("parameters") or {})
    if asked.get("design", "feeders") != "feeders":
        return {"plan": _other_design(asked, network, run, parameters, progress).to_dict()}
    named, further = {k: asked[k] for k in _RULES if k in asked}, rules_of(asked.get("rules", {}))
    how = {
        "stations": asked["stations"],
        "keep": _routes(asked.get("keep", ())),
        "start": _routes(asked.get("start", ())),
        "progress": progress,
        "found": found,
        "parameters": parameters,
    }
    if asked.get("rounds", 1) > 1:
        return {"plan": _design_in_loop(asked, network, run, named | further, how).to_dict()}
    return {"plan": design_feeders(network, run, rules=further, **how, **named).to_dict()}


def _routes(data: Any) -> Any:
    """Build routes from plain data."""
    from greentrip_networks.scenario import AddFeeders, intervention_from_dict

    adding = intervention_from_dict({"kind": "AddFeeders", "routes": data})
    return adding.routes if isinstance(adding, AddFeeders) else ()


def _other_design(asked: dict[str, Any], network: Any, run: Any, parameters: Any, progress: Any) -> Any:
    """Fit bus lines to rail, or design customised buses."""
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in asked["options"].items()} | {"seed": asked["seed"]}
    if asked["design"] == "lines":
        from greentrip_optimizer.line_actions import LineOptions
        from greentrip_optimizer.lines import adjust_lines

        return adjust_lines(network, run, LineOptions(**given), progress=progress, parameters=parameters)
    from greentrip_optimizer.commuter_buses import design_commuter_buses
    from greentrip_optimizer.commuter_options import commuter_options

    return design_commuter_buses(network, run, commuter_options(network, parameters, **given), progress=progress)


def _design_in_loop(asked: dict[str, Any], network: Any, run: Any, rules: dict[str, Any], how: dict[str, Any]) -> Any:
    """Design and simulate in turn, as the run was simulated; judge by the run and others of the next seeds."""
    from greentrip_agents import simulate
    from greentrip_optimizer.feeders import options_of
    from greentrip_optimizer.loop import design_in_loop

    was, parameters = asked["simulated"], how["parameters"]

    def simulated(city: Any, seed: int) -> Any:
        return simulate(city, sample=was["sample"], seed=seed, max_days=was["max_days"], parameters=parameters)

    base = [run]
    for k in range(1, asked["placements"]):
        how["progress"](f"today, placement {k + 1} of {asked['placements']}", 0.0)
        base.append(simulated(network, int(run.indicators["seed"]) + k))
    return design_in_loop(
        network,
        base,
        simulated,
        options=options_of(network, parameters, **rules),
        most_rounds=asked["rounds"],
        **how,
    ).plan
