"""XLM's words: those of `transformers.XLMTokenizer` in every language, and each character with its source."""

import sys
import types
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.text import pieces
from encodery.text.moses import Moses
from tests.text.scripts import TEXTS

LANGUAGES = ("en", "de", "fr", "it", "ro", "cs", "es", "fi", "ko", "ru", "el", "ga", "xx")
"""Those with rules of their own, some with lists of abbreviations only, and one that nobody knows."""
HARD = (
    *(
        "\u00a0«\u00a0x\u00a0»\u00a0",
        "nº\u00a05",
        "3\u00a0000",
        "3\u00a0%",
        '."',
        '",',
        "''",
        "´´",
        "``",
        "`a'",
        "a‘b",
    ),
    *(
        " ( a ) .",
        "Dr. Smith",
        "U.S. 5",
        "No. 7",
        "p. 3",
        "e.g. this",
        "x.",
        "a,b",
        "5,300",
        ".. ...",
        "....a",
        "DOTMULTI",
    ),
    *(
        "DOTDOTMULTI",
        "..DOTMULTI",
        "l'été",
        "dell'",
        "rock'n'roll",
        "\u0130",
        "ΟΔΟΣ ΣΑΣ",
        "Σ",
        "\u0f73",
        "a\u0344",
        "Ǆ",
    ),
    *(
        "\u1e9e",
        "\u212a",
        "\u2126",
        "\ud834",
        "\U0001d165\u0301",
        "각\u0301",
        "ş ţ Ț ă î",
        "\u1680",
        "．5",
        "―",
        "—",
        "‚x‘",
    ),
)
MOSES_TEXTS = st.lists(TEXTS | st.sampled_from(HARD)).map("".join)


def theirs(text: str, language: str, lowercase: bool) -> list[str]:
    """The words of `transformers`: with no merges, the letters of each, the last one marked."""
    from transformers import XLMTokenizer

    peer = object.__new__(XLMTokenizer)
    peer.__dict__ |= {"sm": sys.modules["sacremoses"], "lang_with_custom_tokenizer": {"zh", "th", "ja"}}
    peer.__dict__ |= {"cache_moses_punct_normalizer": {}, "cache_moses_tokenizer": {}, "lang2id": None}
    peer.__dict__ |= {"do_lowercase_and_remove_accent": lowercase, "ja_word_tokenizer": None}
    words: list[str] = []
    peer.__dict__["bpe"] = lambda word: str(words.append(word))  # type: ignore[func-returns-value]
    peer._tokenize(text, lang=language)
    return words


MOSES = {(language, lowercase): Moses(language, lowercase) for language in LANGUAGES for lowercase in (True, False)}


@settings(max_examples=300)
@given(text=MOSES_TEXTS, language=st.sampled_from(LANGUAGES), lowercase=st.booleans())
@example(text='Er sagte: "Ja." Und', language="de", lowercase=False)
@example(text="e\u0301 \u0301x", language="en", lowercase=True)
def test_words_and_their_sources(text: str, language: str, lowercase: bool) -> None:
    moses = MOSES[language, lowercase]
    words = moses.words(text)
    assert words == theirs(text, language, lowercase)
    check_sources(moses, text, words)


def check_sources(moses: Moses, text: str, words: list[str]) -> None:
    traced = moses.traced_words(text)
    assert [word.text for word in traced] == words
    last = 0
    for word in traced:
        assert len(word.spans) == len(word.text)
        for character, (start, end) in zip(word.text, word.spans, strict=True):
            assert last <= start < end <= len(text)
            last = start
            if character.isalnum():
                assert plain(character) in plain(text[start:end])


def plain(text: str) -> str:
    """What is left of text when case, accents, compatibility and Romanian letters do not matter."""
    text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


@settings(max_examples=100)
@given(st.lists(MOSES_TEXTS).map(" ".join), st.sampled_from(LANGUAGES))
@example("a. B c", "en")
@example("ΟΔΟΣ ΑΣ b c", "el")
def test_cutting_between_words_changes_none(text: str, language: str) -> None:
    moses = MOSES[language, True]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_CHARS", 1)
        cut = [word for _, piece in pieces.cut(text, moses.boundary) for word in moses.words(piece)]
    assert cut == moses.words(text)


@pytest.mark.parametrize(
    ("text", "lowercase", "words"),
    [
        ("Don't  wait…", True, ["don", "'t", "wait", "..."]),
        ("Élan vitaL，1", False, ["Élan", "vitaL", ",", "1"]),
        ("one\ntwo\x00three\u200b", True, ["onetwothree"]),
        ("", True, []),
        (" \t\u0301", True, []),
    ],
)
def test_known_words(text: str, lowercase: bool, words: list[str]) -> None:
    assert MOSES["en", lowercase].words(text) == words


def every_two(text: str) -> list[str]:
    return [text[index : index + 2] for index in range(0, len(text), 2)]


@pytest.fixture
def segmenters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Programs that set two characters apart, as those for Chinese, Thai and Japanese would be called."""
    rjieba: Any = types.ModuleType("rjieba")
    rjieba.cut = every_two
    thai: Any = types.ModuleType("pythainlp")
    thai.tokenize = types.ModuleType("pythainlp.tokenize")
    thai.word_tokenize = thai.tokenize.word_tokenize = every_two

    class Mykytea:
        def __init__(self, options: str) -> None:
            assert options == f"-model {tmp_path}/local/share/kytea/model.bin"

        def getWS(self, text: str) -> list[str]:  # noqa: N802 (its name)
            return every_two("".join(text.split()))

    kytea: Any = types.ModuleType("Mykytea")
    kytea.Mykytea = Mykytea
    modules = {"rjieba": rjieba, "pythainlp": thai, "pythainlp.tokenize": thai.tokenize, "Mykytea": kytea}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "local/share/kytea").mkdir(parents=True)
    (tmp_path / "local/share/kytea/model.bin").touch()


@pytest.mark.usefixtures("segmenters")
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("language", ["zh", "th", "ja"])
@pytest.mark.parametrize(
    "text", ["鉴于：各会员国业已 誓愿（同）", "สิทธิ มนุษยชน  นี้", "世界 ａ1。Ba é", "x", "", "DOTMULTI.. (a b )."]
)
def test_languages_without_spaces(text: str, language: str, lowercase: bool) -> None:
    moses = Moses(language, lowercase)
    words = moses.words(text)
    assert words == theirs(text, language, lowercase)
    check_sources(moses, text, words)


@pytest.mark.parametrize(("language", "package"), [("zh", "rjieba"), ("th", "pythainlp")])
def test_the_real_programs(language: str, package: str, udhr: dict[str, str]) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    names = {"zh": "udhr2/cmn_hans.txt", "th": "udhr2/tha.txt"}
    for line in udhr[names[language]].splitlines():
        words = Moses(language, True).words(line)
        assert words == theirs(line, language, True)
        check_sources(Moses(language, True), line, words)


@pytest.mark.parametrize(
    ("language", "module", "message"),
    [
        (
            "en",
            "sacremoses",
            "a tokenizer of XLM sets words apart with sacremoses, which is not installed; "
            "try: pip install 'encodery[xlm]'",
        ),
        (
            "zh",
            "rjieba",
            'language = "zh": words are set apart by rjieba, which is not installed; '
            "try: pip install 'encodery[xlm-zh]'",
        ),
        (
            "th",
            "pythainlp.tokenize",
            'language = "th": words are set apart by PyThaiNLP, which is not installed; '
            "try: pip install 'encodery[xlm-th]'",
        ),
        (
            "ja",
            "Mykytea",
            'language = "ja": words are set apart by KyTea, which is not installed; '
            "try: pip install 'encodery[xlm-ja]'",
        ),
    ],
)
def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch, language: str, module: str, message: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as caught:
        Moses(language, True)
    assert str(caught.value) == message


@pytest.mark.usefixtures("segmenters")
def test_kytea_without_a_model(tmp_path: Path) -> None:
    model = tmp_path / "local/share/kytea/model.bin"
    model.unlink()
    with pytest.raises(UserError) as caught:
        Moses("ja", True)
    assert str(caught.value) == (
        f'language = "ja": KyTea needs a model at {model}, which its Python package has not; '
        "build KyTea with the prefix ~/local, or copy a model.bin there"
    )
