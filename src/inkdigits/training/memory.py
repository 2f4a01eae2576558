"""Memory settings for a process that only trains."""

import ctypes
import sys


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next step; does nothing elsewhere.

    Returning and requesting it again costs page faults: 0.2 s of 1.1 s in `fast`. This changes
    the whole process, so a program that also does other work shouldn't use it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # from malloc.h
        mallopt(mmap_threshold, 32 << 20)
        mallopt(trim_threshold, 1 << 30)
        mallopt(top_pad, 64 << 20)
