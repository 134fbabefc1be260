"""Every family from raw text to a classifier that `transformers` opens and agrees with."""

from pathlib import Path

import pytest
import torch
import transformers
from rich.console import Console
from safetensors.torch import load_file

import encodery
from encodery.config import read_json
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.recipe import load_recipe
from encodery.stages.inspect import describe
from tests.stages.test_run import complete

# The special character is an unknown token: in RoBERTa's code its id must not be taken for padding.
TEXTS = ["The happy river finds a city.", "A dull % baker", "The teacher admires a broken forest and a market."]


VOCABULARIES = {
    "bert": ("BertTokenizer", 90, 0),
    "distilbert": ("BertTokenizer", 90, 0),
    "roberta": ("RobertaTokenizer", 300, 1),
    "xlm": ("XLMTokenizer", 90, 2),
    "xlm-roberta": ("XLMRobertaTokenizer", 50, 1),
    "xlm-roberta-xl": ("XLMRobertaTokenizer", 50, 1),
    "modernbert": ("PreTrainedTokenizerFast", 300, 1),
}
"""The class that `transformers` opens, a size, and the padding id."""


def overrides(family: str, *more: str) -> list[str]:
    config = "{ num_hidden_layers = 1, hidden_size = 32, num_attention_heads = 2, max_position_embeddings = 48 }"
    preset = next(iter(FAMILIES[family].presets))
    return [
        f"model.family={family}",
        f'model.preset="{preset}"',
        f"model.config={config}",
        f"tokenizer={{ vocab_size = {VOCABULARIES[family][1]} }}",
        "pretrain.steps=4",
        "finetune.mood.seeds=[3]",
        "finetune.mood.epochs=1",
        *more,
    ]


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "bert"])  # bert is the recipe of all tests
def test_a_recipe_of_any_family_ends_in_a_model_for_transformers(family: str, project: Path) -> None:
    complete(project, *overrides(family))
    folder = project / "runs" / "tiny" / "finetune" / "mood" / "3"
    written = read_json(folder / "config.json")
    assert written["model_type"] == family
    tokenizer_class, _, pad_token_id = VOCABULARIES[family]
    assert written["pad_token_id"] == pad_token_id  # the tokenizer's
    assert read_json(folder / "tokenizer_config.json")["tokenizer_class"] == tokenizer_class
    assert read_json(folder.parents[2] / "pretrain" / "config.json")["architectures"] == [
        FAMILIES[family].architectures[frozenset({"mlm"})]
    ]
    console = Console(width=200)
    with console.capture() as capture:
        console.print(describe(folder))
    sizes = dict(line.rstrip().split(maxsplit=1) for line in capture.get().splitlines() if len(line.split()) > 1)
    assert (sizes["hidden_size"], sizes["num_hidden_layers"], sizes["num_attention_heads"]) == ("32", "1", "2")
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(TEXTS, padding=True, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        expected = torch.softmax(theirs(**inputs).logits, -1)
    found = [list(prediction["scores"].values()) for prediction in encodery.load(folder).predict(TEXTS)]
    torch.testing.assert_close(torch.tensor(found), expected, atol=1e-5, rtol=1e-5)


def test_positions_behind_the_offset_are_what_a_recipe_may_use(project: Path) -> None:
    allowed = load_recipe(project / "tiny.toml", overrides("roberta", "pretrain.max_seqlen=46"))
    assert allowed.model.encoder(vocab_size=101).position_offset == 2
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", overrides("roberta", "pretrain.max_seqlen=47"))
    assert str(error.value).endswith(
        "pretrain.max_seqlen = 47 is longer than the model's 46 positions; lower it, "
        "or raise model.config.max_position_embeddings"
    )


def test_the_objective_is_the_familys_where_nothing_is_said(project: Path) -> None:
    for family in FAMILIES:
        table = load_recipe(project / "tiny.toml", overrides(family)).pretrain
        assert table is not None
        assert table.objective.nsp == (family == "bert")
        said = load_recipe(project / "tiny.toml", overrides(family, "pretrain.objective.nsp=false")).pretrain
        assert said is not None
        assert not said.objective.nsp


def test_next_sentence_prediction_needs_its_head(project: Path) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", overrides("roberta", "pretrain.objective.nsp=true"))
    assert str(error.value).endswith(
        "pretrain.objective.nsp = true, but roberta has no head for next sentence prediction; set it to false"
    )


def test_what_a_family_cannot_express_is_said_before_anything_runs(project: Path) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", overrides("xlm", "model.config.intermediate_size=100"))
    assert str(error.value).endswith("model: model.config: intermediate_size = 100 does not exist in xlm; 128 does")


def test_a_pooler_that_is_not_there_cannot_be_drawn_anew(project: Path) -> None:
    with pytest.raises(UserError) as error:
        complete(project, *overrides("distilbert", "finetune.mood.reinit_pooler=true"))
    assert str(error.value).endswith(
        "reinit_pooler = true, reinit_layers = 0: this model has 1 layers and no pooler (pretrain)"
    )


def xlm_of(*languages: str, num_languages: int = 3) -> list[str]:
    """A tiny XLM with vectors of languages; each of the two files of text is in a language."""
    named = [f', language = "{language}"' if language else "" for language in languages]
    inputs = ", ".join(f'{{ path = "text/{file}.txt"{name} }}' for file, name in zip("ab", named, strict=True))
    config = (
        "{ num_hidden_layers = 1, hidden_size = 32, num_attention_heads = 2, max_position_embeddings = 48, "
        f"num_languages = {num_languages} }}"
    )
    return [*overrides("xlm"), f"corpus.inputs=[{inputs}]", f"model.config={config}"]


def test_an_xlm_learns_the_languages_of_its_text(project: Path) -> None:
    complete(project, *xlm_of("sw", "en"), "finetune={}")
    folder = project / "runs" / "tiny" / "pretrain"
    written = read_json(folder / "config.json")
    assert written["lang2id"] == {"en": 0, "sw": 1}
    assert written["id2lang"] == {"0": "en", "1": "sw"}
    trained = load_file(folder / "model.safetensors")["transformer.lang_embeddings.weight"]
    complete(project, *xlm_of("sw", "en"), "finetune={}", "pretrain.steps=5", "name=longer")
    longer = load_file(project / "runs/longer/pretrain/model.safetensors")["transformer.lang_embeddings.weight"]
    assert [torch.equal(*rows) for rows in zip(trained, longer, strict=True)][:2] == [False, False]
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    assert model.config.lang2id == {"en": 0, "sw": 1}


def test_an_xlm_whose_text_names_no_language_goes_without(project: Path) -> None:
    complete(project, *xlm_of("", ""), "finetune={}")
    assert "lang2id" not in read_json(project / "runs" / "tiny" / "pretrain" / "config.json")


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (("en", ""), "corpus: some text does not say its language, but the model's languages are de, en; give"),
        (("en", "sw"), "model.config.num_languages = 2, but the corpus has 3 languages (de, en, sw); raise"),
    ],
)
def test_languages_that_do_not_fit_the_model(project: Path, languages: tuple[str, str], message: str) -> None:
    (project / "text" / "c.txt").write_text((project / "text" / "a.txt").read_text())
    changes = xlm_of(*languages, num_languages=2)
    changes = [change.replace("]", ', { path = "text/c.txt", language = "de" }]') for change in changes]
    with pytest.raises(UserError) as error:
        complete(project, *changes, "finetune={}")
    assert str(error.value).startswith(message)
