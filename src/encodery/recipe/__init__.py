"""The recipe: one TOML file that says everything about a run. It only composes the tables that the parts own.

Known to `stages` and `cli` alone. Relative paths in a recipe are relative to the recipe's own folder.
"""

from encodery.recipe.file import load_recipe, resolve
from encodery.recipe.recipe import Recipe
from encodery.recipe.tables import (
    BASES,
    EXTEND,
    PRETRAIN,
    PROBE,
    SCRATCH,
    TRIM,
    CorpusTable,
    FinetuneTable,
    PretrainTable,
    names_languages,
)

__all__ = [
    "BASES",
    "EXTEND",
    "PRETRAIN",
    "PROBE",
    "SCRATCH",
    "TRIM",
    "CorpusTable",
    "FinetuneTable",
    "PretrainTable",
    "Recipe",
    "load_recipe",
    "names_languages",
    "resolve",
]
