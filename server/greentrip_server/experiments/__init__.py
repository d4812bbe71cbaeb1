"""Batches: what an experiment asks for, the runs it expands to, and how they are started and kept."""
