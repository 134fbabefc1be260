"""The families, by the `model_type` that a `config.json` names."""

from encodery.families.bert import BERT
from encodery.families.family import Family

FAMILIES: dict[str, Family] = {family.model_type: family for family in (BERT,)}
