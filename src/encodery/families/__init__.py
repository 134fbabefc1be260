"""The families, by the `model_type` that a `config.json` names."""

from encodery.families.bert import BERT
from encodery.families.distilbert import DISTILBERT
from encodery.families.family import Family
from encodery.families.modernbert import MODERNBERT
from encodery.families.roberta import ROBERTA
from encodery.families.xlm import XLM
from encodery.families.xlm_r import XLM_R
from encodery.families.xlm_r_xl import XLM_R_XL

FAMILIES: dict[str, Family] = {
    family.model_type: family for family in (BERT, DISTILBERT, ROBERTA, XLM, XLM_R, XLM_R_XL, MODERNBERT)
}
