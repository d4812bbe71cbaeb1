"""Vehicle schedules for electric buses: the fewest of them whose batteries last, charged between trips."""
