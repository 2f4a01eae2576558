"""Optimisers: PyTorch's own update rules, without `torch.optim.Optimizer` around them.

Creating one imports torch._dynamo and SymPy: 0.6 s (torch 2.13), as long as `fast` trains.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from inkdigits.errors import UsageError
from inkdigits.recipes import Recipe


class Optimizer:
    """The recipe's adam, adamw or sgd over a model's parameters.

    Weight decay applies to weights, not to biases and norms. `moments` are the running means of
    the gradients, `squares` those of their squares, which sgd doesn't use.
    """

    def __init__(self, recipe: Recipe, model: nn.Module) -> None:
        self.recipe = recipe
        self.parameters = [values for values in model.parameters() if values.requires_grad]
        self.moments = [torch.zeros_like(values) for values in self.parameters]
        self.squares = [torch.zeros_like(values) for values in self.parameters]
        self.steps = [torch.zeros((), device=values.device) for values in self.parameters]
        places = range(len(self.parameters))
        self._weights = [i for i in places if self.parameters[i].ndim > 1]
        self._others = [i for i in places if self.parameters[i].ndim <= 1]

    def step(self, gradients: Sequence[Tensor], lr: float) -> None:
        """Move every parameter by its gradient, at learning rate `lr`."""
        with torch.no_grad():
            self._move(self._weights, gradients, lr, self.recipe.weight_decay)
            self._move(self._others, gradients, lr, 0.0)

    def _move(
        self, chosen: list[int], gradients: Sequence[Tensor], lr: float, decay: float
    ) -> None:
        def pick(tensors: Sequence[Tensor]) -> list[Any]:
            return [tensors[i] for i in chosen]

        recipe = self.recipe
        state = (pick(self.parameters), pick(gradients), pick(self.moments))
        if recipe.optimizer == "sgd":
            sgd(
                *state,
                fused=True,
                momentum=recipe.momentum,
                dampening=0.0,
                nesterov=False,
                lr=lr,
                weight_decay=decay,
                maximize=False,
            )
            return
        adam(
            *state,
            pick(self.squares),
            [],
            pick(self.steps),
            fused=True,
            decoupled_weight_decay=recipe.optimizer == "adamw",
            amsgrad=False,
            beta1=recipe.momentum,
            beta2=recipe.beta2,
            lr=lr,
            weight_decay=decay,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, list[Tensor]]:
        """A copy of the state on the CPU, to resume from."""
        state = {"moments": self.moments, "squares": self.squares, "steps": self.steps}
        return {
            name: [values.to("cpu", copy=True) for values in tensors]
            for name, tensors in state.items()
        }

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        """Resume from a copied state; `UsageError` if it is for another network."""
        for name, mine in (("moments", self.moments), ("squares", self.squares)):
            if [values.shape for values in state[name]] != [values.shape for values in mine]:
                raise UsageError("the optimiser's state is for another network")
        for name, tensors in state.items():
            for mine, theirs in zip(getattr(self, name), tensors, strict=True):
                mine.copy_(theirs)
