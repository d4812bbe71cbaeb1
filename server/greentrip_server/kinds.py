"""The kinds of work that a worker does, as they stand in rows and names."""

RUNS, PLANS = "runs", "plans"
