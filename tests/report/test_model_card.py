"""The README of a model folder: YAML that survives any value, Markdown that is not broken by one."""

import ast
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from encodery.report.model_card import ModelCard, model_card

CARD = ModelCard(
    name="english-sst2",
    family="bert",
    pipeline_tag="text-classification",
    description="BERT-mini, trained from scratch on English novels and fine-tuned on SST-2.",
    languages=["en", "no"],
    sizes={"num_hidden_layers": 4, "hidden_size": 256, "parameters": 11171074},
    training_data=["ELTeC English novels (61,204,113 characters)", "State of the Union"],
    training={"steps": 3000, "tokens": 49152000, "lr": 5e-4},
    metrics=[("SST-2 dev (872 rows)", "accuracy", "0.844 ± 0.007, 3 seeds")],
    labels=["negative", "positive"],
    base_model="english-mini",
    versions={"encodery": "0.1.0", "torch": "2.13.0"},
)


def front_matter(text: str) -> dict[str, Any]:
    start, head, _ = text.split("---\n", 2)
    assert start == ""
    parsed: dict[str, Any] = yaml.safe_load(head)
    return parsed


def section(text: str, heading: str) -> str:
    """The body of one section."""
    return re.split(r"^## ", text.split(f"## {heading}\n\n", 1)[1], flags=re.MULTILINE)[0].strip()


def snippets(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)\n```", text, flags=re.DOTALL)


def test_the_hub_reads_the_head() -> None:
    assert front_matter(model_card(CARD)) == {
        "language": ["en", "no"],
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["encodery", "bert"],
        "base_model": "english-mini",
    }


def test_the_licence_is_left_to_the_author() -> None:
    text = model_card(CARD)
    assert "# license: choose one, for instance apache-2.0\n" in text
    assert section(text, "License") == (
        "Not stated yet. Choose one that the training data allows, here and at the top of this file."
    )


def test_what_the_model_is_and_learned_from_and_scores() -> None:
    text = model_card(CARD)
    assert "\n# english-sst2\n\nBERT-mini, trained from scratch on English novels" in text
    assert section(text, "Model").splitlines() == [
        "|  |  |",
        "| --- | --- |",
        "| family | bert |",
        "| num\\_hidden\\_layers | 4 |",
        "| hidden\\_size | 256 |",
        "| parameters | 11,171,074 |",
    ]
    assert section(text, "Labels") == "`negative`, `positive`"
    assert section(text, "Training data").splitlines() == [
        "- ELTeC English novels (61,204,113 characters)",
        "- State of the Union",
    ]
    assert section(text, "Training").splitlines()[2:] == [
        "| steps | 3,000 |",
        "| tokens | 49,152,000 |",
        "| lr | 0.0005 |",
    ]
    assert section(text, "Evaluation").splitlines() == [
        "| data | metric | value |",
        "| --- | --- | --- |",
        "| SST-2 dev (872 rows) | accuracy | 0.844 ± 0.007, 3 seeds |",
    ]
    assert section(text, "Versions").splitlines()[2:] == ["| encodery | 0.1.0 |", "| torch | 2.13.0 |"]


def test_the_first_calls_are_python_that_names_the_folder() -> None:
    ours, theirs = snippets(model_card(CARD))
    assert ours == (
        'import encodery\n\nmodel = encodery.load("english-sst2")\n'
        'model.predict([{"text": "A film that stays with you."}])'
    )
    assert theirs == (
        "from transformers import pipeline\n\n"
        'pipeline("text-classification", model="english-sst2")("A film that stays with you.")'
    )


def test_pairs_and_masks_have_calls_of_their_own() -> None:
    ours, theirs = snippets(model_card(replace(CARD, takes_pairs=True)))
    assert 'model.predict([{"text": "It rains.", "text_pair": "The street is wet."}])' in ours
    assert 'model="english-sst2")({"text": "It rains.", "text_pair": "The street is wet."})' in theirs
    ours, theirs = snippets(model_card(replace(CARD, pipeline_tag="fill-mask", mask_token="<mask>")))
    assert 'model.predict(["Paris is the <mask> of France."])' in ours
    assert 'pipeline("fill-mask", model="english-sst2")("Paris is the <mask> of France.")' in theirs


@pytest.mark.parametrize(
    ("task", "record", "name"),
    [
        (
            "question-answering",
            '{"question": "Where did she live?", "context": "Ama Ata Aidoo lived in Accra."}',
            "Q",
        ),
        ("multiple-choice", '{"text": "It rains.", "choices": ["The street is wet.", "The street is dry."]}', "M"),
    ],
)
def test_tasks_that_transformers_has_no_pipeline_for(task: str, record: str, name: str) -> None:
    ours, theirs = snippets(model_card(replace(CARD, pipeline_tag=task)))
    assert ours.endswith(f"model.predict([{record}])")
    auto = {"Q": "AutoModelForQuestionAnswering", "M": "AutoModelForMultipleChoice"}[name]
    assert theirs == f'from transformers import {auto}\n\n{auto}.from_pretrained("english-sst2")'


def test_where_it_came_from_and_where_it_ends() -> None:
    card = replace(
        CARD,
        evaluation_data=["test.de: de_1.jsonl, sha256 0123"],
        limits=["Lengths seen: <up> to 7.", "Labels with fewer than 50 training examples: a|b."],
        command="encodery run sst2.toml\nfinetune.sst2.1",
    )
    text = model_card(card)
    assert section(text, "Evaluation data") == "- test.de: de\\_1.jsonl, sha256 0123"
    assert section(text, "Limits").splitlines()[0] == "- Lengths seen: \\<up\\> to 7."
    assert section(text, "Limits").splitlines()[1].endswith("a\\|b.")
    assert section(text, "Training again") == "```console\nencodery run sst2.toml finetune.sst2.1\n```"


def test_what_is_empty_leaves_no_trace() -> None:
    text = model_card(ModelCard(name="tiny", family="bert", pipeline_tag="fill-mask"))
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == ["Model", "How to use", "License"]
    assert set(front_matter(text)) == {"library_name", "pipeline_tag", "tags"}
    assert "\n\n\n" not in text


@pytest.mark.parametrize(
    "text", ["no", "a: b", "- x", "#", "1e3", "null", "\"'\\", "x\n---\nlicense: mit", "😀\x85\u2028"]
)
def test_values_that_mean_something_to_yaml_are_quoted(text: str) -> None:
    card = replace(CARD, name="n", family=text, languages=[text], base_model=text)
    head = front_matter(model_card(card))
    assert head["language"] == [text]
    assert head["base_model"] == text
    assert head["tags"] == ["encodery", text]
    assert "license" not in head


@given(st.text(min_size=1))
def test_any_text_is_quoted_the_same_for_yaml_and_python(text: str) -> None:
    card = model_card(replace(CARD, name=text, base_model=text))
    assert front_matter(card)["base_model"] == text
    loads = [node for node in ast.walk(ast.parse(snippets(card)[0])) if isinstance(node, ast.Call)]
    [argument] = [call.args[0] for call in loads if ast.unparse(call.func) == "encodery.load"]
    assert ast.literal_eval(argument) == text


def test_text_that_means_something_to_markdown_is_escaped() -> None:
    card = replace(
        CARD,
        description="a <b>bold</b> *claim*\n## Not a heading",
        metrics=[("pipe | in\nname", "`f1`", "[1](x)")],
        labels=["a`b", "c|d"],
    )
    text = model_card(card)
    assert "a \\<b\\>bold\\</b\\> \\*claim\\* \\#\\# Not a heading" in text
    assert section(text, "Evaluation").splitlines()[2:] == ["| pipe \\| in name | \\`f1\\` | \\[1\\](x) |"]
    assert section(text, "Labels") == "`` a`b ``, `c|d`"
