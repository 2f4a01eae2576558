"""The memory of a process that does nothing but train."""

import ctypes
import sys


def keep_freed_memory() -> None:
    """Let glibc hold on to memory that was freed, for the next step; does nothing elsewhere.

    Given back and asked for again it comes with page faults: 0.2 s of 1.1 s in `fast`. It changes
    the whole process, so a program that also does other things should leave it alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # from malloc.h
        mallopt(mmap_threshold, 32 << 20)
        mallopt(trim_threshold, 1 << 30)
        mallopt(top_pad, 64 << 20)
