"""How fast people go by each mode, door to door, and what each start and end takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Speeds and fixed times; the values are the model's own parameters of the same names, assumed where it says so."""

    street_detour: float = 1.3  # metres on foot off the streets of the network per metre as the crow flies
    walk_m_s: float = 1.2
    bicycle_km_h: float = 12.0
    bicycle_fixed_min: float = 4.0  # unlocking and parking
    car_terminal_min: float = 6.0  # walking to and from the car
    bus_over_car: float = 1.0  # bus running time over car time on the same street
    bus_dwell_s: float = 42.0  # at each stop

    @property
    def walk_m_min(self) -> float:
        """Return metres a minute on foot."""
        return self.walk_m_s * 60

    @property
    def bicycle_m_min(self) -> float:
        """Return metres a minute by bicycle."""
        return self.bicycle_km_h * 1000 / 60
