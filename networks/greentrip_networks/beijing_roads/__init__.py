"""Bundled Beijing's street graph: from hand-laid tables of named roads to nodes and links, with generated local streets."""
