"""Architectures, recipes and their measured results, as values without PyTorch."""

from inkdigits.recipes.named import RECIPES, find_recipe
from inkdigits.recipes.recipe import Recipe, override, trained_recipe, with_fields

__all__ = ["RECIPES", "Recipe", "find_recipe", "override", "trained_recipe", "with_fields"]
