"""Data sets of 28×28 images in the IDX format: fetch, verify, load, preprocess."""

from inkdigits.data.datasets import (
    DATASETS,
    DEFAULT_DATASET,
    SUBSETS,
    DatasetInfo,
    Subset,
    dataset_info,
    verify_dataset,
)
from inkdigits.data.idx import encode_idx, load_idx, parse_idx, save_idx
from inkdigits.data.images import LabelledImages
from inkdigits.data.own import AS_FOUND, IN_MEMORY, Handling, from_arrays
from inkdigits.data.preprocessing import (
    Split,
    normalise,
    one_hot,
    reshape_4d,
    stratified_folds,
    stratified_split,
)
from inkdigits.data.sources import Progress
from inkdigits.data.store import (
    fetch_dataset,
    ignore_progress,
    load_dataset,
    locate_dataset,
)

__all__ = [
    "AS_FOUND",
    "DATASETS",
    "DEFAULT_DATASET",
    "IN_MEMORY",
    "SUBSETS",
    "DatasetInfo",
    "Handling",
    "LabelledImages",
    "Progress",
    "Split",
    "Subset",
    "dataset_info",
    "encode_idx",
    "fetch_dataset",
    "from_arrays",
    "ignore_progress",
    "load_dataset",
    "load_idx",
    "locate_dataset",
    "normalise",
    "one_hot",
    "parse_idx",
    "reshape_4d",
    "save_idx",
    "stratified_folds",
    "stratified_split",
    "verify_dataset",
]
