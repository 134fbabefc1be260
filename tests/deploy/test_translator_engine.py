"""A translator in the CPU engines: the same numbers token by token, the same translations, with beams and batches."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from encodery import batch as packed
from encodery.batch import Batch, pack
from encodery.deploy.bundle import STEP, BundleInfo, EngineName, open_translator
from encodery.deploy.step_graph import trace_translator
from encodery.deploy.torch_engine import TorchEngine
from encodery.deploy.translator_engine import EngineSteps, TranslatorEngine
from encodery.deploy.translator_export import (
    Searched,
    compare_searches,
    compare_steps,
    complaint,
    complaint_of_search,
    logits_of,
    write_graphs,
    write_tables,
)
from encodery.deploy.verify import Parity
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder
from encodery.model.incremental import Memory
from encodery.model.search import GenerationConfig, Hypothesis, Targets
from encodery.model.translator import HEAD, Translator
from tests.tasks.conftest import make_tokenizer
from tests.tasks.translating import make_translator

ENGINES: tuple[EngineName, ...] = ("openvino", "onnxruntime")
Open = Callable[[EngineName], TranslatorEngine]


@pytest.fixture(scope="module")
def model() -> Translator:
    """Post-norm: OpenVINO 2026.4 breaks down when it compiles a pre-norm graph with a head for eight tokens."""
    return make_translator()


@pytest.fixture(scope="module")
def into(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tables are written, and the graphs of each engine in a folder of its name."""
    return tmp_path_factory.mktemp("bundle")


@pytest.fixture(scope="module")
def open_engine(model: Translator, into: Path) -> Open:
    folder = ModelFolder(FAMILIES["bert"], model, make_tokenizer())
    write_tables(model, into)
    programs = trace_translator(model)
    made: dict[str, TranslatorEngine] = {}

    def opened(engine: EngineName) -> TranslatorEngine:
        pytest.importorskip(engine)
        if engine == "onnxruntime":
            pytest.importorskip("onnxscript")
        if engine not in made:
            write_graphs(model, programs, engine, into / engine)
            info = BundleInfo(engine=engine, dtype="fp32", head=HEAD, threads=1)
            made[engine] = open_translator(into, folder, info, into / engine)
        return made[engine]

    return opened


def sequences(count: int = 7) -> list[packed.Sequence]:
    """Pairs of other lengths each."""
    draw = torch.Generator().manual_seed(5)

    def ids(length: int) -> list[int]:
        return torch.randint(5, 23, (length,), generator=draw).tolist()

    def made(length: int, language: int, source: packed.Sequence | None = None) -> packed.Sequence:
        return packed.Sequence(
            [2, *ids(length)], [0] * (length + 1), language_ids=[language] * (length + 1), source=source
        )

    return [made((5 * n) % 8, n % 2, made((3 * n) % 11, 2)) for n in range(count)]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_token_has_the_same_logits(model: Translator, open_engine: Open, engine: EngineName) -> None:
    parity = compare_steps(model, open_engine(engine), sequences(23))
    assert parity.relative_error < 1e-5
    assert parity.lowest_cosine > 0.99999
    assert parity.packed_difference < 1e-5
    assert complaint(parity) is None


def test_warming_up_is_for_the_texts_that_are_read(open_engine: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    engine = open_engine("openvino")
    monkeypatch.setattr(engine._source, "warm_up", seen.append)
    engine.warm_up(17)
    assert seen == [17]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("num_beams", [1, 4])
def test_translations_are_the_same(model: Translator, open_engine: Open, engine: EngineName, num_beams: int) -> None:
    batch = pack(sequences())
    assert batch.source is not None
    targets = Targets(2, 3, (0, 1, 4), torch.tensor([0, 1, 0, 1, 0, 1, 0]))
    config = GenerationConfig(num_beams=num_beams, num_return_sequences=num_beams, length_penalty=0.7)
    expected = TorchEngine(model).generate(batch.source, targets, config)
    found = open_engine(engine).generate(batch.source, targets, config)
    assert [[one.token_ids for one in some] for some in found] == [
        [one.token_ids for one in some] for some in expected
    ]
    scores = [[one.score for one in some] for some in (*found, *expected)]
    np.testing.assert_allclose(scores[:7], scores[7:], rtol=1e-4)
    assert max(len(one.token_ids) for some in found for one in some) > 16, "the room for the past was never enlarged"


def searched(model: Translator, engine: TranslatorEngine) -> Searched:
    """Five beams, all of which are listed."""
    batch = pack(sequences(11))
    assert batch.source is not None
    targets = Targets(2, 3, (0, 1, 4), torch.tensor([n % 2 for n in range(11)]))
    config = GenerationConfig(num_beams=5, num_return_sequences=5)
    found = [each.generate(batch.source, targets, config) for each in (TorchEngine(model), engine)]
    return compare_searches(5, *found)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_beams_find_is_compared(
    model: Translator, open_engine: Open, engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that mixes up whose past is whose: token by token, with one beam, it is right."""
    opened = open_engine(engine)
    alike = searched(model, opened)
    assert (alike.texts, alike.otherwise) == (11, 0)
    assert complaint_of_search(alike) is None
    monkeypatch.setattr(EngineSteps, "follow", lambda self, parents: None)
    assert complaint(compare_steps(model, opened, sequences())) is None
    said = complaint_of_search(searched(model, opened))
    assert said is not None
    assert said.startswith("with num_beams = 5 it translates ")
    assert said.endswith(" of 11 texts otherwise than the model does")


def test_lists_are_compared_whole() -> None:
    """The tokens of every translation and their order; where rounding decides, translations are equally good."""

    def listed(*tokens: int, score: float = -0.5) -> list[Hypothesis]:
        return [Hypothesis((token, 5), score, True) for token in tokens]

    expected = [listed(7, 8) for _ in range(5)]
    found = [
        listed(7, 8, score=-0.6),
        listed(8, 7, score=-0.500007),
        listed(7, 9, score=-0.50002),
        [*listed(7), *listed(9, score=-0.7)],
        listed(7),
    ]
    alike = compare_searches(2, expected, found)
    assert (alike, alike.otherwise) == (Searched(num_beams=2, texts=5, same=1, ties=1), 3)


@pytest.mark.parametrize(
    ("texts", "same", "ties", "good"),
    [(7, 6, 0, True), (7, 3, 3, True), (7, 3, 2, False), (101, 99, 0, True), (101, 90, 8, False)],
)
def test_how_many_may_be_otherwise(texts: int, same: int, ties: int, good: bool) -> None:
    """One, or a fiftieth."""
    assert (complaint_of_search(Searched(5, texts, same, ties)) is None) == good


def test_sequences_are_led_along_their_tokens(model: Translator) -> None:
    """What is compared are the logits of the whole model, whatever leaves when."""
    some = sequences()

    def begin(batch: Batch) -> Memory:
        assert batch.source is not None
        return Memory(model, batch.source, 1, batch.max_seqlen)

    with torch.no_grad():
        found = logits_of(begin, some, 4)
        batch = pack(some)
        expected = model.logits(HEAD, batch).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_wrong_graph_is_found(model: Translator, open_engine: Open) -> None:
    other = make_translator(seed=4)
    found = complaint(compare_steps(other, open_engine("onnxruntime"), sequences()))
    assert found is not None
    assert "the numbers differ by" in found
    broken = Parity(1, float("nan"), 0.0, 1.0, 1.0, 0.0)
    assert complaint(broken) == "some numbers that the exported graphs give are not finite"


def test_it_gives_translations_alone(open_engine: Open) -> None:
    batch = pack(sequences())
    with pytest.raises(UserError, match="the graphs of a model that translates, and no vectors; export the model"):
        open_engine("onnxruntime").hidden(batch)
    with pytest.raises(UserError, match="which gives whole translations"):
        open_engine("onnxruntime").logits(HEAD, batch)


def test_files_of_a_bundle(open_engine: Open, into: Path) -> None:
    open_engine("onnxruntime")
    files = {str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()}
    tables = {"embeddings.safetensors", f"{STEP}/embeddings.safetensors"}
    graphs = {"onnxruntime/model.onnx", f"onnxruntime/{STEP}/model.onnx"}
    assert {name for name in files if not name.startswith("openvino/")} == tables | graphs
