"""Denoising and back-translation as batches and as a loss; and that a direction is learned which no pair teaches."""

import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from encodery.batch import IGNORE_INDEX, Batch, Sequence, pack
from encodery.data.shards import Shards
from encodery.data.translation_sequences import source_sequence, taught_sequence
from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.generation import generate
from encodery.model.heads import BERT_HEADS
from encodery.model.search import Targets
from encodery.model.translator import Translator
from encodery.objectives.back_translation import GREEDY
from encodery.objectives.unsupervised import TERMS, Unsupervised, UnsupervisedConfig, both_ways
from encodery.train.config import TrainerConfig
from encodery.train.loss import Prepares
from encodery.train.trainer import Trainer
from tests.data.synthetic import stored
from tests.objectives.corpora import assert_same
from tests.objectives.vocabularies import CLS, MASK, SEP, vocabulary

VOCAB = 23
FIRST, COUNT = 5, 7
"""The words of the first language; each is COUNT higher in the second."""
IDS = {"aa": 0, "bb": 1}
WAYS = both_ways([("aa", "bb")])
VOCABULARY = replace(vocabulary(VOCAB), continues_word=np.zeros(VOCAB, bool))
CONFIG = EncoderConfig(
    vocab_size=VOCAB, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
    max_position_embeddings=13, num_languages=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    initializer_range=0.1, embed_init_std=0.1,
)  # fmt: skip


def sentences(count: int, seed: int) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.integers(FIRST, FIRST + COUNT, random.integers(2, 6)).tolist() for _ in range(count)]


def enciphered(sentence: list[int]) -> list[int]:
    return [token + COUNT for token in sentence]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """Other sentences in each language."""
    first, second = sentences(101, 1), [enciphered(sentence) for sentence in sentences(211, 2)]
    documents = [[np.array(sentence)] for sentence in (*first, *second)]
    return stored(tmp_path_factory.mktemp("text") / "shards", documents, VOCAB, languages=["aa"] * 101 + ["bb"] * 211)


def objective(
    text: Shards,
    lessons: tuple[Sequence, ...] = (),
    num_steps: int = 10,
    ways: Any = WAYS,
    tokens_per_step: int = 300,
    **config: Any,
) -> Unsupervised:
    table = UnsupervisedConfig.parse(config, "test")
    return Unsupervised(table, text, ways, IDS, VOCABULARY, 11, tokens_per_step, num_steps, 7, lessons)


def translator(seed: int = 1) -> Translator:
    model = Translator(CONFIG, CONFIG, BERT_HEADS["mlm"])
    model.initialize(seed)
    return model


def rows(batch: Batch) -> list[list[int]]:
    ids, bounds = batch.input_ids.tolist(), batch.cu_seqlens.tolist()
    return [ids[start:stop] for start, stop in pairwise(bounds)]


def sources(batch: Batch) -> list[list[int]]:
    assert batch.source is not None
    return rows(batch.source)


def lesson(sentence: list[int]) -> Sequence:
    """From the second language into the first."""
    source = [CLS, *enciphered(sentence), SEP]
    return taught_sequence(source_sequence(source, [0] * len(source), 1), sentence, CLS, SEP, 0)


def test_it_is_finished_by_the_model(text: Shards) -> None:
    assert isinstance(objective(text), Prepares)


def test_a_batch_has_both_terms_in_both_languages(text: Shards) -> None:
    batch = objective(text).batch(3)
    assert batch.sequence_labels is not None
    assert sorted({*batch.sequence_labels.tolist()}) == [0, 1, 2, 3]
    assert batch.language_ids is not None
    languages = batch.language_ids[batch.first_tokens.long()].tolist()
    spoken = {0: 0, 1: 1, 2: 1, 3: 0}  # denoise aa, denoise bb, from aa into bb, from bb into aa
    assert [spoken[part] for part in batch.sequence_labels.tolist()] == languages
    tokens = batch.num_tokens + sum(map(len, sources(batch)))
    assert tokens == pytest.approx(300, rel=0.25)
    for row in rows(batch):
        assert row[0] == CLS
    assert all(row[0] == CLS and row[-1] == SEP for row in sources(batch))


def test_batches_are_a_function_of_seed_and_step(text: Shards) -> None:
    one, other = objective(text), objective(text)
    later = one.batch(8)
    one.batch(2)
    again = other.batch(8)
    assert later.source is not None
    assert again.source is not None
    assert_same(later.source, again.source)
    assert_same(replace(later, source=None), replace(again, source=None))


def test_every_sentence_comes_once_before_one_comes_again(text: Shards) -> None:
    """Each part reads its text in whole epochs, whatever the sizes of the steps."""
    some = objective(text, denoise=[[0, 1.0], [30, 0.2]], num_steps=60)
    seen: Counter[tuple[int, ...]] = Counter()
    count = 0
    for step in range(60):
        batch = some.batch(step)
        assert batch.sequence_labels is not None
        mine = [
            tuple(row[1:]) for row, part in zip(rows(batch), batch.sequence_labels.tolist(), strict=True) if not part
        ]
        count += len(mine)
        seen.update(mine)
        if count >= 101:
            break
    texts = Counter(tuple(sentence) for sentence in sentences(101, 1))
    assert all(seen[row] >= texts[row] for row in texts)
    assert not seen - texts - texts


def test_weights_are_shares_of_the_tokens(text: Shards) -> None:
    def sizes(step: int, **config: Any) -> Counter[int]:
        batch = objective(text, tuple(map(lesson, sentences(13, 5))), num_steps=101, **config).batch(step)
        assert batch.sequence_labels is not None
        return Counter(batch.sequence_labels.tolist())

    assert sizes(0, denoise=0.0).keys() == {2, 3, 4}
    assert sizes(0, pairs=0.0).keys() == {0, 1, 2, 3}
    fading = {"denoise": {"start": 1.0, "end": 0.0}}
    first, last = sizes(0, **fading), sizes(99, **fading)
    assert first[0] + first[1] == pytest.approx(first[2] + first[3], abs=3)
    assert first[4] == pytest.approx(first[2] + first[3], abs=3)
    assert last[0] == last[1] == 1  # a weight above 0 is one sentence at least
    assert sizes(100, **fading).keys() == {2, 3, 4}


def test_denoising_hides_words_and_asks_for_all_of_them(text: Shards) -> None:
    batch = objective(text, back_translation=0.0, noise={"word_blank": 0.5}).batch(0)
    assert any(MASK in row for row in sources(batch))
    assert MASK not in batch.input_ids
    assert batch.labels is not None
    expected = [token for row in rows(batch) for token in (*row[1:], SEP)]
    assert batch.labels.tolist() == expected
    assert IGNORE_INDEX not in batch.labels


def test_back_translation_turns_the_models_words_into_the_text(text: Shards) -> None:
    some, model = objective(text), translator()
    batch = some.batch(0)
    made = some.prepare(model.train(), batch)
    assert model.training
    assert made.source is not None
    assert made.source.language_ids is not None
    assert batch.sequence_labels is not None
    assert_same(replace(made, source=None), replace(batch, source=None))
    language = made.source.language_ids[made.source.first_tokens.long()].tolist()
    for number, part in enumerate(batch.sequence_labels.tolist()):
        given, row = sources(batch)[number], sources(made)[number]
        if part < 2:
            assert row == given
            assert language[number] == part
            continue
        into = {2: 0, 3: 1}[part]
        spoken = torch.tensor([into])
        alone = source_sequence(given, [0] * len(given), 1 - into)
        targets = Targets(CLS, SEP, tuple(sorted(VOCABULARY.special_ids - {SEP})), spoken)
        ((best,),) = generate(model, pack([alone]), targets, GREEDY)
        assert row == [CLS, *best.token_ids[:9], SEP]
        assert language[number] == into


class Share:
    """One of several ranks; what the others told is known once they were asked."""

    def __init__(self, rank: int, told: list[list[list[int]]]) -> None:
        self.rank, self.world_size, self._told = rank, len(told), told

    def gather(self, value: Any) -> list[Any]:
        self._told[self.rank] = value
        return [*self._told]


@pytest.mark.parametrize("world_size", [1, 3, 41])
def test_each_rank_translates_a_share_and_has_all(text: Shards, world_size: int) -> None:
    """Also where there are more ranks than texts."""
    some, model = objective(text), translator()
    batch = some.batch(0)
    assert batch.sequence_labels is not None
    count = sum(number > 1 for number in batch.sequence_labels.tolist())
    whole = some.prepare(model, batch)
    told: list[list[list[int]]] = [[] for _ in range(world_size)]
    for rank in range(1, world_size):
        with suppress(ValueError):  # the others have not told theirs yet
            some.prepare(model, batch, Share(rank, told))
    made = some.prepare(model, batch, Share(0, told))
    assert sources(made) == sources(whole) != sources(batch)
    assert made.source is not None
    assert whole.source is not None
    assert_same(made.source, whole.source)
    assert sum(map(len, told)) == count > 3
    assert max(map(len, told)) <= count // world_size + 3


def test_the_loss_is_a_sum_over_all_terms(text: Shards) -> None:
    some, model = objective(text, (lesson([6, 7]),)), translator().eval()
    batch = some.prepare(model, some.batch(0))
    with torch.no_grad():
        out, whole = some.loss(model, batch), model.loss(batch)
    assert out.losses["tokens"].item() == pytest.approx(whole[0].item(), rel=1e-5)
    assert some.counts(batch) == {"tokens": len(batch.labels)} if batch.labels is not None else False
    assert sum(out.metrics[f"{term}_loss"][1] for term in TERMS) == some.counts(batch)["tokens"]
    assert sum(out.metrics[f"{term}_accuracy"][0] for term in TERMS) == float(whole[1])
    parts = [some.loss(model, part).losses["tokens"].item() for part in batch.split(60)]
    assert len(parts) > 2
    assert sum(parts) == pytest.approx(whole[0].item(), rel=1e-4)


def trained(text: Shards, folder: Path, **config: Any) -> Translator:
    """Pairs teach the way from the second language into the first, and only text the way there."""
    lessons = tuple(map(lesson, sentences(79, 5)))
    some = objective(text, lessons, 150, (("aa", "bb"),), 400, denoise=0.0, **config)
    table = TrainerConfig.parse(
        {"precision": "fp32", "optimizer": {"lr": 3e-3, "warmup_steps": 10, "weight_decay": 0.0}}, "test"
    )
    model = translator()
    Trainer(model, some, some.batch, table, 150, 7, folder, console=Console(quiet=True)).fit()
    return model


def right(model: Translator) -> float:
    """The share of tokens that it has right on the way from the first language into the second, greedily."""
    new = sentences(31, 9)
    given = pack([source_sequence([CLS, *sentence, SEP], [0] * (len(sentence) + 2), 0) for sentence in new])
    targets = Targets(CLS, SEP, (0, 1, CLS, MASK), torch.ones(len(new), dtype=torch.long))
    found = [hypotheses[0].token_ids for hypotheses in generate(model, given, targets, GREEDY)]
    hits = [
        sum(a == b for a, b in zip(said, enciphered(sentence), strict=False))
        for said, sentence in zip(found, new, strict=True)
    ]
    return sum(hits) / sum(map(len, new))


@pytest.mark.slow
def test_back_translation_learns_a_way_that_no_pair_shows(text: Shards, tmp_path: Path) -> None:
    with_it = right(trained(text, tmp_path / "with"))
    without = right(trained(text, tmp_path / "without", back_translation=[[0, 1.0], [1, 0.0]]))
    assert without < 0.3
    assert with_it > 0.8


@pytest.mark.parametrize(
    ("ways", "config", "message"),
    [
        ((("aa", "cc"),), {}, "there is no text in 'cc' to learn from (aa, bb); add some to corpus.inputs"),
        (
            WAYS,
            {"denoise": 0.0, "back_translation": {"start": 1.0, "end": 0.0}},
            "nothing has a weight at step 9 of 10",
        ),
        (WAYS, {"denoise": 0.0, "back_translation": 0}, "weigh nothing: give one of them a weight above 0"),
        (WAYS, {"denoise": 1.5}, "less than or equal to 1"),
        (WAYS, {"lambda_ae": 1.0}, "lambda_ae"),
    ],
)
def test_what_cannot_be_learned_is_refused(text: Shards, ways: Any, config: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        Unsupervised(
            UnsupervisedConfig.parse(config, "test"), text, ways, {**IDS, "cc": 1}, VOCABULARY, 11, 300, 10, 7
        )


def test_sentences_that_are_too_long_are_left_out(text: Shards) -> None:
    short = Unsupervised(UnsupervisedConfig(), text, WAYS, IDS, VOCABULARY, 5, 300, 3, 7)
    assert {length - 1 for length in short.batch(0).seqlens()} == {2, 3}
    with pytest.raises(UserError, match="every sentence in 'aa' is longer than"):
        Unsupervised(UnsupervisedConfig(), text, WAYS, IDS, VOCABULARY, 3, 300, 3, 7)


def test_both_ways_are_each_once() -> None:
    pairs = [("en", "de"), ("de", "en"), ("en", "fr")]
    assert both_ways(pairs) == (("en", "de"), ("de", "en"), ("en", "fr"), ("fr", "en"))
