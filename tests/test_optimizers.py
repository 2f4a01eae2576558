"""Our optimisers against torch.optim's, and their purpose: a quick start."""

import importlib
import inspect
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from inkdigits.errors import UsageError
from inkdigits.recipes import RECIPES
from inkdigits.training.models import build_model
from inkdigits.training.optimizers import Optimizer

RECIPE = replace(RECIPES["standard"], weight_decay=0.1, momentum=0.8, beta2=0.9)


def reference(recipe, parameters):
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    betas = (recipe.momentum, recipe.beta2)
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(groups, lr=1.0, betas=betas)
        case "adamw":
            return torch.optim.AdamW(groups, lr=1.0, betas=betas)
        case "sgd":
            return torch.optim.SGD(groups, lr=1.0, momentum=recipe.momentum)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_it_moves_as_torch_does_and_goes_on_from_a_copy(name):
    recipe = replace(RECIPE, optimizer=name)
    torch.manual_seed(0)
    model, theirs = build_model(recipe), build_model(recipe)
    theirs.load_state_dict(model.state_dict())
    optimizer, expected = Optimizer(recipe, model), reference(recipe, list(theirs.parameters()))
    for step in range(6):
        gradients = [torch.randn_like(p) for p in model.parameters()]
        lr = 0.1 / (step + 1)
        optimizer.step(gradients, lr)
        for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
            parameter.grad = gradient
        for group in expected.param_groups:
            group["lr"] = lr
        expected.step()
        if step == 2:
            kept = optimizer.state_dict()
            optimizer = Optimizer(recipe, model)
            optimizer.load_state_dict(kept)
    for mine, other in zip(model.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_the_state_of_another_network_is_refused():
    optimizer = Optimizer(RECIPE, build_model(RECIPE))
    other = Optimizer(RECIPES["tiny"], build_model(RECIPES["tiny"]))
    with pytest.raises(UsageError, match="for another network"):
        optimizer.load_state_dict(other.state_dict())


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        (
            "torch.optim.adam.adam",
            {"params", "fused", "decoupled_weight_decay", "beta1", "maximize"},
        ),
        ("torch.optim.sgd.sgd", {"params", "fused", "momentum", "dampening", "maximize"}),
    ],
)
def test_torch_still_has_the_update_rules_that_it_does_not_promise(name, needed):
    """Not public in torch: a failure here is the reason for pyproject's bound on its version."""
    module, _, function = name.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), function)).parameters
    assert needed - set(parameters) == set(), f"{name} has changed in torch {torch.__version__}"


def test_torch_still_says_whether_bf16_is_fast():
    """Not public in torch: a failure here is the reason for pyproject's bound on its version."""
    assert isinstance(torch.ops.mkldnn._is_mkldnn_bf16_supported(), bool)


def test_training_does_not_import_the_compiler():
    code = """
import sys, numpy as np
from inkdigits.data import LabelledImages, Split
from inkdigits.recipes import RECIPES
from inkdigits.training import fit
part = LabelledImages(np.zeros((200, 28, 28), np.uint8), np.arange(200) % 10)
fit(RECIPES["fast"], Split(part, part), seed=0)
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
