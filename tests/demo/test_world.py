"""The world as its users see it: determinism, sizes, splits, language, and files."""

import json
import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from encodery.demo import world
from encodery.demo.facts import LANGUAGES, SPLITS, members, table
from encodery.demo.opinions import POLARITIES, phrases
from encodery.errors import UserError

WORDS = 8_009
# What no finished text may hold: unfilled slots, open groups, stray spaces, doubled or missing punctuation.
NEVER = re.compile(r"[{}\[\]<>|]|  | [,.]|^ | $|\.\.|,,|\bNone\b")
WRONG = {
    "en": r"\b[Aa] [aeio]|\b[Aa]n (?!hour)[^aeiouAEIOU]|\bthe the\b|\ba a\b",
    "de": r"\bin das\b|\bin die Schweiz\b|\bin Schweiz\b|\bvon die\b|\b(der|die|das) (der|die|das)\b",
    "fr": r"\b[Dd]e les?\b|\bà les?\b|\b(du|au) l'|\ben (le|la)\b|\b[Ll]e [Ll]e\b|\bla la\b"
    r"|(?<!-)\b(de|que|le|la) [aeiouéèêâîôAEIOUÉÈ]",
    "es": r"\bde el\b|\ba el\b|\by [iI]|\b(el|la) (el|la)\b|\bla águila",
    "sw": r"\b(the|der|le|el)\b",
}
COMMON = {
    "en": ("the", "is", "and"),
    "de": ("der", "ist", "und"),
    "fr": ("le", "est", "et"),
    "es": ("el", "es", "y"),
    "sw": ("ni", "na", "ya"),
}


@pytest.fixture(scope="module", params=LANGUAGES)
def spoken(request: pytest.FixtureRequest) -> tuple[str, list[list[str]]]:
    return request.param, list(world.documents(request.param, words=WORDS))


def test_same_arguments_same_text() -> None:
    first, again = (list(islice(world.documents("fr", "train", seed=7), 31)) for _ in range(2))
    assert first == again
    assert first != list(islice(world.documents("fr", "train", seed=8), 31))
    assert first != list(islice(world.documents("fr", "dev", seed=7), 31))


def test_text_is_fixed_across_versions_of_python() -> None:
    assert next(world.documents("en", words=1))[0] == next(world.documents("en", words=999))[0]


def test_length_is_what_was_asked_for(spoken: tuple[str, list[list[str]]]) -> None:
    _, documents = spoken
    count = sum(len(sentence.split()) for document in documents for sentence in document)
    assert WORDS <= count < WORDS + 200


def test_documents_have_several_sentences_and_hardly_repeat_one(spoken: tuple[str, list[list[str]]]) -> None:
    _, documents = spoken
    assert all(4 <= len(document) <= 22 for document in documents)
    repeated = sum(len(document) - len(set(document)) for document in documents)
    assert repeated <= 0.002 * sum(map(len, documents))


def test_documents_are_all_different(spoken: tuple[str, list[list[str]]]) -> None:
    _, documents = spoken
    assert len({tuple(document) for document in documents}) == len(documents)


def test_sentences_are_finished_and_clean(spoken: tuple[str, list[list[str]]]) -> None:
    language, documents = spoken
    for document in documents:
        for sentence in document:
            assert not NEVER.search(sentence), sentence
            first = next(character for character in sentence if character.isalnum())
            assert first.isupper() or first.isdigit(), sentence
            assert sentence[-1] in '.!?,:"»' or re.search(r"/5$|[^\W\d]$", sentence), sentence
            assert not re.search(WRONG[language], sentence), sentence


def test_each_document_is_in_its_language(spoken: tuple[str, list[list[str]]]) -> None:
    language, documents = spoken
    words = Counter(
        word for document in documents for sentence in document for word in re.findall(r"\w+", sentence.lower())
    )
    score = {other: sum(words[word] for word in COMMON[other]) for other in LANGUAGES}
    assert max(score, key=lambda other: score[other]) == language
    assert all(words[word] > 20 for word in COMMON[language])


def test_language_is_rich(spoken: tuple[str, list[list[str]]]) -> None:
    _, documents = spoken
    sentences = [sentence for document in documents for sentence in document]
    assert len(set(sentences)) > 0.5 * len(sentences)
    assert len({word for sentence in sentences for word in sentence.split()}) > 1000


def test_splits_speak_of_different_entities() -> None:
    text = {split: " ".join(" ".join(d) for d in world.documents("en", split, words=WORDS)) for split in SPLITS}
    for split in ("dev", "test"):
        others = [other for other in SPLITS if other != split]
        for name, column in (("rivers", "en"), ("brands", "brand"), ("animals", "en")):
            for key in members(name, split):
                word = table(name)[key][column]
                pattern = rf"\b[Tt]he {word} (is|lives|can|eats)\b" if name != "brands" else rf"\b{word}\b"
                assert not any(re.search(pattern, text[other]) for other in others), word


def test_dev_is_a_twentieth_of_train_by_default() -> None:
    words = sum(len(s.split()) for document in world.documents("sw", "dev") for s in document)
    assert world.WORDS["sw"] // 20 == 10_000 <= words < 10_200


@pytest.mark.parametrize("split", SPLITS)
def test_reviews_are_balanced_different_and_complete(split: str) -> None:
    records = world.mixed_reviews(split, 211)
    assert len(records) == 211
    assert all(set(record) == {"text", "label"} for record in records)
    assert len({record["text"] for record in records}) == 211
    counts = Counter(record["label"] for record in records)
    assert set(counts) == set(POLARITIES)
    assert abs(counts["positive"] - counts["negative"]) <= len(LANGUAGES)
    assert not any(NEVER.search(record["text"]) for record in records)


def test_reviews_of_splits_share_no_text() -> None:
    texts = [{record["text"] for record in world.mixed_reviews(split, 211)} for split in SPLITS]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]


def test_reviews_name_products_of_their_split_only() -> None:
    for split in SPLITS:
        text = " ".join(record["text"] for record in world.mixed_reviews(split, 151))
        named = {brand for brand in table("brands") if re.search(rf"\b{brand}\b", text)}
        assert named <= set(members("brands", split))


def test_most_test_opinions_are_unseen_in_train_and_known_to_the_corpus(
    spoken: tuple[str, list[list[str]]],
) -> None:
    language, documents = spoken
    train = " ".join(record["text"] for record in world.reviews(language, "train", 61))
    corpus = " ".join(sentence for document in documents for sentence in document)
    for polarity in POLARITIES:
        for adjective in phrases(language, polarity, "adjective", SPLITS.index("test")):
            word = "(?:" + adjective.replace("/", "|") + ")"
            assert not re.search(rf"\b{word}\b(?! \w+ ya)", train), word
            assert len(re.findall(rf"\b{word}\b", corpus)) >= 2, word


def test_words_alone_leave_head_room() -> None:
    """A bag of words learns the 300 labelled reviews and fails on most of the test's unseen words."""
    train, test = world.mixed_reviews("train", 300), world.mixed_reviews("test", 300)
    votes: Counter[str] = Counter()
    for record in train:
        for word in set(record["text"].lower().split()):
            votes[word] += 1 if record["label"] == "positive" else -1

    def right(record: dict[str, str]) -> bool:
        return (sum(votes[word] for word in record["text"].lower().split()) > 0) == (record["label"] == "positive")

    assert sum(map(right, train)) / len(train) > 0.85
    assert sum(map(right, test)) / len(test) < 0.7


def test_unknown_names_are_explained() -> None:
    with pytest.raises(UserError, match="language 'xx' is not in the demo world; allowed: en, de, fr, es, sw"):
        next(world.documents("xx"))
    with pytest.raises(UserError, match="split 'valid' is not in the demo world; allowed: train, dev, test"):
        world.mixed_reviews("valid", 3)
    with pytest.raises(UserError, match="language 'it'"):
        next(iter(world.parallel("en", "it", "train", 3)))


def test_write_makes_the_files_of_the_demo(tmp_path: Path) -> None:
    words = dict.fromkeys(LANGUAGES, 1009)
    sizes = {"train": 31, "dev": 13, "test": 53}
    for name in ("a", "b"):
        world.write(tmp_path / name, words=words, sizes=sizes)
    files = sorted(str(path.relative_to(tmp_path / "a")) for path in (tmp_path / "a").rglob("*.*"))
    assert files == sorted(
        [f"{folder}/{language}.txt" for folder in ("corpus", "corpus-valid") for language in LANGUAGES]
        + [f"{folder}/{split}.jsonl" for folder in ("reviews", "topics", "translation") for split in SPLITS]
    )
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    blocks = (tmp_path / "a" / "corpus" / "es.txt").read_text("utf-8").split("\n\n")
    assert [block.strip().split("\n") for block in blocks] == list(world.documents("es", words=1009))
    for split, size in sizes.items():
        lines = (tmp_path / "a" / "reviews" / f"{split}.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line) for line in lines] == world.mixed_reviews(split, size)
        lines = (tmp_path / "a" / "topics" / f"{split}.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line) for line in lines] == world.mixed_topics(split, size)


def test_default_size_fits_the_demo() -> None:
    assert set(world.WORDS) == set(LANGUAGES)
    assert 1_000_000 <= sum(world.WORDS.values()) <= 1_500_000
    assert world.WORDS["en"] == max(world.WORDS.values())
    assert world.REVIEWS == {"train": 300, "dev": 300, "test": 1000}
