"""Kneser-Ney smoothing, against what lmplz (kenlm 0.3.0, `-o N --discount_fallback`) wrote for the same text.

`lmplz/text.txt` is demo text; `lmplz/orderN.arpa.gz` are lmplz's models of it.
"""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from encodery.corpus.lm.kneser_ney import discounts, estimate

LMPLZ = Path(__file__).parent / "lmplz"
SPECIALS = ("<unk>", "<s>", "</s>")
Model = dict[str, tuple[float, float]]
TINY = "a b a\nb a b c\na\n"


def read_arpa(text: str) -> tuple[Model, list[int]]:
    """log10 of probabilities and weights by run, and how many runs of each length the head promises."""
    model: Model = {}
    sizes = []
    size = 0
    for line in text.splitlines():
        if line.startswith("ngram"):
            sizes.append(int(line.partition("=")[2]))
        elif line.startswith("\\"):
            size = int(line[1]) if line[1].isdigit() else 0
        elif line and size:
            probability, run, *backoff = line.split("\t")
            assert len(run.split(" ")) == size
            assert run not in model
            model[run] = (float(probability), float(backoff[0]) if backoff else 0.0)
    return model, sizes


def estimated(text: str, order: int, folder: Path, part_tokens: int = 1 << 22) -> tuple[Model, list[int]]:
    """The model of a text of words between spaces."""
    numbers = {name: number for number, name in enumerate(SPECIALS)}
    tokens = [
        number
        for line in text.splitlines()
        for number in [*(numbers.setdefault(word, len(numbers)) for word in line.split()), 2]
    ]
    np.array(tokens, "<u4").tofile(folder / "tokens.bin")
    work = folder / "work"
    work.mkdir()
    estimate(folder / "tokens.bin", list(numbers), order, work, folder / "model.arpa", part_tokens)
    return read_arpa((folder / "model.arpa").read_text(encoding="utf-8"))


def assert_close(found: Model, expected: Model) -> None:
    assert found.keys() == expected.keys()
    for run, values in expected.items():
        assert found[run] == pytest.approx(values, abs=2e-6), run


@pytest.mark.parametrize(("order", "part_tokens"), [(2, 1 << 22), (5, 1 << 22), (5, 97), (5, 331)])
def test_lmplz_has_the_same_model(tmp_path: Path, order: int, part_tokens: int) -> None:
    text = (LMPLZ / "text.txt").read_text(encoding="utf-8")
    expected, sizes = read_arpa(gzip.decompress((LMPLZ / f"order{order}.arpa.gz").read_bytes()).decode())
    found, found_sizes = estimated(text, order, tmp_path, part_tokens)
    assert found_sizes == sizes
    assert len(found) == sum(sizes)
    assert_close(found, expected)


def test_a_text_too_small_for_discounts(tmp_path: Path) -> None:
    expected, sizes = read_arpa((LMPLZ / "tiny.arpa").read_text(encoding="utf-8"))
    found, found_sizes = estimated(TINY, 3, tmp_path)
    assert found_sizes == sizes
    assert_close(found, expected)


# small anyway: one that fails would be made smaller for minutes
@settings(max_examples=17, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=7), st.sampled_from([1, 5, 1 << 22])
)
def test_probabilities_sum_to_one(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]], part: int
) -> None:
    text = "\n".join(map(" ".join, lines)) + "\n"
    model, _ = estimated(text, 3, tmp_path_factory.mktemp("model"), part)
    words = [run for run in model if " " not in run and run != "<s>"]
    for context in ["<s>", *(run for run in model if not run.endswith("</s>") and run.count(" ") < 2)]:
        if "<unk>" in context:
            continue
        total = sum(10 ** log_probability(model, [*context.split(), word]) for word in words)
        assert total == pytest.approx(1, abs=1e-4), context


def log_probability(model: Model, run: list[str]) -> float:
    """As kenlm looks it up: the longest run that is known, with the weights of the contexts that were given up."""
    known = model.get(" ".join(run))
    if known is not None:
        return known[0]
    return model.get(" ".join(run[:-1]), (0.0, 0.0))[1] + log_probability(model, run[1:])


def test_kenlm_reads_it(tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")
    text = (LMPLZ / "text.txt").read_text(encoding="utf-8")
    ours, _ = estimated(text, 5, tmp_path)
    model = kenlm.Model(str(tmp_path / "model.arpa"))
    assert model.order == 5
    line = ["<s>", *text.splitlines()[7].split(), "</s>"]
    expected = sum(log_probability(ours, line[max(0, end - 5) : end]) for end in range(2, len(line) + 1))
    assert model.score(" ".join(line[1:-1])) == pytest.approx(expected, abs=1e-3)
    assert model.score("unheard of words") < model.score("people in the city")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([9, 20, 10, 5, 4], [0, 0.5, 2 - 3 * 0.5 * 5 / 10, 3 - 4 * 0.5 * 4 / 5]),
        ([9, 0, 10, 5, 4], [0, 0.5, 1, 1.5]),
        ([9, 20, 10, 0, 4], [0, 0.5, 1, 1.5]),
        ([0, 20, 10, 5, 0], [0, 0.5, 1.25, 3]),
        # the second would be below zero
        ([0, 20, 1, 9, 1], [0, 0.5, 1, 1.5]),
    ],
)
def test_discounts(counts: list[int], expected: list[float]) -> None:
    assert discounts(np.array(counts)).tolist() == pytest.approx(expected)


def test_nothing_is_left_in_the_folder_but_the_model(tmp_path: Path) -> None:
    estimated(TINY, 3, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.arpa", "tokens.bin", "work"]
    assert math.isclose(estimated(TINY, 3, _folder(tmp_path / "again"))[0]["<s>"][0], 0.0)
    assert (tmp_path / "again/model.arpa").read_bytes() == (tmp_path / "model.arpa").read_bytes()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
