"""Augmentation: other shapes and pens for the digits, and non-digit images (junk).

Batched tensor maths on float images (n, 1, 28, 28), bright ink on black, 0…255. Evaluation never
imports it.
"""
