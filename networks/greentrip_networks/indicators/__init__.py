"""Figures of a network: coverage, reach, lines, roads and bicycle streets; each as a table and as a map layer."""

from greentrip_networks.indicators.areas import Area, area_named, areas_of
from greentrip_networks.indicators.bicycles import BicycleNetwork, measure_bicycles
from greentrip_networks.indicators.coverage import Coverage, CoverageRow, measure_coverage
from greentrip_networks.indicators.lines import LineFigures, measure_lines
from greentrip_networks.indicators.pace import Pace
from greentrip_networks.indicators.places import Place, place_named
from greentrip_networks.indicators.reach import Reach, measure_reach
from greentrip_networks.indicators.roads import RoadStructure, measure_roads

__all__ = [
    "Area",
    "BicycleNetwork",
    "Coverage",
    "CoverageRow",
    "LineFigures",
    "Pace",
    "Place",
    "Reach",
    "RoadStructure",
    "area_named",
    "areas_of",
    "measure_bicycles",
    "measure_coverage",
    "measure_lines",
    "measure_reach",
    "measure_roads",
    "place_named",
]
