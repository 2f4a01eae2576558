"""inkdigits: handwritten-digit recognition that trains in seconds and reads with one small file.

>>> import inkdigits
>>> reader = inkdigits.Reader.load()                        # the model that comes along
>>> reader.read(inkdigits.open_canvas("digit.png")).text    # doctest: +SKIP
'7'

Reading needs NumPy, Pillow and ONNX Runtime; training (`inkdigits.training`) needs the extra
`train`, evaluation (`inkdigits.evaluation`) the extra `report`.
"""

from inkdigits.errors import InkdigitsError
from inkdigits.imaging import open_canvas
from inkdigits.reading import Digit, Reader, Reading

__version__ = "0.1.0"

__all__ = ["Digit", "InkdigitsError", "Reader", "Reading", "__version__", "open_canvas"]
