"""Tables made of a finished run when asked for: what the request says, turned into what the model takes."""

from greentrip.v1 import run_pb2
from greentrip_agents.parameters import default_parameters
from greentrip_agents.run import Run
from greentrip_agents.run_tables import TABLES, Asked, Count, Made, make_table
from greentrip_agents.statistics.gains import Setting

from greentrip_server.cities import Cities
from greentrip_server.directory import DataDirectory
from greentrip_server.tables import JobRow

__all__ = ["TABLES", "make_run_table", "setting_of"]


def setting_of(row: JobRow, cities: Cities) -> Setting:
    """Return the network and the parameters that a run simulated."""
    asked = row.input
    network = cities.build(asked["network"], asked["placement"], asked["interventions"])
    return Setting(network, default_parameters(network.name).with_(asked.get("parameters", {})))


def make_run_table(row: JobRow, request: run_pb2.StreamTableRequest, cities: Cities, directory: DataDirectory) -> Made:
    """Make the table that a request names of a finished run; errors name what it asked for."""
    told, setting = request.options, setting_of(row, cities)
    counts = tuple(Count(c.link, c.period, c.vehicles_h, c.direction) for c in told.counts)
    asked = Asked(
        by=told.by or "district", places=tuple(told.places), link=told.link, period=told.period, mode=told.mode,
        most=told.most or 50, counts=counts,
    )  # fmt: skip
    run = Run.load(directory.folder(row.id))
    return make_table(request.table, run, setting.network, setting.parameters, asked)
