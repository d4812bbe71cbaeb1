"""The demand around a rail station that a feeder could serve, by how easy reaching the station becomes."""

from dataclasses import dataclass

from greentrip_networks.network import Floats, Ints


@dataclass(frozen=True, eq=False)
class CatchmentDemand:
    """What every resident around a station would do if reaching it took less effort.

    The figures are sums of choice probabilities over every resident of a cell, not counts of a sample.

    Parameters
    ----------
    station
        Id of the rail station.
    cells
        Rows of `network.cells` in the catchment, shape (cells,), ascending.
    riders
        Expected daily boardings plus alightings at the station by residents of a cell if the generalised access cost
        of the cell falls to a level, shape (cells, levels), non-increasing along the levels.
    benefit_min
        Person-minutes of generalised cost saved a day (logsum) at a level against today, shape (cells, levels).
    levels_min
        Generalised access costs in minutes, shape (levels,), ascending.
    base_min
        Today's best generalised access cost in minutes, shape (cells,).
    """

    station: str
    cells: Ints
    riders: Floats
    benefit_min: Floats
    levels_min: Floats
    base_min: Floats
