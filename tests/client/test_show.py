"""What tables of plans say in few characters."""

import pytest
from greentrip.show import spans


@pytest.mark.parametrize(
    ("headways_s", "text"),
    [
        ([], "-"),
        ([(360.0, 720.0, 360.0)], "6/12/6"),
        ([(360.0, 720.0, 360.0)] * 2, "6/12/6"),
        ([(300.0, 900.0, 480.0), (360.0, 900.0, 450.0)], "5-6/15/7.5-8"),
        ([(300.0,)], "5"),
    ],
)
def test_headways_are_written_by_period(headways_s: list[tuple[float, ...]], text: str) -> None:
    assert spans(headways_s) == text
