"""Languages written without spaces, whose words XLM leaves to a program: Chinese, Japanese and Thai."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from encodery.errors import UserError

Split = Callable[[str], list[str]]


@dataclass(frozen=True)
class Segmenter:
    """What sets the words of a language apart."""

    load: Callable[[], Split]
    """Import it.

    Raises:
        UserError: it is not installed.
    """
    first: bool
    """Whether it sees the raw text; else it sees the text with plain punctuation."""


def _chinese() -> Split:
    try:
        import rjieba
    except ImportError:
        raise _missing("zh", "rjieba") from None
    return lambda text: list(rjieba.cut(text))


def _thai() -> Split:
    try:
        from pythainlp.tokenize import word_tokenize
    except ImportError:
        raise _missing("th", "PyThaiNLP") from None
    return lambda text: list(word_tokenize(text))


def _japanese() -> Split:
    try:
        import Mykytea
    except ImportError:
        raise _missing("ja", "KyTea") from None
    model = kytea_model()
    if not model.is_file():
        raise UserError(
            f'language = "ja": KyTea needs a model at {model}, which its Python package has not; '
            "build KyTea with the prefix ~/local, or copy a model.bin there"
        )
    kytea = Mykytea.Mykytea(f"-model {model}")
    return lambda text: list(kytea.getWS(text))


def kytea_model() -> Path:
    """Where `transformers` looks for KyTea's model, too."""
    return Path.home() / "local/share/kytea/model.bin"


def _missing(language: str, name: str) -> UserError:
    return UserError(
        f'language = "{language}": words are set apart by {name}, which is not installed; '
        f"try: pip install 'encodery[xlm-{language}]'"
    )


SEGMENTERS: Mapping[str, Segmenter] = {
    "zh": Segmenter(_chinese, first=True),
    "th": Segmenter(_thai, first=False),
    "ja": Segmenter(_japanese, first=False),
}
