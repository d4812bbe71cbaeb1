"""Alembic's steps from any older data directory to this version's tables."""
