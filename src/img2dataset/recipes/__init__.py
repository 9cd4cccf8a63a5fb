"""Published lists of images: what is known of each, and the command that downloads it."""

from img2dataset.recipes.book import find_recipes, read_book
from img2dataset.recipes.recipe import Book, Recipe, Status

__all__ = ["Book", "Recipe", "Status", "find_recipes", "read_book"]
