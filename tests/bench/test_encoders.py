"""Steps of encoding, ours and the peers': what they do and what they count."""

import pytest

from encodery.bench import encode, encoders
from encodery.bench.encoders import Encoder, Trained
from encodery.bench.prose import make_lines

LINES = make_lines(0.3)


@pytest.fixture(scope="module", params=["wordpiece", "byte-bpe", "unigram", "moses-bpe"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "_VOCAB_SIZE", 997)
        return encode.train(request.param, LINES, tmp_path_factory.mktemp("trained") / request.param)


def test_time_of_preparation_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def takes(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    block = Encoder(lambda: takes(2.0), amount=7, prepare=lambda: takes(100.0)).run(3)
    assert (block.seconds, block.tokens, block.peak_bytes) == (6.0, 21, 0)


def test_a_cold_step_begins_with_nothing_remembered(trained: Trained) -> None:
    trained.tokenizer.encode_batch(LINES)
    cold = encoders.ours(trained, LINES, cold=True)
    cold.prepare()
    assert "_memory" not in vars(trained.kind)
    cold.encode()
    assert "_memory" in vars(trained.kind)
    encoders.ours(trained, LINES, cold=False).prepare()
    assert "_memory" in vars(trained.kind)


def test_all_texts_are_encoded_in_calls() -> None:
    texts = [str(number) for number in range(2 * encoders.TEXTS_AT_ONCE + 1)]
    calls = encoders.in_calls(texts)
    assert [len(call) for call in calls] == [1024, 1024, 1]
    assert [text for call in calls for text in call] == texts


def test_peers_run(trained: Trained) -> None:
    library = encoders.with_transformers if trained.folder.name == "moses-bpe" else encoders.with_tokenizers
    block = library(trained, LINES[:17]).run(1)
    assert block.tokens == encoders.num_bytes(LINES[:17]) == sum(len(line.encode()) for line in LINES[:17])
    assert encoders.one_text(encoders.transformers_of(trained), "a").run(2).tokens == 200
    if trained.folder.name == "unigram":
        assert encoders.with_sentencepiece(trained, LINES[:17]).run(1).tokens == block.tokens


def test_every_case_is_measured_on_equal_ids(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "_MOSES_MEGABYTES", 0.03)
    cases = [case for case in encode.all_cases() if case.kind == trained.folder.name]
    assert len(cases) in (3, 4, 6)
    for case in cases:
        if case.work == "one":
            ours, peer, facts = encode._one(case, trained, LINES[0][:120])
            assert facts["tokens"] > 30
        else:
            ours, peer, facts = encode._batch(case, trained, LINES)
            assert facts["different_words"] > 1000
            assert facts["megabytes"] == pytest.approx(0.03 if case.peer == "transformers" else 0.3, rel=0.1)
            assert facts.get("texts_with_equal_ids", 1.0) == 1.0
        assert ours.amount == peer.amount
