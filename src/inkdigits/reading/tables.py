"""Tables: which cell a digit or mark stands in."""

import numpy as np

from inkdigits.imaging.tables import place_in_table, table_corners
from inkdigits.reading.finding import LEAST, Look
from inkdigits.reading.lines import choose
from inkdigits.reading.things import Thing


def place_in_cells(look: Look, grid: tuple[int, int], classes: str) -> list[list[list[Thing]]]:
    """The things in each cell of a table of so many rows and columns, from left to right."""
    rows, columns = grid
    corners = table_corners(look.ink.mask)
    cells: list[list[list[Thing]]] = [[[] for _ in range(columns)] for _ in range(rows)]
    for thing in sorted(choose(look.things, classes, LEAST), key=lambda thing: thing.left):
        across, down = place_in_table(corners, *thing.middle)
        row, column = int(np.floor(down * rows)), int(np.floor(across * columns))
        if 0 <= row < rows and 0 <= column < columns:
            cells[row][column].append(thing)
    return cells
