"""Export as a folder for a model hub: ONNX, safetensors, config.json and a model card.

Every figure in the card comes from the artifact's metadata, or from the report beside it.
"""

import json
from typing import Any

from inkdigits.artifact import ArtifactInfo
from inkdigits.export.formats import Exported, export
from inkdigits.export.source import Source

CARD, CONFIG = "README.md", "config.json"


def export_hub(
    source: Source, report: dict[str, Any] | None = None
) -> tuple[dict[str, bytes], dict[str, Exported]]:
    """The folder's files by name, and those of them that were compared with the artifact.

    `report` is a `report.json` of this artifact; without one, the card has no test figures. An
    imported model has no safetensors. Raises as `export`.
    """
    formats = ["onnx"] if source.info.is_imported else ["onnx", "safetensors"]
    compared = {f"model.{name}": export(source, name) for name in formats}
    files = {name: exported.content for name, exported in compared.items()}
    files[CONFIG] = json.dumps(_config(source.info), indent=2).encode()
    files[CARD] = _card(source.info, report, list(compared)).encode()
    return files, compared


def _config(info: ArtifactInfo) -> dict[str, Any]:
    """The metadata but for the history, and what goes in."""
    values = info.to_dict()
    del values["history"]
    return {**values, "input": "images, uint8 (n, 28, 28), bright ink on black, MNIST's layout"}


def _card(info: ArtifactInfo, report: dict[str, Any] | None, files: list[str]) -> str:
    name, labels = info.recipe["name"], ", ".join(info.labels)
    summary = info.recipe["summary"][:1].upper() + info.recipe["summary"][1:]
    tested = []
    if report:
        low, high = report["accuracy_interval"]
        tested = [
            f"| test accuracy, {report['dataset']}, {report['images']:,} images "
            f"| {report['accuracy']:.2%} (95% interval {low:.2%} to {high:.2%}) |",
            f"| test loss | {report['loss']:.4f} |",
            f"| test images accepted | {report['accepted']:.2%} |",
        ]
    held_out, trained = [], [f"| trained on, seed | {info.dataset}, {info.seed} |"]
    kept = "training images" if info.is_imported else "training images held out"
    if info.validation["images"]:
        held_out = [
            f"| accuracy on {info.validation['images']:,} {kept} "
            f"| {info.validation['accuracy']:.2%} |",
            f"| loss on these | {info.validation['loss']:.4f} |",
        ]
    rejects = (
        "was trained with non-digits and rejects many"
        if info.knows_junk
        else "was trained without non-digits: don't rely on it to reject anything"
    )
    named = ", ".join(f"`{file}`" for file in files)
    lines = [
        *("---", "library_name: onnx", "pipeline_tag: image-classification"),
        *("tags:", "- handwriting", "- digits", "- inkdigits", "---", ""),
        *(f"# {name}", "", f"{summary}. Labels: {labels}.", ""),
        *("| | |", "|---|---|", *tested, *held_out),
        f"| parameters | {info.parameters:,} |",
        *([] if info.is_imported else trained),
        f"| inkdigits | {info.version} |",
        "",
        f"The files: {named}; `{CONFIG}` has the recipe and all thresholds.",
        "",
        "`model.onnx` takes `images`, uint8 (n, 28, 28), bright ink on black in MNIST's layout, "
        "and gives `probabilities`, calibrated, and `familiarity`; an image below "
        f"{info.accept_at:.4g} is rejected. The network {rejects}.",
        "",
        "```python",
        "import inkdigits",
        "",
        'print(inkdigits.Reader.load("model.onnx").read("photo.jpg").text)',
        "```",
    ]
    return "\n".join(lines) + "\n"
