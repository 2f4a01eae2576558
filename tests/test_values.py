"""Written numbers and their values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.reading.values import parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("007", 7),
        ("5.5", 5.5),
        ("5,50", 5.5),
        (".5", 0.5),
        ("-12.25", -12.25),
        ("0.125", 0.125),
        ("1.234.567", 1234567),
        ("-1,234,567", -1234567),
        ("1.480", None),
        ("77,134", None),
        ("1.2.3", None),
        ("12/05/2019", None),
        ("3+4=", None),
        ("5.-", None),
        ("1?3", None),
        ("-", None),
        ("", None),
    ],
)
def test_what_a_number_is_worth(text, value):
    assert parse_value(text) == value


@given(st.integers(-(10**9), 10**9), st.integers(0, 99), st.sampled_from(".,"))
def test_two_places_are_always_decimals(whole, cents, separator):
    text = f"{whole}{separator}{cents:02}"
    assert parse_value(text) == float(f"{whole}.{cents:02}")


@given(st.text(alphabet="0123456789.,-+=/():×?", max_size=12))
def test_nothing_fails(text):
    value = parse_value(text)
    assert value is None or float(value) == value
