"""The table of cases: names, peers and promises."""

import pytest

from encodery.bench import predict
from encodery.bench.predict_cases import BATCHED, INT8, OURS, Case, Figure, Job, cases_of, means_of
from encodery.bench.predict_engines import ENGINES
from encodery.bench.predict_files import FILES
from encodery.bench.predict_setup import ELSEWHERE, KINDS, NATURAL_TEXTS
from encodery.bench.predict_workload import LENGTHS, SIZES
from encodery.errors import UserError


def figures(size: str) -> dict[str, Figure]:
    return {figure.name: figure for case in cases_of(size) for figure in case.figures}


def test_names_are_unique_and_begin_with_the_size() -> None:
    names = predict.all_names()
    assert len(names) == len(set(names)) == 3 * (3 + 1 + 3 * 4 + 4 + 2 + 2) + 2
    assert all(name.startswith((*(f"{size}/" for size in SIZES), "distil/")) for name in names)


@pytest.mark.parametrize("size", SIZES)
def test_every_engine_can_be_loaded_and_has_its_files(size: str) -> None:
    engines = {job.engine for case in cases_of(size) for job in case.jobs.values()}
    assert engines == set(ENGINES)
    assert {kind for engine in engines for kind in KINDS.get(engine, ())} == set(FILES)
    assert set(KINDS) | set(ELSEWHERE) <= engines
    assert size in NATURAL_TEXTS


@pytest.mark.parametrize("size", SIZES)
def test_ours_is_in_every_figure_and_never_its_own_peer(size: str) -> None:
    for figure in figures(size).values():
        assert figure.ours.engine in OURS.values()
        assert not {job.engine for job in figure.peers} & set(OURS.values())
        assert figure.peers


def test_one_request_is_compared_with_engines_of_its_precision() -> None:
    named = figures("bert")
    for length in LENGTHS:
        int8, bf16 = named[f"bert/one-{length}-int8"], named[f"bert/one-{length}-bf16"]
        assert tuple(job.engine for job in int8.peers) == INT8
        assert {job.engine.split("-")[1] for job in bf16.peers} == {"bf16"}
        assert {job.order["length"] for job in (*int8.jobs, *bf16.jobs)} == {length}
        assert int8.target_ratio == bf16.target_ratio == 1.0


@pytest.mark.parametrize(("size", "target"), [("minilm", 2.3), ("bert", 1.7), ("distilbert", None)])
def test_promises_of_throughput(size: str, target: float | None) -> None:
    named = figures(size)
    assert named[f"{size}/texts-arrival"].target_ratio == target
    assert {job.order["how"] for job in named[f"{size}/texts-arrival"].peers} == {"arrival"}
    for name in ("texts-arrival-sorted", "texts-offline"):
        figure = named[f"{size}/{name}"]
        assert figure.target_ratio == 1.0
        assert {(job.engine, job.order["how"]) for job in figure.peers} == {
            (engine, how) for engine in BATCHED for how in ("sorted", "sorted-tokens")
        }
    assert named[f"{size}/texts-arrival-sorted"].ours.order["how"] == "arrival"
    assert named[f"{size}/texts-offline"].ours.order["how"] == "offline"
    assert named[f"{size}/texts-pipeline"].target_ratio == 8.0


def test_first_passes_are_against_dynamic_shapes() -> None:
    figure = figures("minilm")["minilm/first-pass-p95"]
    assert ([job.engine for job in figure.peers], figure.share, figure.target_ratio) == (["openvino-int8"], 0.95, 3.0)


def test_first_passes_come_before_anything_that_warms() -> None:
    orders = [next(iter(case.jobs.values())).order["do"] for case in cases_of("minilm")]
    assert [case.is_first for case in cases_of("minilm")] == [True, *[False] * 6]
    assert orders == ["first", "mixed", "request", "request", "request", "request", "label"]


def test_means_are_over_all_lengths() -> None:
    int8, bf16 = means_of("distilbert")
    assert int8.over == tuple(f"distilbert/one-{length}-int8" for length in (16, 64, 128, 384))
    assert (bf16.name, bf16.target_ratio) == ("distilbert/one-bf16", 1.15)


def test_jobs_of_a_case_are_shared_by_its_figures() -> None:
    job, other = Job("a", {"do": "label", "how": "sorted"}), Job("a", {"do": "label", "how": "arrival"})
    case = Case((Figure("x", job, (other,)), Figure("y", other, (job,))))
    assert list(case.jobs) == ["a sorted", "a arrival"]


@pytest.mark.parametrize(
    ("wanted", "number"), [((), len(predict.all_names())), (("minilm",), 24), (("bert/one-16", "distil/b"), 4)]
)
def test_selection_by_the_beginning_of_a_name(wanted: tuple[str, ...], number: int) -> None:
    assert len(predict.select(wanted)) == number


def test_a_mean_brings_what_it_is_over() -> None:
    selected = predict.select(["minilm/one-int8"])
    assert selected == {"minilm/one-int8", *(f"minilm/one-{length}-int8" for length in LENGTHS)}


def test_a_case_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UserError) as raised:
        predict.select(["minilm", "minnilm"])
    assert str(raised.value).startswith(
        "--case minnilm: there is no such case; choose from minilm/first-pass-p95, minilm/first-pass-p50,"
    )
