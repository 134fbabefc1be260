"""`encodery validate` as a person runs it: recipes and files, exit codes, JSON, corrected copies."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.stages.validation import data_sets, named_files, run_validation
from tests.stages.conftest import save_model
from tests.tasks.conftest import CONFIG, make_model, make_tokenizer

Command = Callable[..., tuple[int, str, str]]
GOOD = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(20)]


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """train.jsonl and dev.jsonl, with nothing wrong."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.jsonl", GOOD)
    write(tmp_path / "dev.jsonl", [{"text": "new", "label": "a"}, {"text": "other", "label": "b"}])
    return tmp_path


def test_clean_files(files: Path, encodery: Command) -> None:
    assert encodery("validate", "train.jsonl", "dev.jsonl") == (
        0,
        "0 errors, 0 warnings, 0 notes in 22 records (train 20, dev 2)\n"
        "lengths are not checked: name a model with --model\n",
        "",
    )


def test_an_error(files: Path, encodery: Command) -> None:
    write(files / "dev.jsonl", [GOOD[0], {"text": "Wie schön", "label": "c"}, {"text": "x", "label": "b"}])
    code, out, err = encodery("validate", "dev=dev.jsonl", "train=train.jsonl")
    assert (code, err) == (1, "")
    assert out.startswith(
        "dev.jsonl:1: warning[D003]: the text is also in train: train.jsonl:1\n"
        "  | text 0\n"
        "  = fix: keep it in one split; a test set that others use too is better left alone, "
        "so take it out of train\n"
        "dev.jsonl:2: error[L001]: label 'c' is not among the labels of train ('a', 'b')\n"
        "  | Wie schön\n"
        "  = fix: correct the label, or give train examples of it\n"
    )
    assert "1 error, 1 warning, 0 notes in 23 records (train 20, dev 3)\n" in out


def test_warnings_alone_are_no_failure(files: Path, encodery: Command) -> None:
    write(files / "train.jsonl", [*GOOD, GOOD[3]])
    code, out, _ = encodery("validate", "train.jsonl")
    assert code == 0
    assert "train.jsonl:21: warning[D001]: the same text and label as train.jsonl:4" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.jsonl",), "absent.jsonl: no such file"),
        (("absent.toml",), "absent.toml: no such recipe; a recipe is a TOML file, for examples see recipes/"),
        (
            ("train.jsonl", "train=dev.jsonl"),
            "train=dev.jsonl: train is train.jsonl already; name each split once, as SPLIT=FILE",
        ),
        (("dev=",), "dev=: write a file, or SPLIT=FILE, for example dev=dev.jsonl"),
        (
            ("train.jsonl", "--field", "text"),
            "--field text: write it as OURS=THEIRS, for example --field text=sentence",
        ),
        (("train.jsonl", "--to", "x"), "--to x: it says where --fix writes; add --fix"),
        (("broken.jsonl",), "broken.jsonl:1: not JSON (expecting value at column 1); write one JSON object per line"),
    ],
)
def test_input_that_cannot_be_used(files: Path, encodery: Command, arguments: tuple[str, ...], message: str) -> None:
    (files / "broken.jsonl").write_text("text\n")
    code, out, err = encodery("validate", *arguments)
    assert (code, out) == (2, "")
    assert err == f"encodery: {message}\n"


def test_a_csv_without_its_header(files: Path, encodery: Command) -> None:
    (files / "a.csv").write_text("".join(f"{r['text']},{r['label']}\n" for r in GOOD))
    code, out, _ = encodery("validate", "a.csv")
    assert code == 1
    assert "a.csv:2: error[R001]: no column 'text'; the columns are: text 0, a\n" in out
    assert "not shown: 33 more of R001; --all shows them" in out
    assert encodery("validate", "a.csv", "--all")[1].count("error[R001]") == 38


def test_fields(files: Path, encodery: Command) -> None:
    write(files / "a.jsonl", [{"sentence": r["text"], "mood": f"{r['label']}|x"} for r in GOOD])
    fields = ("--field", "text=sentence", "--field", "label=mood", "--field", "label_separator=|")
    assert encodery("validate", "a.jsonl", *fields)[0] == 0
    assert encodery("validate", "a.jsonl")[0] == 1


def test_json_lines(files: Path, encodery: Command) -> None:
    write(files / "train.jsonl", [*GOOD, *({"text": f"x {n}", "label": None} for n in range(9))])
    code, out, _ = encodery("validate", "train.jsonl", "--json")
    findings = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [finding["source"] for finding in findings] == [f"train.jsonl:{n}" for n in range(21, 30)]
    assert {finding["code"] for finding in findings} == {"R004"}


def test_corrected_copies(files: Path, encodery: Command) -> None:
    write(files / "train.jsonl", [*GOOD, GOOD[3], {"text": "y", "label": "A"}])
    original = (files / "train.jsonl").read_bytes()
    code, out, _ = encodery("validate", "train.jsonl", "dev.jsonl", "--fix")
    assert (code, (files / "train.jsonl").read_bytes()) == (0, original)
    assert out == (
        "train.jsonl:21: fixed[D001]: left out: the same text and label are there before\n"
        "train.jsonl:22: fixed[L003]: label 'A' → 'a'\n"
        "train.fixed.jsonl: 21 records written\n"
        "dev.fixed.jsonl: 2 records written\n"
        "0 errors, 0 warnings, 0 notes in 23 records (train 21, dev 2)\n"
        "lengths are not checked: name a model with --model\n"
    )
    assert (files / "train.fixed.jsonl").read_text().splitlines()[-1] == '{"text": "y", "label": "a"}'
    code, _, err = encodery("validate", "train.jsonl", "dev.jsonl", "--fix")
    assert (code, err) == (
        2,
        "encodery: train.fixed.jsonl: is there already; remove it, or name another folder with --to\n",
    )
    assert encodery("validate", "train.jsonl", "dev.jsonl", "--fix", "--to", "new/folder")[0] == 0
    assert (files / "new/folder/dev.fixed.jsonl").read_bytes() == (files / "dev.fixed.jsonl").read_bytes()


def test_what_cannot_be_fixed_is_said_of_the_copy(files: Path, encodery: Command) -> None:
    write(files / "train.jsonl", [*GOOD, GOOD[0], {"text": "", "label": "a"}])
    code, out, _ = encodery("validate", "train.jsonl", "--fix")
    assert code == 1
    assert "train.fixed.jsonl:21: error[R003]: text is empty" in out


def test_copies_with_one_name(files: Path, encodery: Command) -> None:
    (files / "a").mkdir()
    write(files / "a/train.jsonl", GOOD[:2])
    code, _, err = encodery("validate", "train.jsonl", "a/train.jsonl", "--fix", "--to", "out")
    assert code == 2
    assert err == "encodery: out/train.fixed.jsonl: train.jsonl and another file would both go there; rename one\n"
    assert not (files / "out").exists()


def test_aligned_files(files: Path, encodery: Command) -> None:
    (files / "train.en").write_text("a dog\na cat\n\na dog\n")
    (files / "train.de").write_text("ein Hund\neine Katze\nleer\nein Hund\n")
    (files / "dev.en").write_text("a cat\n")
    (files / "dev.fr").write_text("un chat\n")
    code, out, err = encodery("validate", "train.{en,de}", "dev.{en,fr}")
    assert (code, err) == (1, "")
    assert "train.en:3: error[R003]: text is empty\n" in out
    assert "train.en:4: warning[D001]: the same text and translation as train.en:1\n" in out
    assert "dev.en:1: error[P004]: the direction en-fr is not learned; these are: en-de\n" in out
    assert "2 errors, 1 warning, 0 notes in 5 records (train 4, dev 1)\n" in out
    code, out, _ = encodery("validate", "train.{en,de}", "back=train.{de,en}", "--fix")
    assert out.startswith(
        "train.en:3: fixed[R003]: left out: text is empty\n"
        "train.en:4: fixed[D001]: left out: the same text and translation are there before\n"
        "train.en-de.fixed.jsonl: 2 records written\n"
    )
    english = '"source_language": "en", "target_language": "de"}'
    assert (files / "train.en-de.fixed.jsonl").read_text() == (
        f'{{"text": "a dog", "translation": "ein Hund", {english}\n'
        f'{{"text": "a cat", "translation": "eine Katze", {english}\n'
    )
    assert (files / "train.de-en.fixed.jsonl").exists()


PAIRS = """
name = "pairs"
[finetune.both]
from = "model"
train = { there = "train.{en,de}", back = "train.{de,en}" }
dev = { en-de = "dev.jsonl" }
task = { type = "translation" }
"""


def test_a_recipe_that_translates(files: Path, encodery: Command) -> None:
    folder = ModelFolder(FAMILIES["bert"], make_model(3), make_tokenizer(), ("a", "b", "c"))
    (files / "model").mkdir()
    save_folder(files / "model", folder)
    (files / "train.en").write_text("a dog\na cat\n")
    (files / "train.de").write_text(f"ein Hund\n{'die Katze ' * 99}\n")
    (files / "dev.jsonl").write_text('{"text": "a cow", "translation": "eine Kuh"}\n')
    (files / "r.toml").write_text(PAIRS)
    code, out, err = encodery("validate", "r.toml")
    assert (code, err) == (0, "")
    assert out.startswith("finetune.both:\n")
    assert re.search(r"train.en:2: warning\[P007\]: translation: \d+ tokens where 128 are learned at most\n", out)
    assert "0 errors, 4 warnings, 0 notes in 5 records (train.there 2, train.back 2, dev.en-de 1)\n" in out
    # one file of two training files is train, too; and dev has to say what its file's name does not
    (files / "r.toml").write_text(PAIRS.replace("{ en-de =", "{ news ="))
    assert (
        "dev.jsonl:1: error[P001]: source_language and target_language missing" in encodery("validate", "r.toml")[1]
    )
    said = PAIRS.replace('"translation" }', '"translation", source_language = "en", target_language = "fr" }')
    (files / "r.toml").write_text(said)
    assert (
        "dev.jsonl:1: error[P004]: the direction en-fr is not learned; these are: en-de, de-en"
        in (encodery("validate", "r.toml")[1])
    )


def test_several_files_of_a_split_are_one(files: Path, encodery: Command) -> None:
    write(files / "more.jsonl", [GOOD[0], {"text": "third", "label": "c"}])
    (files / "dev.jsonl").write_text('{"text": "new", "label": "c"}\n{"text": "old", "label": "d"}\n')
    (files / "r.toml").write_text(
        'name = "x"\n[finetune.two]\nfrom = "scratch"\ndev = "dev.jsonl"\n'
        'train = { a = "train.jsonl", b = "more.jsonl" }\n[tokenizer]\nvocab_size = 99\n'
        '[corpus]\ninputs = [{ path = "train.jsonl" }]\n'
    )
    code, out, _ = encodery("validate", "r.toml")
    assert code == 1
    assert "more.jsonl:1: warning[D001]: the same text and label as " in out
    assert out.count("[L001]") == 1
    assert "dev.jsonl:2: error[L001]: label 'd' is not among the labels of train ('a', 'b', 'c')" in out


def test_a_recipe(project: Path, encodery: Command) -> None:
    with (project / "dev.jsonl").open("a") as file:
        file.write('{"text": "The river.", "label": "neutral"}\n')
    code, out, err = encodery("validate", "tiny.toml")
    assert (code, err) == (1, "")
    assert out.startswith("finetune.mood:\n")
    assert "dev.jsonl:24: error[L001]: label 'neutral' is not among the labels of train ('bad', 'good')" in out
    assert "lengths are not checked: there is no tokenizer yet (" in out
    assert not (project / "runs").exists()


def test_a_recipe_knows_lengths_once_its_tokenizer_is_there(done: Path, encodery: Command) -> None:
    with Path("train.jsonl").open("a") as file:
        file.write(json.dumps({"text": "The river finds a city. " * 9, "label": "good"}) + "\n")
    _, out, _ = encodery("validate", "tiny.toml")
    assert "train.jsonl:54: note[T006]: " in out
    assert " tokens where 32 are read at once: it is read in overlapping windows" in out
    assert "lengths" not in out
    _, out, _ = encodery("validate", "train.jsonl", "--model", "runs/tiny/finetune/mood/3")
    assert " tokens where 32 are read at once: it is read in overlapping windows" in out


def test_labels_that_a_model_does_not_know(files: Path, encodery: Command) -> None:
    """The label set has changed since it was trained."""
    save_model(files / "model", ("a", "b"))
    assert encodery("validate", "train.jsonl", "dev.jsonl", "--model", "model")[0] == 0
    save_model(files / "model", ("a", "c"))
    code, out, _ = encodery("validate", "train.jsonl", "dev.jsonl", "--all", "--model", "model")
    assert code == 1
    assert "train.jsonl:2: error[L001]: label 'b' is not among the model's labels ('a', 'c')\n" in out
    assert "dev.jsonl:2: error[L001]: label 'b' is not among the model's labels ('a', 'c')\n" in out
    assert "11 errors, 0 warnings, 0 notes in 22 records" in out


def test_entities_that_a_model_does_not_know(files: Path, encodery: Command) -> None:
    folder = ModelFolder(FAMILIES["bert"], Model(CONFIG, ("token",), 3), make_tokenizer(), ("O", "B-PER", "I-PER"))
    (files / "model").mkdir()
    save_folder(files / "model", folder)
    sentences = [f"x O\nw{number} B-{('PER', 'LOC')[number % 2]}\n\n" for number in range(20)]
    (files / "train.conll").write_text("".join(sentences))
    code, out, _ = encodery("validate", "train.conll", "--model", "model")
    assert code == 1
    assert "train.conll:5: error[L001]: label 'LOC' is not among the model's labels ('PER')\n" in out
    # texts with labels are another task's
    code, out, _ = encodery("validate", "train.jsonl", "--model", "model")
    assert (code, out.splitlines()[-1]) == (
        0,
        "labels are not compared with the model's: its task is token-classification, the records are for "
        "text-classification",
    )


def test_a_model_of_quantities_knows_all_numbers(files: Path, encodery: Command) -> None:
    save_model(files / "model", ("LABEL_0",))
    write(files / "train.jsonl", [{"text": record["text"], "label": place} for place, record in enumerate(GOOD)])
    assert encodery("validate", "train.jsonl", "--model", "model")[:2] == (
        0,
        "0 errors, 0 warnings, 0 notes in 20 records (train 20)\n",
    )


def test_tables_with_the_same_data_are_one(project: Path) -> None:
    recipe = (project / "tiny.toml").read_text()
    table = recipe[recipe.index("[finetune.mood]") :]
    other = table.replace("finetune.mood", "finetune.other").replace("epochs = 2", "epochs = 3")
    third = table.replace("finetune.mood", "finetune.third").replace('dev = "dev.jsonl"\n', "")
    (project / "tiny.toml").write_text(recipe + other + third)
    assert [data.name for data in data_sets(["tiny.toml"], [], None)] == [
        "finetune.mood, finetune.other",
        "finetune.third",
    ]


def test_a_recipe_without_labelled_data(project: Path) -> None:
    recipe = (project / "tiny.toml").read_text()
    (project / "tiny.toml").write_text(recipe[: recipe.index("[finetune.mood]")])
    with pytest.raises(UserError, match=r"no \[finetune.NAME\] table, so no labelled data; name the files instead"):
        data_sets(["tiny.toml"], [], None)
    with pytest.raises(UserError, match="a recipe says its own fields and model"):
        data_sets(["tiny.toml"], ["text=x"], None)


def test_names_of_files(files: Path) -> None:
    names = list(named_files(["a.jsonl", "b.jsonl", "c.jsonl", "x/d.jsonl"]))
    assert names == ["train", "dev", "test", "d.jsonl"]
    assert named_files(["test=b", "train=a"]) == {"train": Path("a"), "test": Path("b")}
    (files / "a=b.jsonl").touch()
    assert named_files(["a=b.jsonl"]) == {"train": Path("a=b.jsonl")}


def test_tasks_without_rules_of_their_own_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pairs without labels would be false alarms by the rules of text classification."""
    (tmp_path / "pairs.jsonl").write_text('{"text": "a", "text_pair": "b"}\n')
    (tmp_path / "r.toml").write_text(
        'name = "x"\n[finetune.pairs]\nfrom = "model"\ntrain = "pairs.jsonl"\n'
        'task = { type = "feature-extraction" }\n'
    )
    assert run_validation([str(tmp_path / "r.toml")]) == 0
    assert capsys.readouterr().out == "finetune.pairs:\nrecords of feature-extraction are not checked yet\n"
