"""What is trained and how, as values without PyTorch: architectures, recipes, and their results."""

from inkdigits.recipes.named import RECIPES, find_recipe
from inkdigits.recipes.recipe import Recipe, override

__all__ = ["RECIPES", "Recipe", "find_recipe", "override"]
