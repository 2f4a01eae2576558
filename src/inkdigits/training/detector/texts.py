"""What is written on drawn pages: amounts, dates, times, sums, and digits with marks at random.

In a text a space is a wide gap, "?" a letter.
"""

from dataclasses import dataclass

import numpy as np

from inkdigits.training.augment.skeletons import Random
from inkdigits.training.detector.classes import DIGITS, MARKS, OTHER

_MARK_SHARES = np.array([4, 2.5, 3.5, 1.5, 2.8, 2, 1, 1, 1.2, 1.3])
_ONES = 0.13
_MARKS_ALONE, _NO_DIGITS = 0.03, [*".,-+=():×", "()", "(-)"]  # a lone slash is a 1
_ENDS = ["", "", ".-", "-", "=", ",-", ".", ",", ".=", ",00"]


@dataclass(frozen=True)
class Habit:
    """How often marks stand between digits; whether zeros come in rows, or all digits are one."""

    mark_rate: float
    zeros: bool
    only: str


def draw_habit(random: Random) -> Habit:
    """A random habit."""
    rate = float(random.choice([0.06, 0.35, 0.85], p=[0.76, 0.2, 0.04]))
    only = str(random.integers(10)) if random.random() < 0.04 else ""
    return Habit(rate, random.random() < 0.25, only)


def compose(count: int, habit: Habit, random: Random) -> str:
    """A text with about so many digits."""
    if count >= 3 and random.random() < 0.35:
        kinds = (_amount, _amount, _amount, _date, _date, _decimal, _sum, _time)
        return kinds[random.integers(len(kinds))](count, habit, random)
    if random.random() < _MARKS_ALONE:
        return "".join(random.choice(_NO_DIGITS, min(count, 4)))
    text = ""
    for index in range(count):
        text += _digit(index, habit, random)
        kind = random.random()
        if kind < habit.mark_rate:
            text += str(random.choice(list(MARKS), p=_MARK_SHARES / _MARK_SHARES.sum()))
        elif kind < habit.mark_rate + 0.03:
            text += OTHER
        elif kind > 0.96:
            text += " "
    return text


def digits(count: int, habit: Habit, random: Random) -> str:
    """So many digits."""
    return "".join(_digit(index, habit, random) for index in range(count))


def _digit(index: int, habit: Habit, random: Random) -> str:
    if habit.only:
        return habit.only
    if habit.zeros and index > 0 and random.random() < 0.7:
        return "0"
    return "1" if random.random() < _ONES else DIGITS[random.integers(10)]


def _amount(count: int, habit: Habit, random: Random) -> str:
    """As on a cheque: thousands with points or without, and a dash or the like at the end."""
    plain = digits(count, habit, random)
    start = str(random.choice(["", "", "", "=", "(", "-"]))
    end = _ENDS[random.integers(len(_ENDS))]
    if random.random() < 0.25:
        return start + plain + end
    point, first = "." if random.random() < 0.7 else ",", count % 3 or 3
    groups = [plain[:first], *(plain[at : at + 3] for at in range(first, count, 3))]
    return start + point.join(groups) + end


def _date(_count: int, habit: Habit, random: Random) -> str:
    separator = str(random.choice(["/", "/", ".", "-"]))
    parts = [digits(int(random.integers(1, 3)), habit, random) for _ in range(2)]
    return separator.join([*parts, digits(int(random.choice([2, 4])), habit, random)])


def _decimal(count: int, habit: Habit, random: Random) -> str:
    after = int(random.integers(1, 3))
    sign = "-" if random.random() < 0.2 else ""
    whole = digits(max(1, min(count, 5) - after), habit, random)
    return sign + whole + str(random.choice([".", ","])) + digits(after, habit, random)


def _time(_count: int, habit: Habit, random: Random) -> str:
    parts = [digits(2, habit, random) for _ in range(int(random.integers(2, 4)))]
    return ":".join(parts)


def _sum(count: int, habit: Habit, random: Random) -> str:
    one, other, third = (
        digits(int(random.integers(1, max(2, count // 2))), habit, random) for _ in range(3)
    )
    first, second = (str(sign) for sign in random.choice(["+", "-", "×", "/", ":"], 2))
    forms = (f"{one}{first}{other}", f"{one}{first}({other}{second}{third})")
    form = forms[random.integers(2)]
    return form + str(random.choice(["", "=", f"={third}"]))
