"""Compile every kernel once, on the tiny city, so that the first real run does not wait for it."""

from greentrip_agents import CommuterModel
from greentrip_agents.run import finish
from greentrip_networks import tiny
from greentrip_optimizer import design_feeders
from greentrip_optimizer.everystop.generate import make_instance
from greentrip_optimizer.everystop.instance import instance_from
from greentrip_optimizer.everystop.solve import Limits, solve


def warm() -> None:
    """Simulate and design on the tiny city; what is compiled stays in the kernel cache."""
    city = tiny()
    model = CommuterModel(city, sample=0.002)
    run = finish(model, max_days=2)
    model.regret()  # asked for only when a run nears its end
    stations = sorted(city.rail)[:4]
    design_feeders(city, run, stations=stations, vehicles=8)
    solve(instance_from(make_instance(12, 2, 0)), limits=Limits(steps=100))


if __name__ == "__main__":
    warm()
