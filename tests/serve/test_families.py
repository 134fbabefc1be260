"""Predictions on hard text are those of `transformers`, in every family, for every kind of label."""

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import encodery
from encodery.data.scripts import is_in_word, whole
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import Family
from encodery.families.folder import ModelFolder, save_folder
from encodery.families.stated import ProblemType
from encodery.model.heads import Model
from encodery.tasks.answers import CANDIDATES
from encodery.text.encoding import Encoding
from encodery.text.tokenizer import Tokenizer, parse_spec, train_tokenizer
from tests.families.conftest import tiny
from tests.text.scripts import HARD, SENTENCES

POSITIONS = 61
CUT = {"on_overflow": "truncate"}
"""What `transformers` does with long texts, and we do where `encodery.json` says so."""
LABELS: Mapping[ProblemType, tuple[str, ...]] = {
    "single_label_classification": ("bad", "good", "neither"),
    "multi_label_classification": ("sad", "calm", "loud", "new"),
    "regression": ("LABEL_0",),
}
SPECS: Mapping[str, Mapping[str, object]] = {
    "byte-bpe": {"vocab_size": 541},
    "unigram": {"vocab_size": 421, "character_coverage": 0.99},
}
"""By the kind of a family's vocabulary; the others are large enough for the letters of every script."""
TEXTS = [
    *SENTENCES,
    *("", " ", "\t\n\u3000 ", "\x00\x1f\x7f", "\u200b\u200d\ufeff", "\u0301", "a", "?!", "😀"),
    " ".join(SENTENCES[0].split()[:5] + SENTENCES[4].split()[:5] + [SENTENCES[8]]),  # three scripts, two directions
    *("".join(HARD[start : start + 23]) for start in range(0, len(HARD), 23)),
    *(" ".join(HARD[start : start + 29]) for start in range(0, len(HARD), 29)),
    "\u202bשלום\u202c and \u2067سلام\u2069 e\u0301\u0323 Z\u0351\u036b\u0343a\u0321 ﬁn İI",
    "[CLS] a river [SEP] [MASK] runs [UNK] and [PAD] [SEP] ##ing [CLS][SEP]",
    "<s> a river </s> <mask> runs <unk> and <pad> </s></s> <special1> </w> Ġ ▁",
    "<pad><pad> [PAD][PAD] <pad>",
    " ".join(SENTENCES) * 3,
]
PAIRS = [
    *zip(TEXTS, [text for text in TEXTS[::-1] if text] + ["a"] * TEXTS.count(""), strict=True),
    (TEXTS[-1], TEXTS[-1]),
    ("short", TEXTS[-1]),
]
"""Never with an empty second text: `transformers` takes that for none."""


@pytest.fixture(scope="module", params=list(FAMILIES.values()), ids=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param


@pytest.fixture(scope="module")
def tokenizer(family: Family) -> Tokenizer:
    kind = family.tokenizer.get("type", "")
    spec = {**family.tokenizer, **SPECS.get(kind, {"vocab_size": 1009, "min_frequency": 1})}
    return train_tokenizer(parse_spec(spec, family.model_type), SENTENCES * 2)


@pytest.fixture(scope="module", params=LABELS)
def ours(
    request: pytest.FixtureRequest, family: Family, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A classifier with random weights, as we write it."""
    labels = LABELS[request.param]
    ids = {"vocab_size": tokenizer.vocab_size, "pad_token_id": tokenizer.pad_token_id}
    offset = tokenizer.pad_token_id + 1 if "position_offset" in family.follows else 0
    model = family.model(tiny(family, **ids, max_position_embeddings=POSITIONS + offset), ("sequence",), len(labels))
    draw_weights(model)
    path = tmp_path_factory.mktemp(family.model_type)
    save_folder(path, ModelFolder(family, model, tokenizer, labels, CUT, problem_type=request.param))
    return path


def draw_weights(model: Model) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # scales of norms around one, or little is left of a text
            parameter.normal_(float("norm.weight" in name), 0.3, generator=generator)


def peer_of(folder: Path, family: Family, auto: str = "AutoModelForSequenceClassification") -> tuple[Any, Any]:
    """The model and the tokenizer of `transformers`; to a model without token types they would be words."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if not tiny(family).type_vocab_size:
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return getattr(transformers, auto).from_pretrained(folder).eval(), tokenizer


def expected_scores(folder: Path, family: Family, inputs: Sequence[Any]) -> list[dict[str, float]]:
    """What the pipeline says of each input, every label by name."""
    model, tokenizer = peer_of(folder, family)
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu", top_k=None)
    answers = [pipe([item], truncation=True, max_length=POSITIONS)[0] for item in inputs]
    return [{entry["label"]: entry["score"] for entry in answer} for answer in answers]


def found_scores(folder: Path, inputs: Sequence[Any]) -> list[dict[str, float]]:
    return [prediction["scores"] for prediction in encodery.load(folder).predict(inputs)]


def assert_same(found: list[dict[str, float]], expected: list[dict[str, float]], inputs: Sequence[Any]) -> None:
    assert len(found) == len(inputs)
    for ours, theirs, item in zip(found, expected, inputs, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5, rel=1e-5), item
    assert len({round(next(iter(scores.values())), 4) for scores in found}) > len(inputs) // 2  # no constant passes


@pytest.fixture(scope="module")
def expected(ours: Path, family: Family) -> list[dict[str, float]]:
    return expected_scores(ours, family, TEXTS)


def test_texts(ours: Path, expected: list[dict[str, float]]) -> None:
    assert_same(found_scores(ours, TEXTS), expected, TEXTS)


@pytest.mark.parametrize("ours", ["multi_label_classification"], indirect=True)
def test_pairs(ours: Path, family: Family) -> None:
    """Of one kind of label, in which no score hides another: the kinds differ only after the logits."""
    records = [{"text": text, "text_pair": pair} for text, pair in PAIRS]
    assert_same(found_scores(ours, records), expected_scores(ours, family, records), records)


def test_a_folder_that_transformers_wrote(
    ours: Path, family: Family, expected: list[dict[str, float]], tmp_path: Path
) -> None:
    for part in peer_of(ours, family):
        part.save_pretrained(tmp_path)
    (tmp_path / "encodery.json").write_text(json.dumps(CUT))
    assert_same(found_scores(tmp_path, TEXTS), expected, TEXTS)


def pretrained(
    family: Family,
    tokenizer: Tokenizer,
    heads: tuple[str, ...],
    path: Path,
    num_labels: int = 0,
    labels: tuple[str, ...] = (),
) -> Path:
    """A folder without a task of its own, random weights."""
    ids = {"vocab_size": tokenizer.vocab_size, "pad_token_id": tokenizer.pad_token_id}
    offset = tokenizer.pad_token_id + 1 if "position_offset" in family.follows else 0
    model = family.model(tiny(family, **ids, max_position_embeddings=POSITIONS + offset), heads, num_labels)
    draw_weights(model)
    save_folder(path, ModelFolder(family, model, tokenizer, labels, CUT))
    return path


def test_the_word_behind_a_mask(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = pretrained(family, tokenizer, ("mlm",), tmp_path)
    mask = tokenizer.id_to_token(tokenizer.mask_token_id)
    texts = [text.replace(mask, "") for text in TEXTS[:-1]]
    texts = [f"{text[:7]}{mask}{text[7:]}" for text in texts] + [mask, f" {mask} ", f"de {mask}, the", f"a {mask}b."]
    peer, their_tokenizer = peer_of(folder, family, "AutoModelForMaskedLM")
    pipe = transformers.pipeline("fill-mask", model=peer, tokenizer=their_tokenizer, device="cpu")
    found = encodery.load(folder).predict(texts)
    firsts = set()
    for text, prediction in zip(texts, found, strict=True):
        expected = pipe(text, tokenizer_kwargs={"truncation": True, "max_length": POSITIONS})
        entries = [
            {"token": entry["token_str"], "token_id": entry["token"], "sequence": entry["sequence"]}
            for entry in expected
        ]
        scores = [entry.pop("score") for entry in prediction["predictions"]]
        assert prediction["predictions"] == entries
        assert scores == pytest.approx([entry["score"] for entry in expected], abs=1e-5)
        firsts.add(round(scores[0], 6))
    assert len(firsts) > len(texts) // 2  # no constant passes


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_embeddings(family: Family, tokenizer: Tokenizer, tmp_path: Path, mode: str) -> None:
    folder = pretrained(family, tokenizer, (), tmp_path)
    modules = [{"type": "a.Transformer", "path": ""}, {"type": "a.b.Pooling", "path": "1_Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
    peer, their_tokenizer = peer_of(folder, family, "AutoModel")
    with pytest.warns(UserWarning, match=r"^\d+ of 38 texts are cut"):
        found = encodery.load(folder).embed(TEXTS)
    for vector, text in zip(found, TEXTS, strict=True):
        inputs = their_tokenizer(text, truncation=True, max_length=POSITIONS, return_tensors="pt")
        with torch.no_grad():
            hidden = peer(**inputs).last_hidden_state[0]
        torch.testing.assert_close(torch.from_numpy(vector), hidden.mean(0) if mode == "mean" else hidden[0])


@pytest.mark.parametrize("ours", ["regression"], indirect=True)
def test_long_texts_say_that_they_are_cut(ours: Path) -> None:
    whole, cut = encodery.load(ours).predict(["a", TEXTS[-1]])
    assert ("truncated" in whole, cut["truncated"]) == (False, True)


def their_logits(peer: Any, tokenizer: Any, *texts: str, of_choices: bool = False) -> tuple[list[int], Any]:
    """What the model of `transformers` says, in float64, of ids that its tokenizer gives; and these."""
    inputs = tokenizer(*texts, truncation=True, max_length=POSITIONS, return_tensors="pt")
    ids = inputs["input_ids"][0].tolist()
    if of_choices:
        inputs = {name: value[None] for name, value in inputs.items()}
    with torch.no_grad():
        return ids, peer.double()(**inputs)


TAGS = ("B-new", "O", "I-new", "I-old")


def words_of(text: str, offsets: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Tokens that are in one entity or in none: those of one character with its marks, and of one word."""
    words: list[list[int]] = []
    for token, (start, _) in enumerate(offsets):
        last = offsets[token - 1][1] if token else -1
        while token and last < len(text) and unicodedata.category(text[last])[0] == "M":
            last += 1
        if start < last or (start == last and is_in_word(text, start)):
            words[-1].append(token)
        else:
            words.append([token])
    return words


def likeliest_tags(chances: list[dict[str, float]]) -> list[str]:
    """Of the tokens of a word."""
    more = len(chances) - 1
    spelled = [["O"] * (more + 1), ["B-new"] + ["I-new"] * more, ["I-new"] * (more + 1), ["I-old"] * (more + 1)]

    def chance(tags: list[str]) -> float:
        return sum(math.log(of[tag]) for of, tag in zip(chances, tags, strict=True))

    return max(spelled, key=chance)


def entities_of(
    text: str, chances: list[dict[str, float]], offsets: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """What the likeliest tags spell; in a model of unknown making an I- may begin an entity."""
    tags: list[str] = []
    for word in words_of(text, offsets):
        tags += likeliest_tags([chances[token] for token in word])
    runs: list[list[int]] = []
    for token, tag in enumerate(tags):
        if tag[0] == "I" and token and tags[token - 1][2:] == tag[2:]:
            runs[-1].append(token)
        elif tag != "O":
            runs.append([token])
    entities = []
    for run in runs:
        start, end = whole(text, offsets[run[0]][0], max(offsets[token][1] for token in run))
        score = sum(chances[token][tags[token]] for token in run) / len(run)
        entity = {"start": start, "end": end, "label": tags[run[0]][2:], "text": text[start:end], "score": score}
        entities += [entity] if start < end else []
    return entities


def test_entities(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """The likeliest tags by the logits of `transformers`, looked for in every word."""
    folder = pretrained(family, tokenizer, ("token",), tmp_path, len(TAGS), TAGS)
    peer, their_tokenizer = peer_of(folder, family, "AutoModelForTokenClassification")
    labels = []
    for text, prediction in zip(TEXTS, encodery.load(folder).predict(TEXTS), strict=True):
        ids, said = their_logits(peer, their_tokenizer, text)
        encoding = tokenizer.encode(text, None, POSITIONS)
        assert encoding.input_ids == ids
        rows = torch.softmax(said.logits[0, 1:-1], -1).tolist()
        chances = [dict(zip(TAGS, row, strict=True)) for row in rows]
        expected = entities_of(text, chances, encoding.offsets[1:-1])
        scores = [entity.pop("score") for entity in prediction["entities"]]
        assert scores == pytest.approx([entity.pop("score") for entity in expected], abs=1e-5)
        assert prediction["entities"] == expected
        labels += [entity["label"] for entity in expected]
    assert set(labels) == {"new", "old"}
    assert len(labels) > 2 * len(TEXTS)  # no constant passes


def answers_of(
    context: str, starts: list[float], ends: list[float], encoding: Encoding
) -> tuple[dict[tuple[int, int], float], float]:
    """The best spans of the context and "no answer" with their probabilities."""
    inside = [place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
    spans = [(-starts[a] - ends[b], a, b) for a in inside for b in inside if a <= b < a + 30]
    places: dict[tuple[int, int], float] = {}
    for score, first, last in sorted(spans)[:CANDIDATES]:
        offsets = encoding.offsets[first : last + 1]
        start, end = whole(context, offsets[0][0], max(end for _, end in offsets))
        if start < end:
            places.setdefault((start, end), -score)
    scores = torch.tensor([starts[0] + ends[0], *places.values()], dtype=torch.float64)
    none, *shares = torch.softmax(scores, -1).tolist()
    return dict(zip(places, shares, strict=True)), none


def test_answers(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """The best span by the logits of `transformers`, looked for in a loop; each text is one window."""
    predictor = encodery.load(pretrained(family, tokenizer, ("span",), tmp_path))
    peer, their_tokenizer = peer_of(tmp_path, family, "AutoModelForQuestionAnswering")
    records = [{"question": question, "context": context} for question, context in PAIRS]
    answers = set()
    for record, prediction in zip(records, predictor.predict(records), strict=True):
        ids, said = their_logits(peer, their_tokenizer, record["question"], record["context"])
        encoding = tokenizer.encode(record["question"], record["context"], POSITIONS)
        assert encoding.input_ids == ids
        shares, none = answers_of(
            record["context"], said.start_logits[0].tolist(), said.end_logits[0].tolist(), encoding
        )
        start, end, best = prediction["start"], prediction["end"], max(shares.values(), default=none)
        assert prediction["answer"] == (record["context"][start:end] if shares else None)
        assert prediction["score"] == pytest.approx(best, abs=1e-5)
        # of equal ones any: padding that is spelled out has the same vector at every place
        assert shares.get((start, end), none) == pytest.approx(best, abs=1e-5)
        answers.add(prediction["answer"])
    assert len(answers) > len(records) // 2  # no constant passes


def test_choices(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Each choice with the probability that `transformers` gives it."""
    predictor = encodery.load(pretrained(family, tokenizer, ("choice",), tmp_path, 2))
    peer, their_tokenizer = peer_of(tmp_path, family, "AutoModelForMultipleChoice")
    groups = [PAIRS[start : start + 3] for start in range(0, len(PAIRS) - 2, 3)]
    records: list[dict[str, Any]] = [
        {"text": group[0][0], "choices": [second for _, second in group]} for group in groups
    ]
    found = predictor.predict(records)
    for record, prediction in zip(records, found, strict=True):
        pairs = [(record["text"], choice) for choice in record["choices"]]
        said = [their_logits(peer, their_tokenizer, *pair, of_choices=True)[1] for pair in pairs]
        expected = torch.softmax(torch.cat([one.logits[0] for one in said]), -1).tolist()
        assert prediction["scores"] == pytest.approx(expected, abs=1e-5)
    assert len({prediction["label"] for prediction in found}) == 3


def test_whether_a_text_follows(tokenizer: Tokenizer, family: Family, tmp_path: Path) -> None:
    """BERT's pretrained head alone; the first logit is that of a text that follows."""
    if "nsp" not in family.heads:
        pytest.skip("pretrained without next sentence prediction")
    predictor = encodery.load(pretrained(family, tokenizer, ("nsp",), tmp_path))
    peer, their_tokenizer = peer_of(tmp_path, family, "AutoModelForNextSentencePrediction")
    found = predictor.predict([{"text": text, "text_pair": pair} for text, pair in PAIRS])
    for pair, prediction in zip(PAIRS, found, strict=True):
        expected = torch.softmax(their_logits(peer, their_tokenizer, *pair)[1].logits[0], -1).tolist()
        assert list(prediction["scores"]) == ["next", "random"]
        assert list(prediction["scores"].values()) == pytest.approx(expected, abs=1e-5)
    assert len({round(prediction["score"], 4) for prediction in found}) > len(PAIRS) // 2  # no constant passes
    with pytest.raises(UserError, match=r"record 1: no 'text_pair': this model says whether one text follows"):
        predictor.predict(["alone"])
