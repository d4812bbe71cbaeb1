"""Bundled Beijing's street graph: tables of named roads become nodes and links, local streets are generated."""
