"""What people say of digits: stored in SQLite or PostgreSQL, to look through and to train with."""

from inkdigits.web.corrections.correction import Correction, dump, parse_correction
from inkdigits.web.corrections.store import Store, default_database

__all__ = ["Correction", "Store", "default_database", "dump", "parse_correction"]
