"""The errors that bad input earns, each naming its place and what to do."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class GreentripError(Exception):
    """Base of every error a user of Greentrip can cause and mend."""


class TableError(GreentripError):
    """A table's cell, row or column is not what the format asks for."""

    def __init__(
        self, file: str, expected: str, *, row: int | None = None, column: str = "", value: object = None
    ) -> None:
        self.file, self.row, self.column, self.value, self.expected = file, row, column, value, expected
        place = file + (f", row {row}" if row is not None else "") + (f", column {column}" if column else "")
        seen = f": saw {value!r}" if value is not None else ""
        super().__init__(f"{place}{seen}; expected {expected}")


class UnknownNameError(GreentripError):
    """A name that the network, the scenario or the vocabulary does not know."""

    def __init__(self, kind: str, name: object, known: Iterable[object]) -> None:
        self.kind, self.name = kind, str(name)
        names = [str(k) for k in known]
        folded = {k.casefold(): k for k in names}
        close = [folded[k] for k in get_close_matches(self.name.casefold(), list(folded), n=3, cutoff=0.4)]
        contained = [k for k in names if self.name and self.name.casefold() in k.casefold()]
        self.nearest = list(dict.fromkeys(contained[:3] + close))[:3]
        hint = f"; nearest: {', '.join(self.nearest)}" if self.nearest else f"; {len(names)} are known"
        super().__init__(f"unknown {kind} {self.name!r}{hint}")


class PiecesError(GreentripError):
    """A graph that must be one connected piece is in several."""

    def __init__(self, graph: str, sizes: Sequence[int], cut_off: Sequence[str]) -> None:
        self.graph, self.sizes, self.cut_off = graph, list(sizes), list(cut_off)
        zones = f"; zones cut off: {', '.join(self.cut_off[:10])}" if self.cut_off else "; no zone is cut off"
        more = f" and {len(self.cut_off) - 10} more" if len(self.cut_off) > 10 else ""
        listed = ", ".join(str(s) for s in self.sizes[:8])
        super().__init__(
            f"the {graph} graph is in {len(self.sizes)} pieces (nodes: {listed}){zones}{more}; "
            "join the pieces or remove the small ones"
        )


class ScenarioError(GreentripError):
    """A scenario that cannot be built or simulated, found before any work starts."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}" if field else message)


class LimitError(GreentripError):
    """A request that would need more than a stated limit of size, time or memory."""

    def __init__(self, limit: str, asked: float, allowed: float, unit: str) -> None:
        self.limit, self.asked, self.allowed = limit, asked, allowed
        super().__init__(f"{limit}: asked for {asked:g} {unit}, the limit is {allowed:g} {unit}")
