"""The names of the bundled networks, for those who only list them."""

YEARS = range(2013, 2021)
NAMES = (*(f"beijing-{y}" for y in YEARS), "tiny")
