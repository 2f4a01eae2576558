"""Teaching: the target of each image is what another model says of it, in place of its label.

The teacher's probabilities are computed once, of the images as they are, and kept: a training takes
no longer for them.
"""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.artifact import artifact_path, parse_artifact
from inkdigits.data import LabelledImages, Progress, ignore_progress
from inkdigits.errors import UsageError
from inkdigits.files import cache_folder, read_bytes, sha256, write_atomic
from inkdigits.reading import Reader

SOFT_LABELS = "soft-labels"
_BLOCK = 1000  # images at once


def taught_by(
    teacher: Path, data: LabelledImages, progress: Progress = ignore_progress
) -> LabelledImages:
    """The images with the probabilities of their classes that an artifact, or a run's, gives.

    They are kept in the per-user cache, by the hashes of the artifact and of the images. Raises
    `StorageError` if it can't be read, `ArtifactError` if it is none, `UsageError` if its labels
    are others than the data's.
    """
    content = read_bytes(artifact_path(teacher))
    artifact = parse_artifact(content, str(teacher))
    if artifact.info.labels != data.class_names:
        raise UsageError(
            f"the labels of the teacher {teacher} ({', '.join(artifact.info.labels[:3])} …) are "
            f"others than the data's ({', '.join(data.class_names[:3])} …); choose another teacher"
        )
    hashes = sha256(content)[:16], sha256(data.images.tobytes())[:16]
    kept = cache_folder() / SOFT_LABELS / f"{'-'.join(hashes)}.npz"
    known = with_soft_labels(data, kept)
    if known is None:
        said = _ask(Reader(artifact), data.images, progress)
        write_soft_labels(said, kept)
        known = replace(data, taught=said)
    return known


def _ask(reader: Reader, images: NDArray[np.uint8], progress: Progress) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(images), _BLOCK):
        progress("asking the teacher", start, len(images))
        parts.append(reader.predict_proba(images[start : start + _BLOCK]))
    progress("asking the teacher", len(images), len(images))
    return np.concatenate(parts)


def describe_teaching(data: LabelledImages) -> dict[str, str]:
    """For the environment of a training: the hash of its soft labels, if it has some."""
    return {} if data.taught is None else {"soft_labels_sha256": sha256(data.taught.tobytes())}


def write_soft_labels(said: NDArray[np.float32], path: Path) -> None:
    """Write a teacher's probabilities (n, classes) as a file with checksums."""
    content = io.BytesIO()
    np.savez_compressed(content, probabilities=said)
    write_atomic(path, content.getvalue())


def with_soft_labels(data: LabelledImages, path: Path) -> LabelledImages | None:
    """The images with the probabilities in a file; None if it is missing or damaged."""
    if not path.is_file():
        return None
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as file:
            said = file["probabilities"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return None
    fits = said.dtype == np.float32 and said.shape == (len(data), len(data.class_names))
    return replace(data, taught=said) if fits else None
