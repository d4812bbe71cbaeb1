"""An experiment for a council: one HTML page, one PDF and the figures as CSV and XLSX, in English and Chinese."""

from typing import Any

from greentrip_networks.network import Network

from greentrip_server.report.council.content import document
from greentrip_server.report.council.facts import Facts
from greentrip_server.report.council.html import page
from greentrip_server.report.council.pdf import pdf
from greentrip_server.report.council.sheets import csv_files, workbook


def council_report(facts: Facts, summary: dict[str, Any], network: Network) -> dict[str, bytes]:
    """Return the report's files by name; the same input gives the same bytes.

    Parameters
    ----------
    facts
        What the experiment asked, and what computed it.
    summary
        What `compare_sides` found, with `detail` for the scenarios to be shown more closely.
    network
        The baseline's network, for the map, its target and the names of places.

    """
    told = document(facts, summary, network)
    return {
        "report.html": page(told),
        "report.pdf": pdf(told),
        "figures.xlsx": workbook(told),
        **csv_files(told),
        "experiment.json": facts.experiment_json(),
    }
