"""Fashion-MNIST, the clothing that an artifact should reject, from where `inkdigits` looks."""

import numpy as np
from numpy.typing import NDArray

from inkdigits.data import Subset, load_dataset, locate_dataset
from inkdigits.files import cache_folder


def fashion_mnist(subset: Subset) -> NDArray[np.uint8]:
    """Its images (n, 28, 28). Exits if there are none: a table would lack a row."""
    if locate_dataset("fashion-mnist") is None:
        raise SystemExit(
            "Fashion-MNIST is not here, so nothing was measured: put its four files into "
            f"{cache_folder() / 'fashion-mnist'}, or name the folder above theirs in "
            "INKDIGITS_DATA, with Debian's package dataset-fashion-mnist /usr/share/datasets"
        )
    return load_dataset("fashion-mnist", subset).images
