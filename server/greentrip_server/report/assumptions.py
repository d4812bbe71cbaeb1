"""What a run assumed, in English and, where it is known, in Chinese."""

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files


def in_two_languages(assumptions: Iterable[str]) -> list[str]:
    """Return each assumption once, in order, with the Chinese after the English; a user's own stay as they are."""
    return [f"{a} · {zh}" if (zh := chinese(a)) else a for a in dict.fromkeys(assumptions)]


def chinese(assumption: str) -> str:
    """Return the Chinese for a city's sentence or for a parameter ("roads.alpha = 0.5: assumed ..."), or nothing."""
    known = _known()
    if assumption in known["sentences"]:
        return known["sentences"][assumption]
    name, equals, _ = assumption.partition(" = ")
    parts = name.split(".") if equals else []
    for length in range(len(parts), 1, -1):
        found = known["parameters"].get(".".join(parts[:length]))
        if found:
            return found
    return ""


@cache
def _known() -> dict[str, dict[str, str]]:
    text = files("greentrip_server.report").joinpath("assumptions_zh.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
