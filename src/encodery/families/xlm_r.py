"""XLM-RoBERTa (Conneau et al. 2020): RoBERTa's encoder over one SentencePiece vocabulary of 100 languages.

Sizes: table 7 of the paper (section A of the appendix). No language embeddings: the text alone says which it is.
"""

from dataclasses import replace

from encodery.families.bert import decoder_side
from encodery.families.family import Family
from encodery.families.roberta import ROBERTA, class_names, roberta_sizes

XLM_R: Family = replace(
    ROBERTA,
    model_type="xlm-roberta",
    presets={"base": roberta_sizes(12, 768, 250_002), "large": roberta_sizes(24, 1024, 250_002)},
    architectures=class_names("XLMRoberta"),
    tokenizer={"type": "unigram"},
    decoder=decoder_side("roberta", "XLMRobertaForCausalLM"),
    alpha=0.3,  # section 3 of the paper: "Masked Language Models"
)
