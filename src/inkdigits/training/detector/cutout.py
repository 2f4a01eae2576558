"""Training of the network for cuts: `make cutout`."""

from dataclasses import replace

from inkdigits.data import Progress, Split
from inkdigits.recipes import RECIPES
from inkdigits.training.detector.cuts import cut_digits
from inkdigits.training.devices import AUTO, choose_device
from inkdigits.training.loop import OnEpoch, fit
from inkdigits.training.sealing import describe_training, seal_checkpoint

RECIPE = replace(
    RECIPES["standard"],
    name="cutout",
    summary="tells digits that are cut out of pages, beside the detector",
    architecture="cutout",
    epochs=6,
    batch_size=256,
    peak_lr=0.004,
    momentum=0.9,
    beta2=0.99,
    weight_decay=0.05,
    label_smoothing=0.02,
    rotation_deg=8,
    shift_px=1.0,
    zoom=0.1,
    shear_deg=12,
    plain_share=0.2,
)
CUTS, HELD_OUT = 400_000, 20_000


def train_cutout(progress: Progress, on_epoch: OnEpoch, device: str = AUTO) -> bytes:
    """The bytes of the artifact that reading ships: fifteen minutes on two cores."""
    split = Split(cut_digits(CUTS, progress), cut_digits(HELD_OUT, progress, holdout=True))
    environment = describe_training(RECIPE, {}, choose_device(device))
    checkpoint = fit(RECIPE, split, 0, device=device, on_epoch=on_epoch)
    return seal_checkpoint(checkpoint, RECIPE, 0, split.validation, "drawn pages", environment)
