"""What training invents: other shapes and pens for its digits, and images of no digit.

Batched tensor maths on float images (n, 1, 28, 28), bright ink on black, 0…255. Nothing that
measures imports it.
"""
