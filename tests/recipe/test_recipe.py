"""Recipes: what a file may say, what an override may change, and what the complaint is otherwise."""

import math
import tomllib
from pathlib import Path

import pytest

from encodery.errors import UserError
from encodery.objectives.seqlen_warmup import SeqlenWarmup
from encodery.recipe import FinetuneTable, Recipe, load_recipe, resolve
from encodery.tasks.classification import TextClassificationConfig

ROOT = Path(__file__).parents[2]

WHOLE = """
name = "run-1"
[model]
preset = "tiny"
config = { max_position_embeddings = 61 }
[corpus]
inputs = [{ path = "text" }, { path = "more/*.jsonl", text_field = "body" }]
[tokenizer]
vocab_size = 1009
[pretrain]
max_seqlen = 61
steps = 7
optimizer = { lr = 3e-4, warmup_steps = 2 }
objective = { nsp = false, mlm = { mask_probability = 0.3 } }
[finetune.mood]
train = "train.jsonl"
task = { max_seqlen = 31 }
seeds = [3, 5]
[finetune.bare]
from = "scratch"
train = "train.jsonl"
task = { max_seqlen = 31, labels = ["bad", "good"] }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "run.toml").write_text(WHOLE)
    return tmp_path / "run.toml"


def complaint(path: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        load_recipe(path, overrides)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "run.toml")


def changed(path: Path, old: str, new: str) -> str:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return complaint(path)


def test_a_recipe_composes_the_tables_of_its_parts(path: Path) -> None:
    recipe = load_recipe(path)
    assert (recipe.name, recipe.seed, recipe.output) == ("run-1", 1, "runs")
    assert recipe.corpus is not None
    assert [(entry.path, entry.text_field) for entry in recipe.corpus.inputs] == [
        ("text", "text"),
        ("more/*.jsonl", "body"),
    ]
    assert recipe.pretrain is not None
    assert recipe.pretrain.optimizer.lr == 3e-4
    assert recipe.pretrain.objective.mlm.mask_probability == 0.3
    assert list(recipe.finetune) == ["mood", "bare"]
    assert [table.source for table in recipe.finetune.values()] == ["pretrain", "scratch"]
    assert recipe.finetune["mood"].seeds == (3, 5)
    task = recipe.finetune["bare"].task
    assert isinstance(task, TextClassificationConfig)
    assert task.labels == ("bad", "good")


def test_the_encoder_is_a_preset_with_changes(path: Path) -> None:
    config = load_recipe(path).model.encoder(vocab_size=1009)
    assert (config.vocab_size, config.hidden_size, config.num_hidden_layers) == (1009, 128, 2)
    assert config.max_position_embeddings == 61


def test_a_recipe_of_one_table() -> None:
    recipe = Recipe.parse({"name": "a", "finetune": {"b": {"from": "model", "train": "c.csv"}}}, "run.toml")
    assert (recipe.corpus, recipe.tokenizer, recipe.pretrain) == (None, None, None)


SHIPPED = [
    (path, scale)
    for path in sorted((ROOT / "recipes").glob("*.toml"))
    for scale in ("", *tomllib.loads(path.read_text()).get("scales", {}))
]


@pytest.mark.parametrize(("path", "scale"), SHIPPED, ids=[f"{path.stem}-{scale}" for path, scale in SHIPPED])
def test_every_shipped_recipe_is_one_at_every_scale(path: Path, scale: str) -> None:
    recipe = load_recipe(path, [f"scale={scale}"] if scale else [])
    assert recipe.name == (f"{path.stem}-{scale}" if scale else path.stem)
    assert recipe.pretrain or recipe.finetune


def test_a_missing_recipe(tmp_path: Path) -> None:
    expected = "run.toml: no such recipe; a recipe is a TOML file, for examples see recipes/"
    assert complaint(tmp_path / "none.toml") == expected


@pytest.mark.parametrize("content", [b"name = ", b"[model\n", b"name = 'a'\nname = 'b'\n", b"name = '\xff'\n"])
def test_what_is_not_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    assert complaint(path).startswith("run.toml: not valid TOML: ")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[pretrain]", "[pretrian]", "unknown key 'pretrian'; did you mean 'pretrain'?"),
        ("steps = 7", "step = 7", "unknown key 'pretrain.step'; did you mean 'steps'?"),
        ("steps = 7\n", "", 'pretrain: training ends after steps = 100_000 or time = "2h"; give one of them'),
        ("lr = 3e-4", "lrr = 3e-4", "unknown key 'pretrain.optimizer.lrr'; did you mean 'lr'?"),
        (
            "mask_probability = 0.3",
            "mask_prob = 0.3",
            "unknown key 'pretrain.objective.mlm.mask_prob'; did you mean 'mask_probability'?",
        ),
        ("text_field", "textfield", "unknown key 'corpus.inputs.1.textfield'; did you mean 'text_field'?"),
        ('from = "scratch"', 'form = "scratch"', "unknown key 'finetune.bare.form'; did you mean 'from'?"),
        (
            "seeds = [3, 5]",
            "seeds = []",
            "finetune.mood.seeds = []: at least 1 is needed",
        ),
        ("seeds = [3, 5]", "seeds = [3, 3]", "finetune.mood: seeds = [3, 3] repeats a seed"),
        ("steps = 7\n", "steps = 0\n", "pretrain.steps = 0: input should be greater than 0"),
        ("max_seqlen = 61", "max_seqlen = 7", "pretrain.max_seqlen = 7: input should be greater than or equal to 8"),
        (
            'preset = "tiny"',
            'preset = "titan"',
            "model: bert has no preset 'titan'; choose one of tiny, mini, small, medium, base, large, multilingual, "
            "or give the sizes field by field",
        ),
        (
            'preset = "tiny"',
            'family = "gpt"',
            "model: family = 'gpt'; one of bert, distilbert, roberta, xlm, xlm-roberta, "
            "xlm-roberta-xl, modernbert is allowed",
        ),
        (
            "max_position_embeddings = 61",
            "max_position_embedding = 61",
            "model: model.config: unknown key 'max_position_embedding'; did you mean 'max_position_embeddings'?",
        ),
        (
            "max_position_embeddings = 61",
            "hidden_size = 129",
            "model: model.config: hidden_size = 129 cannot be shared by num_attention_heads = 2; choose a divisor",
        ),
        (
            "max_position_embeddings = 61",
            "vocab_size = 61",
            "model: config.vocab_size follows from the vocabulary; set tokenizer.vocab_size",
        ),
        ('name = "run-1"', "", "missing key 'name'"),
        (
            'name = "run-1"',
            'name = "../run"',
            "name = '../run': letters, digits, '-', '_' and '.' are allowed (it becomes a folder's name)",
        ),
        (
            'inputs = [{ path = "text" }, { path = "more/*.jsonl", text_field = "body" }]',
            "inputs = []",
            "corpus.inputs = []: at least 1 is needed",
        ),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, expected: str) -> None:
    assert changed(path, old, new) == f"run.toml: {expected}"


@pytest.mark.parametrize("name", [".", "..", ".hidden", "a/b", "a b", "", "a\\b"])
def test_a_name_that_is_no_folder(path: Path, name: str) -> None:
    text = path.read_text().replace('name = "run-1"', f"name = '{name}'")
    path.write_text(text)
    assert complaint(path) == (
        f"run.toml: name = {name!r}: letters, digits, '-', '_' and '.' are allowed (it becomes a folder's name)"
    )


def without(path: Path, *tables: str) -> None:
    """Take tables, and what belongs to them, out of the recipe."""
    blocks = path.read_text().split("\n[")
    path.write_text("\n[".join(block for block in blocks if not block.startswith(tables)))


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (("corpus",), "[tokenizer] and [pretrain] need text: add a [corpus] table"),
        (("tokenizer",), "[pretrain] needs a vocabulary: add a [tokenizer] table"),
        (("pretrain",), "[finetune.mood] starts from pretrain, but there is no [pretrain] table"),
        (
            ("pretrain", "tokenizer", "finetune.mood"),
            "[finetune.bare] starts from scratch, which needs a [tokenizer] table",
        ),
    ],
)
def test_a_stage_needs_the_stages_before_it(path: Path, tables: tuple[str, ...], expected: str) -> None:
    without(path, *tables)
    assert complaint(path) == f"run.toml: {expected}"


def test_text_must_fit_the_positions(path: Path) -> None:
    assert complaint(path, "pretrain.max_seqlen=62") == (
        "run.toml: pretrain.max_seqlen = 62 is longer than the model's 61 positions; lower it, "
        "or raise model.config.max_position_embeddings"
    )
    assert complaint(path, "pretrain.phases=[{start=0.5, max_seqlen=67}]") == (
        "run.toml: pretrain.phases: max_seqlen = 67 is longer than the model's 61 positions; lower it, "
        "or raise model.config.max_position_embeddings"
    )
    assert complaint(path, "finetune.bare.task.max_seqlen=67") == (
        "run.toml: finetune.bare.task.max_seqlen = 67 is longer than the model's 61 positions; lower it, "
        "or raise model.config.max_position_embeddings"
    )


@pytest.mark.parametrize("warmup", ["{max_seqlen=61, steps=3}", "{max_seqlen=17, steps=7}"])
def test_a_warm_up_is_shorter_in_both_ways(path: Path, warmup: str) -> None:
    said = warmup.replace("{", "{ ").replace("}", " }").replace("=", " = ")
    assert complaint(path, f"pretrain.seqlen_warmup={warmup}") == (
        f"run.toml: pretrain: seqlen_warmup = {said} must be shorter than max_seqlen = 61 and end before steps = 7"
    )
    recipe = load_recipe(path, ["pretrain.seqlen_warmup={max_seqlen=17, steps=3}"])
    assert recipe.pretrain is not None
    assert recipe.pretrain.seqlen_warmup == SeqlenWarmup(max_seqlen=17, steps=3)


def test_the_positions_of_a_foreign_model_are_its_own(path: Path) -> None:
    recipe = load_recipe(path, ["finetune.bare.from=some/folder", "finetune.bare.task.max_seqlen=67"])
    assert recipe.finetune["bare"].task.max_seqlen == 67


def test_what_is_learned_from_text_can_be_said_in_full(path: Path) -> None:
    mlm = "{ span = { max_words = 3 }, duplication_factor = 10 }"
    recipe = load_recipe(path, ["pretrain.objective.inputs=full-sentences", f"pretrain.objective.mlm={mlm}"])
    assert recipe.pretrain is not None
    objective = recipe.pretrain.objective
    assert (objective.inputs, objective.mlm.duplication_factor) == ("full-sentences", 10)
    assert objective.mlm.span is not None
    assert (objective.mlm.span.p, objective.mlm.span.max_words) == (0.2, 3)
    with pytest.raises(
        UserError, match=r'pretrain.objective: inputs = "sentence-pair" makes pairs for next sentence'
    ):
        load_recipe(path, ["pretrain.objective.inputs=sentence-pair"])  # nsp = false in the file


def test_overrides_are_toml_or_plain_words(path: Path) -> None:
    recipe = load_recipe(
        path,
        [
            "name=other",
            "seed = 11",
            "pretrain.optimizer.lr=1e-3",
            "pretrain.objective.nsp=true",
            "finetune.mood.seeds=[1, 2, 3]",
            'finetune.mood.from="package:a/b"',
            "finetune.bare.dev=dev=1.jsonl",
            "pretrain.optimizer.schedule=constant",
            "finetune.new.train=x.csv",
            "finetune.new.task.max_seqlen=31",
            "model.config.num_hidden_layers=3",
        ],
    )
    assert (recipe.name, recipe.seed) == ("other", 11)
    assert recipe.pretrain is not None
    assert (recipe.pretrain.optimizer.lr, recipe.pretrain.optimizer.schedule) == (1e-3, "constant")
    assert recipe.pretrain.optimizer.warmup_steps == 2
    assert recipe.pretrain.objective.nsp
    assert recipe.finetune["mood"].seeds == (1, 2, 3)
    assert recipe.finetune["mood"].source == "package:a/b"
    assert recipe.finetune["bare"].dev == "dev=1.jsonl"
    assert recipe.finetune["new"].train == "x.csv"
    assert recipe.model.config == {"max_position_embeddings": 61, "num_hidden_layers": 3}


def test_the_last_override_wins(path: Path) -> None:
    recipe = load_recipe(path, ["seed=3", "seed=5"])
    assert recipe.seed == 5


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("steps", "--set steps: write it as key=value, for example --set pretrain.steps=200"),
        ("=7", "--set =7: write it as key=value, for example --set pretrain.steps=200"),
        ("pretrain..steps=7", "--set pretrain..steps=7: write it as key=value, for example --set pretrain.steps=200"),
        ("name.a=7", "--set name.a=7: 'name' is a value, not a table"),
        ("corpus.inputs.0.path=x", "--set corpus.inputs.0.path=x: 'inputs' is a value, not a table"),
        ("pretrain.stpes=9", "run.toml: unknown key 'pretrain.stpes'; did you mean 'steps'?"),
        (
            "pretrain.steps=few",
            "run.toml: pretrain.steps = 'few': input should be a valid integer, unable to parse string as an integer",
        ),
        (
            "pretrain.steps=",
            "run.toml: pretrain.steps = '': input should be a valid integer, unable to parse string as an integer",
        ),
        ("pretrain.optimizer.lr=nan", "run.toml: pretrain.optimizer.lr = nan: input should be a finite number"),
    ],
)
def test_an_override_that_cannot_be(path: Path, override: str, expected: str) -> None:
    assert complaint(path, override) == expected


SCALES = """
[scales.large]
seed = 23
[scales.large.pretrain]
steps = 19
optimizer = { lr = 5e-4 }
[scales.named]
name = "big"
"""


@pytest.fixture
def scaled(path: Path) -> Path:
    path.write_text(path.read_text() + SCALES)
    return path


def test_a_scale_is_laid_over_the_recipe(scaled: Path) -> None:
    plain, large = load_recipe(scaled), load_recipe(scaled, ["scale=large"])
    assert plain.pretrain is not None
    assert large.pretrain is not None
    assert (plain.scale, large.scale) == ("", "large")
    assert (large.name, large.seed, large.pretrain.steps) == (f"{plain.name}-large", 23, 19)
    assert large.pretrain.optimizer == plain.pretrain.optimizer.model_copy(update={"lr": 5e-4})
    untouched = {"scale", "name", "seed", "pretrain"}
    assert large.model_dump(exclude=untouched) == plain.model_dump(exclude=untouched)
    assert "scale" not in plain.model_dump()


def test_an_override_wins_over_the_scale(scaled: Path) -> None:
    recipe = load_recipe(scaled, ["pretrain.steps=17", "scale=large"])
    assert recipe.pretrain is not None
    assert (recipe.pretrain.steps, recipe.seed) == (17, 23)


def test_a_scale_may_have_a_name_of_its_own(scaled: Path) -> None:
    assert load_recipe(scaled, ["scale=named"]).name == "big"


def test_a_scale_that_there_is_not(scaled: Path, path: Path) -> None:
    have = "the recipe has large, named; leave it out for the recipe as it is"
    assert complaint(scaled, "scale=huge") == f"run.toml: scale = 'huge': {have}"


def test_scales_that_are_no_tables(path: Path) -> None:
    path.write_text("scales = 3\n" + path.read_text())
    assert complaint(path).startswith("run.toml: scales: each is a table of what differs")


def test_a_finetune_table_is_written_with_from() -> None:
    table = FinetuneTable.parse({"train": "a.csv"}, "run.toml")
    assert table.source == "pretrain"
    with pytest.raises(UserError, match=r"unknown key 'source'"):
        FinetuneTable.parse({"train": "a.csv", "source": "scratch"}, "run.toml")


def test_paths_start_at_the_recipe_unless_absolute(tmp_path: Path) -> None:
    assert resolve("data/a.csv", tmp_path) == tmp_path / "data/a.csv"
    assert resolve("/data/a.csv", tmp_path) == Path("/data/a.csv")


def test_a_path_inside_an_installed_package_which_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fragile_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('this package was run')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert resolve("package:fragile_weights/model", tmp_path / "recipes") == package / "model"
    assert resolve("package:fragile_weights", tmp_path / "recipes") == package


@pytest.mark.parametrize("name", ["no_such_weights", "no-such-weights", "math", "os.path", ""])
def test_a_package_that_is_not_installed(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(f"package:{name}/model", tmp_path)
    assert str(error.value) == (
        f"package:{name}/model: the package {name!r} is not installed; try: pip install {name.replace('_', '-')}"
    )


def test_numbers_that_are_none_are_refused(path: Path) -> None:
    with pytest.raises(UserError, match=r"seed = inf: "):
        Recipe.parse({"name": "a", "seed": math.inf}, "run.toml")
    assert load_recipe(path).seed == 1
