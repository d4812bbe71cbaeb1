"""Select link: which pairs of zones drive over a street link, and which other links these drivers use."""

import numpy as np
import polars as pl
from greentrip_networks.network import Network

from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import Asked, Made, in_period
from greentrip_agents.run_tables.links import drawn, find_link


def select_link(run: Run, network: Network, asked: Asked) -> Made:
    """Return the pairs of zones whose drivers use a link, largest first, from the routes of the run's equilibrium.

    Columns: `period`, `from_zone`, `from_name`, `to_zone`, `to_name`, `vehicles` in the period on the link,
    `percent_of_link`, `percent_of_pair`. The map layer has every link these vehicles use, with how many of them.
    The routes are one of the many sets that make the same link volumes.
    """
    row = find_link(network, asked.link)
    routes = in_period(run.table("routes"), asked.period)
    using = routes.filter(pl.col("links").list.contains(row))
    pairs = routes.group_by("period", "from_zone", "to_zone").agg(all_vehicles=pl.col("vehicles").sum())
    on_link = using.group_by("period").agg(link_vehicles=pl.col("vehicles").sum())
    z = network.zones
    names = pl.DataFrame({"zone": list(z.id), "name": list(z.name_en)})
    table = (
        using.group_by("period", "from_zone", "to_zone")
        .agg(pl.col("vehicles").sum())
        .join(pairs, on=["period", "from_zone", "to_zone"])
        .join(on_link, on="period")
        .join(names.rename({"name": "from_name"}), left_on="from_zone", right_on="zone")
        .join(names.rename({"name": "to_name"}), left_on="to_zone", right_on="zone")
        .with_columns(
            percent_of_link=100 * pl.col("vehicles") / pl.col("link_vehicles"),
            percent_of_pair=100 * pl.col("vehicles") / pl.col("all_vehicles"),
        )
        .sort(["vehicles", "period", "from_zone", "to_zone"], descending=[True, False, False, False])
        .select("period", "from_zone", "from_name", "to_zone", "to_name", "vehicles", "percent_of_link",
                "percent_of_pair")
    )  # fmt: skip
    size = using["links"].list.len().to_numpy()
    links = using["links"].explode().drop_nulls().to_numpy()
    flow = np.bincount(links, weights=np.repeat(using["vehicles"].to_numpy(), size), minlength=row + 1)
    used = np.flatnonzero(flow > 0)
    features = [
        (shape, {"link": int(k), "vehicles": round(float(flow[k]), 1), "selected": int(k) == row})
        for k, shape in zip(used, drawn(network, used), strict=True)
    ]
    total, shown = float(table["vehicles"].sum()), table.head(asked.most)
    notes = (
        f"{total:,.0f} vehicles of {table.height:,} pairs use the link; the {shown.height} largest are listed",
        "one of the sets of routes that make the same link volumes; traffic outside the model is not in it",
    )
    return Made(shown, features, notes)
