"""Bundled Beijing's street graph: hand-laid tables of named roads become nodes and links, local streets are generated."""
