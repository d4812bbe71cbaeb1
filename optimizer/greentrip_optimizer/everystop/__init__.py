"""Feeder routes that serve every stop exactly once, at the least cost, with a bound: the benchmark's problem."""
