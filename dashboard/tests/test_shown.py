"""How values are told."""

import pytest

from dashboard.shown import number, short_number


@pytest.mark.parametrize(
    ("value", "decimals", "told"),
    [
        (0.4657, 2, "0.47"),
        (-0.4657, 2, "-0.47"),
        (95.16, 1, "95.2"),
        (0.5, 0, "1"),
        (0.999, 0, "1"),
        (-0.2, 0, "0"),
        (1_234_567.89, 1, "1,234,567.9"),
        (10_412, 0, "10,412"),
        (3, 1, "3.0"),
        (1e-9, 2, "0.00"),
    ],
)
def test_numbers_are_rounded_not_cut_off(value, decimals, told):
    assert number(value, decimals) == told


@pytest.mark.parametrize("value", [1e300, -1e300, 1e22, float("inf"), float("nan"), 5e-324])
def test_no_number_is_too_much(value):
    assert number(value)
    assert short_number(value)
