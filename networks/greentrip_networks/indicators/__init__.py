"""Figures of a network: coverage, reach, lines, roads and bicycle streets; each as a table and as a map layer."""

from greentrip_networks.indicators.areas import Area, area_named, areas_of
from greentrip_networks.indicators.coverage import Coverage, CoverageRow, measure_coverage

__all__ = ["Area", "Coverage", "CoverageRow", "area_named", "areas_of", "measure_coverage"]
