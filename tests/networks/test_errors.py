"""Errors carry their place as data and as words."""

from greentrip_networks import LimitError, PiecesError, TableError, UnknownNameError


def test_words() -> None:
    error = TableError("zones.csv", "a number", row=3, column="jobs", value="x")
    assert str(error) == "zones.csv, row 3, column jobs: saw 'x'; expected a number"
    assert str(UnknownNameError("mode", "trm", ("tram", "bus"))) == "unknown mode 'trm'; nearest: tram"
    assert str(UnknownNameError("mode", "qqqq", ("tram", "bus"))) == "unknown mode 'qqqq'; 2 are known"
    pieces = PiecesError("road", [9, 1], [f"Z{i}" for i in range(12)])
    assert "2 pieces (nodes: 9, 1); zones cut off: Z0, Z1" in str(pieces)
    assert "and 2 more" in str(pieces)
    assert "asked for 5 GB, the limit is 3 GB" in str(LimitError("memory", 5, 3, "GB"))
