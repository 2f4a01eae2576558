"""What the detector tells apart, and the sizes that it is trained for."""

DIGITS = "0123456789"
MARKS = ".,-+=/():×"
OTHER = "?"
"""Letters and the like: of a digit's size, and neither digit nor mark."""

CLASSES = DIGITS + MARKS + OTHER

SMALLEST_PX, LARGEST_PX = 13.0, 36.0
"""The heights of digits that are found; one pass sees no others, a pyramid of scales does."""
