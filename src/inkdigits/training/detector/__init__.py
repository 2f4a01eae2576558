"""The detector of digits and marks: drawn pages, targets, the network, its training.

Needs OpenCV to draw (`inkdigits[train]`), never to read.
"""
