"""Architectures, recipes and their measured results, as values without PyTorch."""

from inkdigits.recipes.named import RECIPES, find_recipe
from inkdigits.recipes.recipe import Recipe, override

__all__ = ["RECIPES", "Recipe", "find_recipe", "override"]
