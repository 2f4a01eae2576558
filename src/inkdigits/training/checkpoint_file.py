"""The checkpoint's file: tensors as safetensors, and what holds them as JSON in its metadata.

Nothing in it can run code. Its metadata has a SHA-256 of the file, taken with zeros in its own
place. The checkpoint before the last one is kept, in case the last one can't be read.
"""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
from torch import Tensor

from inkdigits.data import Progress, ignore_progress
from inkdigits.errors import UsageError
from inkdigits.files import held, read_bytes, sha256, storage_errors, write_atomic

FILE, BEFORE, _LOCK = "checkpoint.safetensors", "checkpoint-before.safetensors", ".lock"
_FORMAT = "1"
_CHECKSUM = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_BLANK = "0" * 64
T = TypeVar("T")


def alone(folder: Path) -> AbstractContextManager[None]:
    """Nobody else trains in a run folder meanwhile; `UsageError` if somebody does."""
    busy = f"another process trains {folder}; wait until it has ended"
    return held(folder / _LOCK, "write in", folder, busy)


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, texts, and lists and dictionaries of them; `StorageError`.

    At every moment there is a whole state on the disk: this one, or the one before.
    """
    path = folder / FILE
    content = encode_state(state)
    if path.exists():
        with storage_errors("rename", path):
            path.replace(folder / BEFORE)
    write_atomic(path, content)


def load_state(
    folder: Path, build: Callable[[dict[str, Any]], T], progress: Progress = ignore_progress
) -> T | None:
    """What `build` makes of the last state in a folder, or of the one before if that is damaged.

    None if there is no file, `UsageError` if no file can be used.
    """
    damage = ""
    for path in (folder / FILE, folder / BEFORE):
        if not path.is_file():
            continue
        try:
            built = build(decode_state(read_bytes(path)))
        except ValueError as error:
            damage = damage or f"{path} {error}"
            continue
        except Exception as error:  # it is whole, but made by hand or by another version
            damage = damage or f"{path} is of another version of inkdigits ({error!r})"
            continue
        if damage:
            progress(f"{damage}; going on from {path.name}", 0, 0)
        return built
    if damage:
        raise UsageError(f"{damage}; start a new run")
    return None


def encode_state(state: dict[str, Any]) -> bytes:
    """The bytes of a file with a state."""
    tensors: dict[int, Tensor] = {}
    text = json.dumps(_packed(state, tensors))
    named = {str(number): values.contiguous() for number, values in enumerate(tensors.values())}
    metadata = {"format": _FORMAT, "state": text, "sha256": _BLANK}
    blank = safetensors.torch.save(named, metadata)
    return _with_checksum(blank, sha256(blank))


def decode_state(content: bytes) -> dict[str, Any]:
    """The state in the bytes of a file; `ValueError` says what is wrong with them."""
    found = _CHECKSUM.search(content)
    if not found:
        raise ValueError("is no checkpoint of inkdigits, or is damaged")
    if found[1].decode() != sha256(_with_checksum(content, _BLANK)):
        raise ValueError("is damaged: its checksum does not match")
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata = header["__metadata__"]
    if metadata["format"] != _FORMAT:
        raise ValueError(
            f"has checkpoint format {metadata['format']}, and this version reads {_FORMAT}"
        )
    state: dict[str, Any] = _unpacked(
        json.loads(metadata["state"]), safetensors.torch.load(content)
    )
    return state


def _with_checksum(content: bytes, checksum: str) -> bytes:
    return _CHECKSUM.sub(f'"sha256":"{checksum}"'.encode(), content, count=1)


def _packed(value: Any, tensors: dict[int, Tensor]) -> Any:
    """A value for JSON; its tensors, each of them once, go into `tensors`."""
    if isinstance(value, Tensor):
        tensors.setdefault(id(value), value)
        return {"tensor": str(list(tensors).index(id(value)))}
    if isinstance(value, dict):
        return {name: _packed(part, tensors) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(part, tensors) for part in value]
    return value


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `_packed`."""
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            return tensors[value["tensor"]]
        return {name: _unpacked(part, tensors) for name, part in value.items()}
    if isinstance(value, list):
        return [_unpacked(part, tensors) for part in value]
    return value
