"""What people say of digits: stored in SQLite or PostgreSQL, to look through and to train with."""

from inkdigits.web.corrections.correction import Correction, dump, parse_correction

__all__ = ["Correction", "dump", "parse_correction"]
