"""Translation as a task: what the model reads and learns, what becomes of what it says."""

import math

import pytest
import torch
from torch.nn import functional as F

from encodery.batch import IGNORE_INDEX, Batch, pack
from encodery.data.epochs import Epochs
from encodery.deploy.torch_engine import TorchEngine
from encodery.errors import UserError
from encodery.model.search import Hypothesis
from encodery.tasks.directions import Directions
from encodery.tasks.judging import Judging
from encodery.tasks.languages import Languages
from encodery.tasks.task import TaskConfig, Trainable
from encodery.tasks.translation import Translation, TranslationConfig
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import CONFIG, WORDS
from tests.tasks.translating import BOTH, ONE, example, make_task, make_translator

EXAMPLES = [
    example("the river sees", "a city"),
    example("dull", "the baker finds the river", "de", "en"),
    example("the farmer or the baker sees", "not very happy"),
]


def packed(task: Translation) -> Batch:
    return pack([sequence for each in EXAMPLES for sequence in task.encode(each).sequences])


def test_it_is_a_task() -> None:
    assert isinstance(make_task(), Trainable)
    assert isinstance(make_task(), Judging)
    assert isinstance(TranslationConfig(type="translation"), TaskConfig)


def test_the_decoder_reads_the_translation_and_learns_what_comes_next(tokenizer: Tokenizer) -> None:
    (sequence,) = make_task().encode(EXAMPLES[0]).lessons
    city = [*tokenizer.cut("a city").ids]
    assert sequence.input_ids == [tokenizer.cls_token_id, *city]
    assert sequence.token_labels == [*city, tokenizer.sep_token_id]
    assert sequence.language_ids == [0, 0, 0]
    assert sequence.source is not None
    assert sequence.source.input_ids == tokenizer.encode("the river sees").input_ids
    assert sequence.source.language_ids == [2] * 5
    assert sequence.source.token_labels is None


def test_a_text_to_translate_is_the_token_that_a_translation_starts_with(tokenizer: Tokenizer) -> None:
    (sequence,) = make_task().encode(example("the river sees")).sequences
    assert (sequence.input_ids, sequence.language_ids, sequence.token_labels) == ([tokenizer.cls_token_id], [0], None)
    assert not make_task().encode(example("the river sees")).lessons


def test_a_model_without_vectors_of_languages_gets_none() -> None:
    (sequence,) = make_task(ONE, Languages()).encode(EXAMPLES[0]).sequences
    assert sequence.language_ids is None
    assert sequence.source is not None
    assert sequence.source.language_ids is None


@pytest.mark.parametrize(
    ("text", "translation"), [("river " * 10, "a city"), ("a city", "river " * 11), ("river\ncity", "a city")]
)
def test_what_does_not_fit_is_translated_but_not_learned(text: str, translation: str) -> None:
    encoded = make_task().encode(example(text, translation))
    assert encoded.lessons == []
    assert not encoded.truncated
    assert {tuple(sequence.token_labels or ()) for sequence in encoded.sequences} == {(IGNORE_INDEX,)}
    assert all(len(sequence.source.input_ids) <= 11 for sequence in encoded.sequences if sequence.source)


def test_what_just_fits_is_learned() -> None:
    encoded = make_task().encode(example("river " * 9, "city " * 10))
    (sequence,) = encoded.lessons
    assert sequence.source is not None
    assert (len(sequence.input_ids), len(sequence.source.input_ids)) == (11, 11)


def test_windows_count_every_token_once() -> None:
    task = make_task()
    encoded = task.encode(example("the river sees the city. the baker " + "finds a city " * 5))
    assert sum(window.num_own for window in encoded.windows) == len(encoded.cut.ids) == 23
    assert encoded.is_long


def test_loss_is_the_cross_entropy_of_every_token_and_end() -> None:
    task, model = make_task(label_smoothing=0.1), make_translator()
    batch = packed(task)
    output = task.loss(model, batch)
    assert batch.labels is not None
    assert task.counts(batch) == {"tokens": len(batch.labels)} == {"tokens": 2 + 5 + 3 + 3}
    logits = model.logits("translation", batch, batch.label_index)
    expected = F.cross_entropy(logits, batch.labels, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(output.losses["tokens"], expected)
    hits = float((logits.argmax(-1) == batch.labels).sum())
    assert output.metrics["token_accuracy"] == (hits, 13.0)


def test_gradients_do_not_depend_on_the_cut_into_micro_batches() -> None:
    task, model = make_task(), make_translator().double()
    batch = packed(task)
    whole = torch.autograd.grad(task.loss(model, batch).losses["tokens"], [*model.parameters()])
    parts = [
        torch.autograd.grad(task.loss(model, part).losses["tokens"], [*model.parameters()])
        for part in batch.split(13)
    ]
    assert len(parts) == 3
    for expected, *found in zip(whole, *parts, strict=True):
        torch.testing.assert_close(torch.stack(found).sum(0), expected)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_translations_do_not_depend_on_the_batch_or_on_what_is_right(num_beams: int) -> None:
    task, engine = make_task(num_beams=num_beams), TorchEngine(make_translator())
    together = task.outputs(engine, packed(task))
    for each, found in zip(EXAMPLES, together, strict=True):
        unlabelled = example(each.text, None, str(each.source_language), str(each.target_language))
        (alone,) = task.outputs(engine, pack(task.encode(unlabelled).sequences))
        assert [hypothesis.token_ids for hypothesis in alone] == [hypothesis.token_ids for hypothesis in found]


@pytest.mark.parametrize("num_beams", [1, 3])
def test_translations_do_not_depend_on_autocast(num_beams: int) -> None:
    """Evaluations within a run are computed within it."""
    task, engine = make_task(num_beams=num_beams), TorchEngine(make_translator())
    expected = task.outputs(engine, packed(task))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert task.outputs(engine, packed(task)) == expected


def test_translations_follow_the_weights_through_steps_of_a_fused_optimizer() -> None:
    """Which changes weights without raising their version."""
    task, model = make_task(), make_translator()
    engine, batch = TorchEngine(model), packed(task)
    before = task.outputs(engine, batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.3, fused=True)
    task.loss(model, batch).losses["tokens"].backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    fresh = make_translator()
    fresh.load_state_dict(model.state_dict())
    after = task.outputs(engine, batch)
    assert after == task.outputs(TorchEngine(fresh), batch)
    assert after != before


def test_special_tokens_are_never_said() -> None:
    task, engine = make_task(num_beams=2), TorchEngine(make_translator())
    said = {token for found in task.outputs(engine, packed(task)) for token in found[0].token_ids}
    assert said
    assert not said & task.tokenizer.special_ids


def hypothesis(tokenizer: Tokenizer, text: str, score: float = -0.5, ended: bool = True) -> list[Hypothesis]:
    return [Hypothesis(tuple(tokenizer.cut(text).ids), score, ended)]


def test_the_score_is_the_mean_probability_of_a_token(tokenizer: Tokenizer) -> None:
    task = make_task(length_penalty=2.0)
    encoded = task.encode(EXAMPLES[0])
    prediction = task.decode(EXAMPLES[0], encoded, [hypothesis(tokenizer, "a city", -0.25)])  # -2.25 over 3 ** 2
    assert prediction == {"translation": "a city", "score": pytest.approx(math.exp(-2.25 / 3))}


def test_pieces_are_joined_as_their_lines_were(tokenizer: Tokenizer) -> None:
    task = make_task()
    long = example("the river sees the city. the baker finds the city.\n\nnot happy")
    encoded = task.encode(long)
    outputs = [hypothesis(tokenizer, text) for text in ("river", "city", "happy")]
    assert task.decode(long, encoded, outputs)["translation"] == "river city\n\nhappy"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_text_has_an_empty_translation(tokenizer: Tokenizer, text: str) -> None:
    task = make_task()
    encoded = task.encode(example(text))
    assert len(encoded.sequences) == 1
    prediction = task.decode(example(text), encoded, [hypothesis(tokenizer, "city", ended=False)])
    assert prediction["translation"] == ""
    assert "truncated" not in prediction


def test_a_translation_that_did_not_end_is_marked(tokenizer: Tokenizer) -> None:
    task = make_task()
    prediction = task.decode(EXAMPLES[0], task.encode(EXAMPLES[0]), [hypothesis(tokenizer, "a city", ended=False)])
    assert prediction["truncated"] is True
    assert prediction["score"] == pytest.approx(math.exp(-0.5))


def test_the_n_best(tokenizer: Tokenizer) -> None:
    task = make_task(num_beams=2, num_return_sequences=2)
    outputs = [[*hypothesis(tokenizer, "a city", -0.1), *hypothesis(tokenizer, "a river", -0.2)]]
    prediction = task.decode(EXAMPLES[0], task.encode(EXAMPLES[0]), outputs)
    assert [each["translation"] for each in prediction["n_best"]] == ["a city", "a river"]
    assert prediction["n_best"][0]["score"] == prediction["score"]


def test_overflow_may_be_an_error_or_a_cut() -> None:
    long = example("river " * 23, "a city")
    with pytest.raises(UserError) as error:
        make_task(on_overflow="error").encode(long)
    assert str(error.value) == (
        'a:1: more than max_seqlen = 11 tokens, and on_overflow = "error"; shorten the text, raise max_seqlen, or '
        'set on_overflow = "window"'
    )
    cut = make_task(on_overflow="truncate").encode(long)
    assert cut.truncated
    assert cut.lessons == []
    assert [len(sequence.source.input_ids) for sequence in cut.sequences if sequence.source] == [11]


def test_scores_are_those_of_sacrebleu() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    task = make_task()
    said = [{"translation": text} for text in ("a city", "the baker sees the river bright", "not happy")]
    scores = task.score(said, EXAMPLES)
    translations, right = [each["translation"] for each in said], [str(each.translation) for each in EXAMPLES]
    assert scores["bleu"] == sacrebleu.corpus_bleu(translations, [right]).score
    assert scores["chrf"] == sacrebleu.corpus_chrf(translations, [right]).score
    assert scores["signature"]["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert len(task.measure(said, EXAMPLES)) == 3


def test_judging_tells_how_far_off_a_translation_is() -> None:
    pytest.importorskip("sacrebleu")
    right, wrong = (make_task().judge({"translation": text}, EXAMPLES[0]) for text in ("a city", "dull"))
    assert (right.text, right.predicted, right.true, right.error) == ("the river sees", "a city", "a city", 0.0)
    assert 0.5 < wrong.error <= 1.0


def test_a_folder_remembers_directions_and_generation() -> None:
    info = make_task(num_beams=3).info
    assert info == {
        "task": "translation",
        "directions": [["en", "de"], ["de", "en"]],
        "generation": {"num_beams": 3},
        "max_seqlen": 11,
        "on_overflow": "window",
    }


@pytest.mark.parametrize(
    ("directions", "languages", "message"),
    [
        (
            BOTH,
            Languages(),
            "the model has no vectors of languages and cannot know into which of de, en to translate",
        ),
        (BOTH, Languages({"en": 0}), "'de' is not one of the model's languages (en); name the languages of the data"),
        (ONE, Languages({}), "'en' is not one of the model's languages (none: config.json has no lang2id)"),
    ],
)
def test_a_model_that_cannot_tell_the_languages_apart(
    directions: Directions, languages: Languages, message: str
) -> None:
    with pytest.raises(UserError) as error:
        make_task(directions, languages)
    assert str(error.value).startswith(f"translation: {message}")


def test_the_table_says_the_languages_of_examples_that_do_not() -> None:
    table = TranslationConfig(type="translation", source_language="en", target_language="fr")
    some = table.understood([example("a", "b"), *[example("a", "b").between(None, None)]])
    assert [each.language for each in some] == ["en-de", "en-de"]
    assert table.learn(some, "a.jsonl", "task").pairs == (("en", "de"),)


def test_the_table_has_two_languages() -> None:
    with pytest.raises(
        UserError, match="language = 'en': a translation has two; give source_language and target_lang"
    ):
        TranslationConfig.parse({"type": "translation", "language": "en"}, "r.toml")


def test_it_learns_to_copy_words_in_reverse() -> None:
    """A tiny model over random pairs: the loss falls far below that of guessing, greedy says what was learned."""
    torch.manual_seed(0)
    task = make_task(ONE, Languages())
    draw = torch.Generator().manual_seed(1)
    some = [[WORDS[int(i)] for i in torch.randint(0, 7, (3,), generator=draw)] for _ in range(67)]
    examples = [example(" ".join(words), " ".join(reversed(words))) for words in some]
    batches = Epochs([sequence for each in examples for sequence in task.encode(each).lessons], 400, 60, 1)
    config = CONFIG.model_copy(update={"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    model = make_translator(config)
    model.initialize(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for step in range(len(batches)):
        batch = batches(step)
        loss = task.loss(model.train(), batch).losses["tokens"] / task.counts(batch)["tokens"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.1
    outputs = task.outputs(TorchEngine(model), pack([task.encode(each).sequences[0] for each in examples]))
    said = [task.decode(each, task.encode(each), [found]) for each, found in zip(examples, outputs, strict=True)]
    assert sum(each["translation"] == right.translation for each, right in zip(said, examples, strict=True)) > 55
