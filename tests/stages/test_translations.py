"""A recipe that translates: from aligned files to folders, scores, card and report, and what is refused."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import encodery as encodery_module
from encodery.artifact import read_manifest, verify
from encodery.config import read_json
from encodery.deploy import choose
from encodery.deploy.translator_engine import EngineSteps
from encodery.errors import Hopeless, UserError
from encodery.recipe import load_recipe
from encodery.stages import exporting_translators, finetuning, open_run, run
from encodery.stages.engine import Run, plan
from encodery.stages.evaluation import evaluate
from encodery.stages.graph import stages_of
from encodery.tasks.translation import Translation
from encodery.train.log import read_log
from tests.conftest import own_copy

pytest.importorskip("sacrebleu")

RECIPE = """
name = "words"
[model]
family = "xlm"
preset = "xnli15-1024"
[model.config]
num_hidden_layers = 1
hidden_size = 64
num_attention_heads = 2
initializer_range = 0.1
embed_init_std = 0.1
max_position_embeddings = 32
num_languages = 2
[corpus]
inputs = [{ path = "en.txt", language = "en" }, { path = "de.txt", language = "de" }]
valid_fraction = 0.2
[tokenizer]
type = "byte-bpe"
vocab_size = 292
[pretrain]
steps = 2
max_seqlen = 16
tokens_per_step = 256
valid_max_tokens = 500
precision = "fp32"
[finetune.both]
train = { there = "train.{en,de}", back = "train.{de,en}" }
dev = { first = "dev.{en,de}", second = "dev.{de,en}" }
test = "test.jsonl"
task = { type = "translation", max_seqlen = 24, dropout = 0.0, generation = { num_beams = 2 } }
epochs = 14
tokens_per_step = 350
evaluate_every = 70
keep = "best"
best_metric = "bleu"
precision = "fp32"
optimizer = { lr = 6e-3, warmup_steps = 5 }
[finetune.scratch]
from = "scratch"
train = "dev.tsv"
test = "dev.tsv"
max_train_samples = 5
fields = { text = "english", translation = "german" }
task = { type = "translation", source_language = "en", target_language = "de", max_seqlen = 24 }
epochs = 1
precision = "fp32"
"""
WORDS = {"red": "rot", "dog": "Hund", "cat": "Katze", "runs": "läuft", "big": "groß", "sees": "sieht", "two": "zwei"}


def pairs(count: int, seed: int) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    words = [[draw.choice([*WORDS]) for _ in range(draw.randint(1, 3))] for _ in range(count)]
    return [(f"{' '.join(some)}.", f"{' '.join(WORDS[word] for word in some)}.") for some in words]


def write_words(folder: Path) -> None:
    """The project: lines of words, and a recipe."""
    for name, size, seed in (("dev", 13, 2), ("train", 83, 1)):
        for side, language in enumerate(("en", "de")):
            lines = [pair[side] for pair in pairs(size, seed)]
            (folder / f"{name}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (folder / f"{language}.txt").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    rows = ["english\tgerman", *("\t".join(pair) for pair in pairs(7, 5))]
    (folder / "dev.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    records = [
        {"text": text, "translation": right, "source_language": source, "target_language": target}
        for english, german in pairs(11, 3)
        for source, target, text, right in (("en", "de", english, german), ("de", "en", german, english))
    ]
    (folder / "test.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "long.tsv").write_text("english\tgerman\nred dog runs two cat sees red dog\trot\n")
    (folder / "words.toml").write_text(RECIPE)


def metrics_of(folder: Path) -> Any:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.metrics


def opened(*changes: str) -> Run:
    return open_run(load_recipe(Path("words.toml"), changes), Path("words.toml"), Console(quiet=True))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipe has run to its end."""
    folder = tmp_path_factory.mktemp("words")
    write_words(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        some = opened()
        run(some, stages_of(some))
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one's own, also the current directory."""
    return own_copy(finished, tmp_path / "words", monkeypatch)


@pytest.fixture
def model(finished: Path) -> Path:
    return finished / "runs/words/finetune/both/1"


def test_both_directions_are_learned_by_one_model(model: Path) -> None:
    metrics = metrics_of(model)
    assert metrics["test"]["bleu"] > 10
    assert metrics["test"]["chrf"] > 40
    assert {*metrics["test"]["languages"]} == {"en-de", "de-en", "average"}
    assert metrics["test"]["languages"]["de-en"]["examples"] == 11
    assert (
        metrics["test"]["intervals"]["bleu"][0] <= metrics["test"]["bleu"] <= metrics["test"]["intervals"]["bleu"][1]
    )
    assert metrics["test"]["signature"]["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|")
    assert metrics["best"]["metric"] == "bleu"
    assert metrics["dev"]["bleu"] == pytest.approx(metrics["best"]["value"])


def test_a_folder_remembers_what_it_can_translate(model: Path) -> None:
    info = read_json(model / "encodery.json")
    assert info["task"] == "translation"
    assert info["directions"] == [["en", "de"], ["de", "en"]]
    assert info["generation"] == {"num_beams": 2}
    predictor = encodery_module.load(model)
    assert isinstance(predictor.task, Translation)
    predictions = predictor.predict(
        [
            {"text": "red dog runs.", "source_language": "en", "target_language": "de"},
            {"text": "rot Hund läuft.", "target_language": "en"},
        ]
    )
    there, back = (set(prediction["translation"].rstrip(".").split()) for prediction in predictions)
    assert there & {*WORDS.values()}
    assert back & {*WORDS}
    assert all(0.3 < prediction["score"] <= 1.0 for prediction in predictions)


def test_predictions_of_the_test_file_are_kept(model: Path) -> None:
    lines = [json.loads(line) for line in (model / "predictions.jsonl").read_text().splitlines()]
    assert len(lines) == 22
    assert [*lines[0]] == ["text", "source_language", "target_language", "true", "translation", "score"]


def test_evaluation_repeats_the_scores_and_compares(finished: Path, model: Path) -> None:
    found = evaluate(model, [str(finished / "test.jsonl")], by=["target_language", "length"], against=model)
    assert found.scores["bleu"] == pytest.approx(metrics_of(model)["test"]["bleu"])
    assert {*found.slices["target_language"]} == {"en", "de"}
    assert found.against["bleu"]["difference"] == 0.0
    aligned = evaluate(model, [str(finished / "dev.{de,en}")])
    assert aligned.scores["examples"] == 13
    assert "languages" not in aligned.scores


def test_the_card_says_how_to_use_it_and_what_it_saw(model: Path) -> None:
    card = (model / "README.md").read_text()
    assert 'pipeline_tag: "translation"' in card
    assert "en-de (83), de-en (83)" in card
    assert "| test, de-en | bleu |" in card
    assert '"source_language": "en", "target_language": "de"' in card


def test_the_report_shows_bleu_and_sentences(finished: Path) -> None:
    page = (finished / "runs/words/report/report.html").read_text()
    assert "test BLEU" in page
    assert "%" not in page.split("test BLEU")[0].rsplit("<dd", 1)[-1]
    assert "Test scores by language" in page


def test_a_table_of_its_own_columns_says_its_languages(finished: Path) -> None:
    metrics = metrics_of(finished / "runs/words/finetune/scratch/1")
    assert {"bleu", "chrf", "signature", "intervals"} <= metrics["test"].keys()
    assert read_json(finished / "runs/words/finetune/scratch/1/encodery.json")["directions"] == [["en", "de"]]


def test_files_with_names_are_scored_apart(model: Path) -> None:
    groups = metrics_of(model)["dev"]["languages"]
    assert {name: group["examples"] for name, group in groups.items()} == {"first": 13, "second": 13, "average": 26}


def test_only_so_many_examples_are_learned_from(finished: Path) -> None:
    card = (finished / "runs/words/finetune/scratch/1/README.md").read_text()
    assert "en-de (5)" in card


def test_data_on_the_card_are_both_files(model: Path) -> None:
    data = metrics_of(model)["data"]
    assert data["train.there"]["file"] == "train.{en,de}"
    assert len(data["train.there"]["sha256"].split(", ")) == 2


def test_either_file_makes_the_stage_stale(project: Path) -> None:
    some = opened()
    assert not [step.stage.name for step in plan(some, stages_of(some)) if step.state != "fresh"]
    (project / "dev.de").write_text((project / "dev.de").read_text() + "rot.\n")
    (project / "dev.en").write_text((project / "dev.en").read_text() + "red.\n")
    stale = [step.stage.name for step in plan(some, stages_of(some)) if step.state != "fresh"]
    assert stale == ["finetune.both.1", "report"]


def run_changed(*changes: str) -> None:
    some = opened(*changes)
    run(some, [stage for stage in stages_of(some) if stage.name != "report"])


def test_each_direction_is_in_the_log(model: Path) -> None:
    (first, *_) = (line for line in read_log(model / "log.jsonl") if line["event"] == "eval")
    for fact in ("bleu", "copied", "empty", "repeated"):
        assert {f"{fact} en-de", f"{fact} de-en"} <= first.keys()
    low, high = sorted((first["bleu en-de"], first["bleu de-en"]))
    assert low < first["bleu"] < high  # of both together


def test_a_run_with_pairs_that_is_stuck_stops(project: Path) -> None:
    changes = ["evaluate_every=2", "stuck={ patience = 3, after = 4 }", "optimizer.lr=1e-9", "epochs=2"]
    with pytest.raises(Hopeless, match=r"stopped at step 8 of \d\d, .*finetune\.both is stuck: ") as stop:
        run_changed(*(f"finetune.both.{change}" for change in changes))
    assert "monolingual" not in str(stop.value)


def test_what_a_run_is_watched_for_is_no_part_of_its_key(project: Path) -> None:
    """One that was given up continues with more patience, a finished one stays fresh."""
    some = opened("finetune.both.stuck={ patience = 7 }")
    states = {step.stage.name: step.state for step in plan(some, stages_of(some))}
    assert states["finetune.both.1"] == "fresh"


def test_a_long_run_is_looked_at_early_unless_told_otherwise(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []

    def trainer(*_: Any, **settings: Any) -> None:
        given.append(settings)
        raise UserError("enough")

    monkeypatch.setattr(finetuning, "Trainer", trainer)
    assert failing("finetune.both.stuck={ patience = 7 }", "finetune.both.optimizer.warmup_steps=2000") == "enough"
    recipe = Path("words.toml")
    recipe.write_text(re.sub("\ndev = .*", "", RECIPE).replace('keep = "best"\nbest_metric = "bleu"\n', ""))
    assert failing() == "enough"
    with_dev, without = given
    assert with_dev["look_every"] == 500
    assert (with_dev["hopeless"].keywords["patience"], with_dev["hopeless"].keywords["after"]) == (7, 2000)
    assert without == {}  # nothing is measured that could show it


def test_what_is_no_translation_is_not_looked_at(project: Path) -> None:
    message = failing("finetune.scratch.task={ type = 'text-classification' }", "finetune.scratch.stuck={}")
    assert "stuck: translations are looked at so, and the task is text-classification; leave it out" in message


def failing(*changes: str) -> str:
    with pytest.raises(UserError) as error:
        run_changed(*changes)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["finetune.scratch.task.source_language=xx", "finetune.scratch.lora={ r = 2 }"], "lora"),
        (["finetune.both.lora={ r = 2 }"], "finetune: lora is not for translation, whose model is trained whole"),
        (
            ["finetune.both.best_metric=accuracy"],
            "finetune.both.best_metric = 'accuracy'; one of bleu, chrf, loss is",
        ),
        (["finetune.both.train=train.{en,fr}"], "train.fr: no such file"),
        (
            ["finetune.scratch.task.max_seqlen=8", "finetune.scratch.train=long.tsv"],
            "nothing to learn from within task.max_seqlen = 8; raise it",
        ),
        (["finetune.both.task.language=en"], "a translation has two; give source_language and target_language"),
        (["finetune.scratch.model=1"], "unknown key 'finetune.scratch.model'"),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_line(project: Path, changes: list[str], message: str) -> None:
    assert message in failing(*changes)


def test_languages_that_are_missing_are_named_by_line(project: Path) -> None:
    (project / "test.jsonl").write_text('{"text": "red dog", "translation": "rot Hund"}\n')
    changes = ['finetune.both.train="test.jsonl"', "finetune.both.dev=test.jsonl"]
    assert (
        "test.jsonl:1: source_language is missing; give it in the record, or for all records as task.source_lang"
        in (failing(*changes))
    )


def test_a_language_of_the_data_must_be_one_of_the_models(project: Path) -> None:
    record = {"text": "red", "translation": "rouge", "source_language": "en", "target_language": "fr"}
    (project / "fr.jsonl").write_text(json.dumps(record) + "\n")
    assert "translation: 'fr' is not one of the model's languages (de, en)" in failing(
        "finetune.both.train=fr.jsonl", "finetune.both.dev=fr.jsonl", "finetune.both.test=fr.jsonl"
    )


def test_an_empty_line_is_named(project: Path) -> None:
    for language in ("en", "de"):
        lines = (project / f"train.{language}").read_text().splitlines()
        lines[4] = "" if language == "de" else lines[4]
        (project / f"train.{language}").write_text("\n".join(lines) + "\n")
    assert "train.en:5: translation is empty; remove or repair the record" in failing()


Encodery = Callable[..., tuple[int, str, str]]


def test_the_command_line_translates_empty_and_long_texts(project: Path, encodery: Encodery, model: Path) -> None:
    words = "red dog runs. " * 167
    texts = ["", "red dog runs.", f"{words}\n\ntwo cat"]
    records = [{"text": text, "source_language": "en", "target_language": "de"} for text in texts]
    (project / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    code, out, _ = encodery("predict", str(model), "--file", "in.jsonl")
    assert code == 0
    said: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert said[0]["translation"] == ""
    assert said[1]["translation"]
    long, empty, short = said[2]["translation"].split("\n")
    assert (empty, len(long.split()) > 167, len(short.split()) < 5) == ("", True, True)
    assert "truncated" not in said[2]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"text": "a", "source_language": "xx"},
            "source_language = 'xx' is not one of the model's languages (en, de)",
        ),
        ({"text": "a"}, "from which language to which is not said; give source_language and target_language, one of"),
        ({"text": "a", "source_language": "en", "target_language": "en"}, "the direction en-en was not trained"),
        ({"text": "a", "language": "en"}, "unknown key 'language'; allowed: text, translation, source_language"),
    ],
)
def test_a_record_that_cannot_be_translated(
    project: Path, encodery: Encodery, model: Path, record: dict[str, Any], message: str
) -> None:
    (project / "in.jsonl").write_text(json.dumps(record) + "\n")
    code, _, error = encodery("predict", str(model), "--file", "in.jsonl")
    assert code == 2
    assert message in " ".join(error.split())


def test_a_text_alone_is_translated_where_the_command_says_its_languages(encodery: Encodery, model: Path) -> None:
    code, out, error = encodery("predict", str(model), "two cat.", "--from", "en", "--into", "de")
    assert code == 0, error
    assert {*WORDS.values()} & {*json.loads(out)["translation"].rstrip(".").split()}
    code, out, _ = encodery("predict", str(model), "zwei Katze.", "--into", "en")  # the source is clear then
    assert {*WORDS} & {*json.loads(out)["translation"].rstrip(".").split()}
    code, _, error = encodery("predict", str(model), "two cat.")
    assert code == 2
    said = "one of en-de, de-en; for all records of a command, --from and --into"
    assert said in " ".join(error.split())


def test_how_translations_are_looked_for_is_asked_of_a_finished_model(
    project: Path, encodery: Encodery, model: Path
) -> None:
    way = ("--from", "en", "--into", "de")
    code, out, error = encodery("predict", str(model), "two cat.", *way, "--num-beams", "3", "--n-best", "3")
    assert code == 0, error
    best = json.loads(out)["n_best"]
    assert best[0]["translation"] == json.loads(out)["translation"]
    assert len({one["translation"] for one in best}) == 3
    loaded = encodery_module.load(model, generation={"num_beams": 3, "num_return_sequences": 3})
    (found,) = loaded.predict([{"text": "two cat.", "target_language": "de"}])
    assert found["n_best"] == best
    code, _, error = encodery("predict", str(model), "two cat.", *way, "--n-best", "3")
    assert code == 2
    assert "2 beams give no more than 2; give --num-beams 3 or --n-best 2" in " ".join(error.split())


def test_predictions_of_other_beams_are_not_gone_on_with(project: Path, encodery: Encodery, model: Path) -> None:
    (project / "in.jsonl").write_text('{"text": "two cat.", "source_language": "en"}\n')
    command = ("predict", str(model), "--file", "in.jsonl", "--to", "out.jsonl")
    assert encodery(*command, "--num-beams", "1")[0] == 0
    assert "finished already" in encodery(*command, "--num-beams", "1")[2]
    code, _, error = encodery(*command)
    assert code == 2
    assert 'out.jsonl: predicted with the options {"num_beams": 1}, and now they are {}; give the same, or' in (
        " ".join(error.split())
    )


def test_greedy_and_beam_search_are_compared_on_one_model(project: Path, encodery: Encodery, model: Path) -> None:
    options = ("--data", "test.jsonl", "--num-beams", "1", "--length-penalty", "0.5", "--against", str(model))
    code, out, error = encodery("evaluate", str(model), *options)
    assert code == 0, error
    found = json.loads(out)
    assert found["generation"] == {"num_beams": 1, "length_penalty": 0.5}
    assert found["against"]["bleu"]["against"] == pytest.approx(metrics_of(model)["test"]["bleu"])  # by 2 beams
    assert found["against"]["bleu"]["model"] == pytest.approx(found["bleu"])


def test_a_training_set_is_translated_by_the_command_and_gone_on_with(
    project: Path, encodery: Encodery, model: Path
) -> None:
    records: list[dict[str, Any]] = [
        {"text": "two cat.", "label": "a"},
        {"text": 7},
        {"text": "red dog runs.", "label": "b"},
    ]
    (project / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    command = ("translate", str(model), "in.jsonl", "--to", "out.jsonl", "--from", "en", "--into", "de")
    code, _, error = encodery(*command)
    assert code == 2
    assert "in.jsonl:2: text = 7 is no text" in " ".join(error.split())
    code, _, error = encodery(*command, "--on-error", "skip", "--num-beams", "1")
    assert code == 0, error
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [(record["label"], record["language"]) for record in found] == [("a", "de"), ("b", "de")]
    records = [{"text": "two cat.", "source_language": "en"}, {"text": "red dog runs.", "source_language": "en"}]
    said = encodery_module.load(model, generation={"num_beams": 1}).predict(records)
    assert [record["text"] for record in found] == [one["translation"] for one in said]
    assert "out.jsonl: 2 records in de; 1 left out that could not be translated; the first: in.jsonl:2" in (
        " ".join(error.split())
    )
    code, _, error = encodery(*command, "--on-error", "skip", "--num-beams", "1")
    assert code == 0
    assert "finished already, nothing to do" in " ".join(error.split())


def test_pairs_are_checked_by_what_the_model_translates(project: Path, encodery: Encodery, model: Path) -> None:
    records = [
        {"text": "red dog.", "translation": "rot Hund.", "target_language": "de"},
        {"text": "red cat.", "translation": "chat rouge.", "target_language": "fr"},
        {"text": "red dog runs.", "translation": "rot Hund läuft."},
        {"text": "two cat. " * 18 + "two", "translation": "zwei Katze.", "source_language": "en"},
    ]
    (project / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    code, out, _ = encodery("validate", "test=in.jsonl", "--model", str(model))
    assert code == 1
    assert re.findall(r"in.jsonl:(\d): \w+\[(\w+)\]", out) == [
        ("2", "P002"),
        ("3", "P001"),
        ("4", "P006"),
        ("4", "T006"),
    ]
    assert "target_language = 'fr' is not one of the model's languages (de, en)" in out
    assert "source_language and target_language missing, and several directions are learned: en-de, de-en" in out
    assert " tokens where 24 are read at once: it is translated in pieces" in out


def test_a_recipe_is_checked_by_what_its_model_knows(project: Path, encodery: Encodery) -> None:
    code, out, _ = encodery("validate", "words.toml")
    assert "[P0" not in out
    record = {"text": "red", "translation": "rouge", "source_language": "en", "target_language": "fr"}
    (project / "test.jsonl").write_text(json.dumps(record) + "\n")
    code, out, _ = encodery("validate", "words.toml")
    assert code == 1
    assert "test.jsonl:1: error[P002]: target_language = 'fr' is not one of the model's languages (de, en)" in out


def test_a_model_without_decoder_says_what_translates(project: Path, encodery: Encodery) -> None:
    (project / "in.jsonl").write_text('{"text": "a", "target_language": "de"}\n')
    code, _, error = encodery("predict", "runs/words/pretrain", "--file", "in.jsonl")
    assert code == 2
    assert 'this model does fill-mask and has no decoder; a model trained by task.type = "translation"' in (
        " ".join(error.split())
    )


def test_a_model_that_has_no_vocabulary_head_is_no_beginning(project: Path) -> None:
    folder = project / "runs/words/pretrain"
    config = read_json(folder / "config.json")
    assert config["architectures"] == ["XLMWithLMHeadModel"]
    bare = project / "bare"
    bare.mkdir()
    from encodery.families.folder import load_folder, save_folder

    save_folder(bare, load_folder(folder, ()))
    assert "bare has no decoder, and no head over the vocabulary for one to begin with" in failing(
        "finetune.both.from=bare"
    )


def test_a_translator_can_be_trained_on(project: Path) -> None:
    some = opened("finetune.both.from=runs/words/finetune/both/1", "finetune.both.epochs=1", "name=further")
    run(some, [stage for stage in stages_of(some) if stage.name == "finetune.both.1"])
    metrics = metrics_of(project / "runs/further/finetune/both/1")
    assert metrics["test"]["chrf"] > 40


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that measures next to nothing."""
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(choose, "SECONDS", 0.01)
    monkeypatch.setattr(exporting_translators, "thread_counts", lambda: (1,))
    monkeypatch.setattr(exporting_translators, "LENGTHS", (8,))
    monkeypatch.setattr(exporting_translators, "EXTREMES", ("", "a", "😀" * 40))


@pytest.mark.usefixtures("hasty")
def test_a_bundle_that_mixes_up_its_beams_is_not_written(
    project: Path, encodery: Encodery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one beam its numbers are those of the model."""
    monkeypatch.setattr(EngineSteps, "follow", lambda self, parents: None)
    options = ("--dtype", "fp32", "--engine", "onnxruntime", "--data", "test.jsonl", "--max-metric-drop", "100")
    code, _, error = encodery("export", "runs/words/finetune/both/1", "--to", "bundle", *options)
    assert code == 2
    said = " ".join(error.split())
    assert re.search(
        r"nothing was written: onnxruntime: with num_beams = 2 it translates \d+ of 22 texts other", said
    )
    assert not (project / "bundle").exists()


@pytest.mark.usefixtures("hasty")
def test_a_bundle_translates_as_its_model(project: Path, encodery: Encodery) -> None:
    options = ("--engine", "onnxruntime", "--data", "test.jsonl")
    code, out, error = encodery("export", "runs/words/finetune/both/1", "--to", "bundle", *options)
    assert code == 0, error
    assert "scores on 22 dev examples" in " ".join(out.split())
    assert "the same of 22 of 22 texts, all 2 beams" in " ".join(out.split())
    verify(project / "bundle")
    facts = read_json(project / "bundle/encodery.json")["export"]
    assert facts["metric"]["figures"]["bleu"]["difference"] == 0.0
    assert facts["parity"]["relative_error"] < 1e-5
    assert facts["search"] == {"num_beams": 2, "texts": 22, "same": 22, "ties": 0}
    records = [
        {"text": "two cat. red dog runs.\n\nbig", "target_language": "de"},
        {"text": "", "target_language": "en"},
    ]
    found, expected = (
        encodery_module.load(folder).predict(records) for folder in ("bundle", "runs/words/finetune/both/1")
    )
    assert [one["translation"] for one in found] == [one["translation"] for one in expected]
    assert found[0]["score"] == pytest.approx(expected[0]["score"], abs=1e-4)
    code, out, _ = encodery("inspect", "bundle")
    assert code == 0
    assert read_json(project / "bundle/encodery.json")["bundle"]["dtype"] == "fp32"  # though it was not asked for
    options = ("--dtype", "int8", "--data", "test.jsonl")
    code, _, error = encodery("export", "runs/words/finetune/both/1", "--to", "small", *options)
    assert code == 2
    assert "--dtype int8: a model that translates is exported in fp32; give --dtype fp32" in " ".join(error.split())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("from = 'finetune.both'", "export.small.dtype = 'int8', the default: finetune.both translates, and"),
        ("from = 'finetune.both.1', dtype = 'bf16'", "export.small.dtype = 'bf16': finetune.both translates, and"),
    ],
)
def test_a_recipe_that_exports_a_translator_in_less_is_refused_before_training(
    project: Path, table: str, message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as error:
        opened(f"export={{ small = {{ {table} }} }}")
    assert str(error.value).endswith('is exported in fp32; set dtype = "fp32"')


@pytest.mark.parametrize("more", ["dtype = 'fp32'", "task = 'feature-extraction'"])
def test_what_can_be_exported_is_let_through(project: Path, more: str) -> None:
    assert opened(f"export={{ small = {{ from = 'finetune.both', {more} }} }}").recipe.export["small"].source


def test_inspect_shows_a_translator(model: Path, encodery: Encodery) -> None:
    code, out, _ = encodery("inspect", str(model))
    assert code == 0
    assert "en-de" in out
