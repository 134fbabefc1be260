"""The whole pipeline: what comes out, and that it is the same whoever runs it and whatever happens meanwhile."""

import errno
import gzip
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import zstandard

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.dedup.near import NearConfig
from encodery.corpus.dedup.paragraphs import ParagraphsConfig
from encodery.corpus.inputs import CorpusInput, InputFile
from encodery.corpus.launch import LocalLaunch, RayLaunch, finished_tasks
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading.pages import read_pages
from encodery.corpus.steps.c4 import C4Config
from encodery.corpus.steps.perplexity import PerplexityConfig
from encodery.errors import UserError
from tests.conftest import ROOT
from tests.corpus.phases.conftest import HERE, MENU, TABLE, Crawl, document
from tests.corpus.phases.wrapped import run_dying

PHASES = {"extract": 4, "paragraphs": 1, "filter": 4, "near": 1, "clusters": 1, "write": 1}


def documents(into: Path, language: str) -> list[dict[str, Any]]:
    """The documents of a language, in order."""
    found = []
    for path in sorted((into / "documents" / language).iterdir()):
        with path.open("rb") as file:
            text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8").read()
        found += [json.loads(line) for line in text.splitlines()]
    return found


def test_what_comes_out(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    assert crawl.run(tmp_path) == PHASES
    assert crawl.result(tmp_path) == expected
    english = documents(tmp_path / "into", "en")
    assert english[0] == {
        "text": f"{MENU}\n{document('en', 0)}",
        "source": "en0.jsonl.gz:1",
        "language": "en",
    }
    assert english[1]["text"] == document("en", 1), "the menu is kept once in the whole input"
    assert len(english) == 3 * 13 + 1, "the exact copy is gone, and one of the two that are nearly the same"
    assert [page["text"] for page in documents(tmp_path / "into", "de")] == [document("de", i) for i in range(13)]


def test_what_is_lost_is_counted(crawl: Crawl, tmp_path: Path) -> None:
    crawl.run(tmp_path)
    (tmp_path / "into").mkdir()
    ledger = crawl.cleaning(tmp_path).collect(tmp_path / "into").ledger
    counts = ledger.counts
    read = counts["left/read/en", "documents"] + counts["left/read/de", "documents"]
    assert read == 3 * 13 + 3 + 13
    assert counts["paragraphs/all repeated", "documents"] == 1
    menus = read - 1 - 1
    assert counts["paragraphs/repeated", "paragraphs"] == menus, (
        "of all but the first, and of the copy, which is gone"
    )
    assert counts["paragraphs/repeated", "characters"] == menus * len(MENU)
    assert counts["near/copy", "documents"] == 1
    assert ledger.steps == ["read", "paragraphs", "near"]
    left = sum(counts[f"left/near/{language}", "documents"] for language in ("en", "de"))
    assert left == read - counts["paragraphs/all repeated", "documents"] - counts["near/copy", "documents"]


def test_the_second_run_does_nothing(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    crawl.run(tmp_path)
    assert crawl.run(tmp_path) == dict.fromkeys(PHASES, 0)
    assert crawl.result(tmp_path) == expected


def test_ledgers_are_lossless(crawl: Crawl, tmp_path: Path) -> None:
    crawl.run(tmp_path)
    (tmp_path / "into").mkdir()
    ledger = crawl.cleaning(tmp_path).collect(tmp_path / "into").ledger
    assert Ledger.from_json(json.loads(json.dumps(ledger.to_json()))) == ledger


def test_a_project_that_lies_elsewhere_gives_the_same(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    """Text, sources and ledger: samples are chosen by a hash of where they come from."""
    moved = Crawl(tmp_path / "far" / "away")
    (tmp_path / "work").mkdir()
    assert moved.run(tmp_path / "work") == PHASES
    assert moved.result(tmp_path / "work") == expected


def test_a_disk_without_second_names_for_files(
    crawl: Crawl, tmp_path: Path, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    crawl.run(tmp_path)
    monkeypatch.setattr(os, "link", link)
    assert crawl.result(tmp_path) == expected


def test_two_processes_do_the_same(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    assert crawl.run(tmp_path, LocalLaunch(workers=2)) == PHASES
    assert crawl.result(tmp_path) == expected


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.slow
def test_two_workers_of_ray_do_the_same(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, runtime_env={"env_vars": ours()})
    try:
        assert crawl.run(tmp_path, RayLaunch()) == PHASES
    finally:
        ray.shutdown()
    assert crawl.result(tmp_path) == expected


DYING = {"extract-1", "filter-2", "near-0"}
"""Tasks whose worker dies; Ray takes its time to start another."""


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_workers_of_ray_that_are_killed_are_replaced(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    ray = pytest.importorskip("ray")
    log = tmp_path / "log"
    log.mkdir()
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, runtime_env={"env_vars": ours()})
    try:
        done = run_dying(crawl.cleaning(tmp_path / "work"), RayLaunch(max_retries=1), log, DYING)
        assert done == sum(PHASES.values())
        assert {path.name for path in log.iterdir()} == DYING
        (tmp_path / "again").mkdir()
        said = r"^extract: 1 of 4 tasks failed \(1\); the first one, which reads en1\.jsonl\.gz, says: .*died"
        with pytest.raises(UserError, match=said):
            run_dying(crawl.cleaning(tmp_path / "none"), RayLaunch(max_retries=0), tmp_path / "again", DYING)
    finally:
        ray.shutdown()
    assert crawl.result(tmp_path / "work") == expected


def ours() -> dict[str, str]:
    """What workers of Ray find our modules by."""
    return {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}


WHOLE = """
import sys
from pathlib import Path
from encodery.corpus.launch import LocalLaunch
from tests.corpus.phases.conftest import Crawl
from tests.corpus.phases.wrapped import run_slowly
if __name__ == "__main__":
    cleaning = Crawl(Path(sys.argv[1])).cleaning(Path(sys.argv[2]))
    run_slowly(cleaning, LocalLaunch(workers=2), float(sys.argv[3]))
"""
SECONDS = 0.5
"""What a task takes longer: while it does, a kill finds it under way."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_ten_random_moments_it_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory, crawl: Crawl, tmp_path: Path, expected: dict[str, str]
) -> None:
    """All its processes at once, as by a power cut: what is complete is kept, what was under way is done again. A
    moment is counted from when the first task is under way, so that none falls before the work or behind it."""
    chance = random.Random(5)
    folder = str(crawl.base.parent)
    under_way = 0
    for _ in range(10):
        whole = subprocess.Popen(
            [sys.executable, "-c", WHOLE, folder, str(tmp_path), str(SECONDS)],
            cwd=ROOT,
            env=os.environ | ours(),
            start_new_session=True,
        )
        left = _half_done(tmp_path)
        while not _half_done(tmp_path) - left and whole.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 1.3 * SECONDS))
        under_way += whole.poll() is None
        os.killpg(whole.pid, signal.SIGKILL)
        whole.wait()
    assert under_way >= 8
    complete = len(list(tmp_path.glob("state/*/completions/*")))
    done = sum(crawl.run(tmp_path).values())
    assert 0 < done == sum(PHASES.values()) - complete
    assert crawl.result(tmp_path) == expected


def _half_done(folder: Path) -> set[Path]:
    """The folders of tasks that are under way, or were when somebody killed them."""
    return {path for path in folder.glob("*/.[0-9]*") if path.is_dir()}


def test_the_worker_of_each_task_is_killed_once(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    log = tmp_path / "log"
    log.mkdir()
    done = run_dying(crawl.cleaning(tmp_path / "work"), LocalLaunch(workers=2, max_retries=1), log)
    assert done == sum(PHASES.values()) == len(list(log.iterdir()))
    assert len({path.read_text() for path in log.iterdir()}) == done, "each in a process of its own"
    assert crawl.result(tmp_path / "work") == expected


def test_a_phase_cut_off_in_the_middle_goes_on(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    """Whichever task is the last that was complete."""
    for stop in range(1, sum(PHASES.values())):
        _run_so_many(crawl, tmp_path, 1)
        assert stop
    crawl.run(tmp_path)
    assert crawl.result(tmp_path) == expected


def _run_so_many(crawl: Crawl, folder: Path, tasks: int) -> None:
    for phase in crawl.cleaning(folder).phases():
        for _ in finished_tasks(phase, HERE):
            tasks -= 1
            if not tasks:
                return


def test_ranges_and_runs_of_any_size_do_the_same(
    crawl: Crawl, tmp_path: Path, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by ranges of hashes and runs of records: with little of it there are more of both."""
    monkeypatch.setattr("encodery.corpus.phases.runs.RECORDS_AT_ONCE", 61)
    done = crawl.run(tmp_path)
    assert done["paragraphs"] > 3
    assert done["near"] == 14
    assert crawl.result(tmp_path) == expected


def test_groups_of_files_change_nothing_but_where_files_of_a_language_end(crawl: Crawl, tmp_path: Path) -> None:
    texts = []
    for task_bytes in (1, 1 << 30):
        folder = tmp_path / str(task_bytes)
        folder.mkdir()
        table = TABLE.model_copy(update={"task_bytes": task_bytes})
        assert crawl.run(folder, table=table)["extract"] == (4 if task_bytes == 1 else 1)
        crawl.result(folder, table)
        texts.append([documents(folder / "into", language) for language in ("de", "en")])
    assert texts[0] == texts[1]


def test_all_copies_of_a_paragraph_go_as_in_ccnet(crawl: Crawl, tmp_path: Path) -> None:
    table = TABLE.model_copy(update={"paragraphs": ParagraphsConfig(keep="none"), "near": None})
    crawl.run(tmp_path, table=table)
    crawl.result(tmp_path, table)
    texts = [page["text"] for page in documents(tmp_path / "into", "en")]
    assert not any(MENU in text for text in texts)
    assert document("en", 0) not in texts
    assert document("en", 2) in texts


def test_steps_can_be_left_out(crawl: Crawl, tmp_path: Path) -> None:
    table = TABLE.model_copy(update={"paragraphs": None, "near": None})
    assert list(crawl.run(tmp_path, table=table)) == ["extract", "filter", "write"]
    crawl.result(tmp_path, table)
    assert len(documents(tmp_path / "into", "en")) == 3 * 13 + 3


def test_documents_are_sorted_by_perplexity(crawl: Crawl, tmp_path: Path) -> None:
    good = CorpusInput(path="en0.jsonl.gz", language="en")
    config = PerplexityConfig(good=(good,), order=2, vocab_size=60, keep=("head", "tail", "all"))
    table = TABLE.model_copy(update={"perplexity": config})
    assert list(crawl.run(tmp_path, table=table)) == ["models", *list(PHASES)[:-1], "grade", "write"]
    files = list(crawl.result(tmp_path, table))
    assert files == [
        "documents/de/all-00000.jsonl.zst",
        "documents/en/head-00000.jsonl.zst",
        "documents/en/tail-00000.jsonl.zst",
        "ledger",
    ]
    found = {
        bucket: [page for page in documents(tmp_path / "into", "en") if page["bucket"] == bucket]
        for bucket in config.keep
    }
    assert len(found["tail"]) == 16, "40 % of 40"
    assert 0 < len(found["head"]) <= 12, "30 %, but for what is as good as the worst of these"
    scores = {bucket: [page["scores"]["perplexity"] for page in pages] for bucket, pages in found.items()}
    assert max(scores["head"]) < min(scores["tail"])
    assert crawl.run(tmp_path, table=table) == dict.fromkeys(["models", *list(PHASES)[:-1], "grade", "write"], 0)
    (tmp_path / "again").mkdir()
    ledger = crawl.cleaning(tmp_path, table).collect(tmp_path / "again").ledger
    assert ledger.counts["buckets/middle", "documents"] == 40 - 16 - len(found["head"])
    assert ledger.steps[-2:] == ["near", "buckets"]


def test_parquet(crawl: Crawl, tmp_path: Path) -> None:
    from pyarrow import parquet

    table = TABLE.model_copy(update={"format": "parquet"})
    crawl.run(tmp_path, table=table)
    assert list(crawl.result(tmp_path, table)) == [
        "documents/de/00000.parquet",
        "documents/en/00000.parquet",
        "ledger",
    ]
    rows = parquet.read_table(tmp_path / "into" / "documents" / "de" / "00000.parquet").to_pylist()
    assert [row["text"] for row in rows] == [document("de", index) for index in range(13)]
    assert {row["language"] for row in rows} == {"de"}


@pytest.mark.slow
def test_a_full_disk_is_told_and_loses_nothing(crawl: Crawl, tmp_path: Path, expected: dict[str, str]) -> None:
    """On a real disk of 200 kB, then on the same one with room."""
    script = (
        "import shutil, sys\n"
        "from pathlib import Path\n"
        "from tests.corpus.phases.conftest import Crawl\n"
        "from encodery.errors import UserError\n"
        "crawl, small, large = Crawl(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])\n"
        "try:\n"
        "    crawl.run(small)\n"
        "except UserError as error:\n"
        "    print(error)\n"
        "shutil.copytree(small, large)\n"
    )
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    folders = [str(crawl.base.parent), str(small), str(large)]
    mount = f"mount -t tmpfs -o size=100k none {small}"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", sys.executable, "-c", script, *folders],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | ours(),
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no disk of our own can be mounted here")
    assert "No space left on device" in done.stdout, done
    assert done.stdout.endswith("what was saved earlier is intact; the same command continues where this stopped\n")
    shutil_free = crawl.run(large)
    assert 0 < sum(shutil_free.values()) < sum(PHASES.values())
    assert crawl.result(large) == expected


def test_a_task_that_cannot_be_read_is_named_and_the_others_are_done(
    crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(file: InputFile, *others: Any, **named: Any) -> Iterator[Page]:
        if file.name == "en1.jsonl.gz":
            raise UserError(f"{file}: Permission denied")
        return read_pages(file, *others, **named)

    with monkeypatch.context() as patched:
        patched.setattr("encodery.corpus.phases.extract.read_pages", away)
        with pytest.raises(
            UserError,
            match=r"extract: 1 of 4 tasks failed \(1\); the first one, which reads en1\.jsonl\.gz, says: .*denied",
        ):
            crawl.run(tmp_path)
    assert crawl.run(tmp_path)["extract"] == 1


def test_the_files_of_a_task_that_failed_are_named_where_its_error_does_not(
    crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    table = TABLE.model_copy(update={"task_bytes": 1 << 30, "launch": LocalLaunch(workers=1, max_retries=0)})
    first = re.escape(
        "filter: 1 of 1 tasks failed (0); the first one, which reads en0.jsonl.gz and 3 more files behind"
    )
    monkeypatch.setattr("encodery.corpus.phases.filtering.LanguageWriter.add", broken)
    with pytest.raises(UserError, match=f"^{first} it, says: ZeroDivisionError: division by zero;"):
        crawl.run(tmp_path, table.launch, table)


def test_records_without_the_text_field_end_nothing_unless_it_is_all_of_an_input(
    crawl: Crawl, tmp_path: Path
) -> None:
    """One file of an input may lack it: it may hold something else. It is known when the last task is complete."""
    odd = Crawl(tmp_path / "odd")
    (odd.base / "en1.jsonl.gz").write_bytes(gzip.compress(b'{"body": "no text", "language": "en"}\n' * 3))
    (tmp_path / "work").mkdir()
    assert odd.run(tmp_path / "work") == PHASES
    (tmp_path / "into").mkdir()
    ledger = odd.cleaning(tmp_path / "work").collect(tmp_path / "into").ledger
    assert ledger.counts["read/field", "documents"] == ledger.counts["damage", "places"] == 3
    assert ledger.counts["left/read/en", "documents"] == 13 + 16
    odd.inputs = [odd.inputs[1], CorpusInput(path="en1.jsonl.gz"), CorpusInput(path="en0.jsonl.gz")]
    for _ in range(2):
        with pytest.raises(UserError) as refused:
            odd.run(tmp_path / "other")
        assert str(refused.value) == (
            "corpus.inputs: path = 'en1.jsonl.gz': every record lacks a field; en1.jsonl.gz:1: no field "
            "'text'; it has: body, language; set text_field"
        )
    assert not (tmp_path / "other" / "filter").exists()


def test_too_many_languages_end_the_task_that_sees_them(
    crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encodery.corpus.phases.counting.MAX_LANGUAGES", 1)
    with pytest.raises(
        UserError, match=r"corpus: more than 1 languages \(de, en, \.\.\.\); corpus\.inputs\.language_field"
    ):
        crawl.run(tmp_path, table=TABLE.model_copy(update={"task_bytes": 1 << 30}))


def test_a_truncated_file_is_read_to_where_it_ends_and_named(crawl: Crawl, tmp_path: Path) -> None:
    cut = Crawl(tmp_path / "cut")
    path = cut.base / "en1.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-700])
    (tmp_path / "work").mkdir()
    assert cut.run(tmp_path / "work") == PHASES
    (tmp_path / "into").mkdir()
    ledger = cut.cleaning(tmp_path / "work").collect(tmp_path / "into").ledger
    ((place, what),) = ledger.damage
    assert place == "en1.jsonl.gz"
    assert "ends too early" in what
    assert 13 + 16 <= ledger.counts["left/read/en", "documents"] < 13 + 13 + 16


def test_a_package_that_the_last_phase_needs_is_missed_before_the_first(
    crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UserError, match=r"writes .zst with zstandard; pip install"):
        crawl.run(tmp_path)
    assert not (tmp_path / "extract").exists()


def test_files_that_are_not_read_are_counted(tmp_path: Path) -> None:
    odd = Crawl(tmp_path / "odd")
    (odd.base / "photo.png").touch()
    odd.inputs = [CorpusInput(path=".", format="jsonl", language_field="language")]
    odd.run(tmp_path / "work")
    (tmp_path / "into").mkdir()
    counts = odd.cleaning(tmp_path / "work").collect(tmp_path / "into").ledger.counts
    found = {reason: number for (reason, unit), number in counts.items() if unit == "files"}
    assert found == {"not read/.png": 1, "not read/.txt": 1}


def test_steps_are_switched_by_a_word() -> None:
    table = CleanTable.parse({"near": True, "c4": True, "gopher": False}, "r.toml")
    assert table.near == NearConfig()
    assert table.c4 == C4Config()
    assert table.gopher is None
    assert "launch" not in table.deciding()
    off = CleanTable.parse({"perplexity": False, "decontaminate": False}, "r.toml")
    assert off == CleanTable()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"near": 3}, "r.toml: near = 3: true, false or a table of its settings is allowed"),
        ({"near": "yes"}, "r.toml: near = 'yes': true, false or a table of its settings is allowed"),
        ({"perplexity": True}, "r.toml: missing key 'perplexity.good'"),
        ({"decontaminate": True}, "r.toml: missing key 'decontaminate.against'"),
    ],
)
def test_switches_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        CleanTable.parse(values, "r.toml")
    assert str(refused.value) == message
