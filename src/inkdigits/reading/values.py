"""The value of a number as it is written."""

import re

_GROUPED = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*")
_DECIMAL = re.compile(r"\d*[.,]\d+|\d+")


def parse_value(text: str) -> float | None:
    """The value of a written number; None where it has none, or could have two.

    A point or a comma before other than three digits is a decimal separator: "5.5" and "5,5" are
    5.5. Repeated before groups of three it separates thousands: "1.234.567". With one group of
    three it could be either, so "1.480" has no value. Dates, sums and fractions have none.
    """
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    grouped = _GROUPED.fullmatch(digits)
    if grouped:
        separator = grouped[1]
        ambiguous = digits.count(separator) == 1 and not digits.startswith("0")
        if ambiguous:
            return None
        if digits.count(separator) > 1:
            return sign * float(digits.replace(separator, ""))
    if _DECIMAL.fullmatch(digits):
        return sign * float(digits.replace(",", "."))
    return None
