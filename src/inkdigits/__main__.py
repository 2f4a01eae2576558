"""`python -m inkdigits`."""

import sys

from inkdigits.cli import main

sys.exit(main())
