"""What is written on a panel: lines, single digits, tables, letters, words, junk."""

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.training.augment.skeletons import Random, draw_path
from inkdigits.training.detector.hand import Hand
from inkdigits.training.detector.texts import digits


def write_lines(hand: Hand) -> None:
    """One number, or a few below each other."""
    rows, columns = hand.panel.ink.shape
    random, height = hand.random, hand.height
    pitch = height * random.uniform(1.25, 1.9)
    count = 1 if height > 26 or random.random() < 0.5 else max(1, int(rows / pitch))
    if height < 60:
        y = random.uniform(2, max(3.0, rows - count * pitch))
    else:
        y = random.uniform(-0.5 * height, 0.2 * height)
    for _ in range(min(count, 5)):
        x = random.uniform(-0.3 * height, 0.4 * columns)
        hand.write_number(x, y, int(random.integers(1, 11)), columns)
        y += pitch


def write_single(hand: Hand) -> None:
    """One digit, rarely two, anywhere."""
    rows, columns = hand.panel.ink.shape
    height = hand.height
    x = hand.random.uniform(0, max(1.0, columns - 0.7 * height))
    y = hand.random.uniform(0, max(1.0, rows - height))
    count = 1 if hand.random.random() < 0.85 else 2
    hand.write(digits(count, hand.habit, hand.random), x, y, columns)


def write_table(hand: Hand) -> None:
    """Short numbers in cells: with rules between them, or each in a box of its own."""
    rows, columns = hand.panel.ink.shape
    random, height = hand.random, min(hand.height, 60.0)
    cell = (height * random.uniform(1.2, 1.8), height * random.uniform(1.2, 3.5))
    top, left = random.uniform(-cell[0] / 2, cell[0]), random.uniform(-cell[1] / 2, cell[1])
    strength, pen = int(random.uniform(90, 255)), max(1.0, height * random.uniform(0.02, 0.12))
    apart = random.uniform(0.05, 0.4) * height if random.random() < 0.3 else 0
    sides = random.random(2) < ([0.9, 0.8] if not apart else [0, 0])
    for y in np.arange(top, rows, cell[0]):
        if sides[0]:
            draw_path(hand.panel.ink, np.array([[0, y], [columns, y]]), pen, strength)
        for x in np.arange(left, columns, cell[1]):
            if sides[1]:
                draw_path(hand.panel.ink, np.array([[x, y], [x, y + cell[0]]]), pen, strength)
            if apart:
                right, bottom = x + cell[1] - apart, y + cell[0] - apart
                box = np.array([[x, y], [right, y], [right, bottom], [x, bottom], [x, y]])
                draw_path(hand.panel.ink, box, pen, strength)
            kind = random.random()
            if kind < 0.06:
                hand.write_mark(x + random.uniform(0.1, 0.5) * cell[1], y, "-")
            elif kind < 0.76:
                fits = max(1, int(cell[1] / height / 0.9))
                start = x + random.uniform(0.1, 0.4) * (cell[1] - 0.8 * height)
                down = y + random.uniform(0.2, 0.8) * (cell[0] - height)
                hand.write_number(start, down, int(random.integers(1, fits + 1)), x + cell[1])


def write_letters(hand: Hand) -> None:
    """Letters alone, in lines."""
    rows, columns = hand.panel.ink.shape
    for y in np.arange(hand.random.uniform(0, hand.height), rows, hand.height * 1.6):
        x = hand.random.uniform(0, hand.height)
        while x < columns:
            x = hand.write_letter(x, float(y)) + hand.height * hand.random.uniform(0.1, 0.8)


def write_words(hand: Hand) -> None:
    """Printed words, with a number among them here and there."""
    rows, columns = hand.panel.ink.shape
    random, height = hand.random, hand.height
    for y in np.arange(random.uniform(0, height), rows, height * random.uniform(1.3, 2.2)):
        x = random.uniform(-height, height)
        while x < columns:
            if random.random() < 0.2:
                hand.printed, hand.gap, count = True, 0.12, int(random.integers(1, 5))
                x = hand.write(digits(count, hand.habit, random), x, float(y), columns)
            else:
                x = hand.write_word(x, float(y))
            x += height * random.uniform(0.4, 1)


def draw_junk(hand: Hand) -> None:
    """Things that are neither digits nor letters, of any size; discs among them."""
    rows, columns = hand.panel.ink.shape
    for _ in range(hand.random.integers(1, 6)):
        junk = hand.bank.junk[hand.random.integers(len(hand.bank.junk))]
        side = round(float(np.exp(hand.random.uniform(np.log(14), np.log(130)))))
        ink = cv2.resize(junk, (side, side), interpolation=cv2.INTER_LINEAR)
        if hand.random.random() < 0.25:
            ink = _disc(side, hand.random)
        place = hand.random.uniform(-0.3 * side, [columns - 0.5 * side, rows - 0.5 * side])
        hand.paste(ink, round(place[0]), round(place[1]))


def _disc(side: int, random: Random) -> NDArray[np.uint8]:
    """A solid disc, round or oval."""
    ink = np.zeros((side, side), np.uint8)
    axes = (round(side * 8 * random.uniform(0.3, 0.5)), round(side * 8 * random.uniform(0.3, 0.5)))
    middle = (side * 4, side * 4)
    cv2.ellipse(ink, middle, axes, 0, 0, 360, 255, -1, cv2.LINE_AA, 3)
    return ink
