"""A model over another vocabulary computes what it computed before: here, and in `transformers` after saving."""

import random
from pathlib import Path

import pytest
import torch
import transformers

from encodery.batch import Batch, Sequence, pack
from encodery.config import read_json
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.families.vocabulary import ExtendTable, TrimTable, choose_rows, with_vocabulary
from encodery.text.library import LibraryKind
from encodery.text.revision import Revision, rebuilt
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import (
    Case,
    assert_same_outputs,
    edit_config,
    our_outputs,
    save_theirs,
    their_outputs,
)

DRAW = random.Random(29)
TEXTS = [" ".join("".join(DRAW.choices("aeioulmnrst", k=DRAW.randint(1, 3))) for _ in range(5)) for _ in range(2)]


def kind_of(folder: ModelFolder) -> LibraryKind:
    kind = folder.tokenizer.kind
    assert isinstance(kind, LibraryKind)
    return kind


def batch_of(tokenizer: Tokenizer, texts: list[str] = TEXTS) -> Batch:
    """Texts with token types and languages that differ, two texts of two choices where that matters.

    Without [CLS], whose id is the padding id of the tiny configs: `transformers` would not count its position.
    """
    ids = [tokenizer.encode(text).input_ids[1:] for text in [*texts, *reversed(texts)]]
    types = [[int(2 * place >= len(row)) for place in range(len(row))] for row in ids]
    languages = [[place % 5 for place in range(len(row))] for row in ids]
    return pack([Sequence(*fields) for fields in zip(ids, types, [None] * len(ids), languages, strict=True)])


def assert_same_model(before: ModelFolder, after: ModelFolder, sources: tuple[tuple[int, ...], ...]) -> None:
    """Equal to the bit, but for logits over the vocabulary: a product of another size may round otherwise."""
    with torch.no_grad():
        old = our_outputs(before.model, batch_of(before.tokenizer))
        new = our_outputs(after.model, batch_of(after.tokenizer))
    for name in old.keys() - {"mlm"}:
        assert torch.equal(old[name], new[name]), name
    if "mlm" in old:
        columns = torch.tensor([ids[0] for ids in sources])
        torch.testing.assert_close(new["mlm"], old["mlm"][:, columns], atol=1e-6, rtol=1e-6)


def test_a_trimmed_model_computes_the_same(case: Case, folder: Path, tmp_path: Path) -> None:
    before = load_folder(folder)
    revision = kind_of(before).trim(TEXTS)
    after = with_vocabulary(before, revision)
    assert after.model.config.vocab_size == after.tokenizer.vocab_size < before.tokenizer.vocab_size
    assert_same_model(before, after, revision.sources)
    (tmp_path / "ours").mkdir()
    save_folder(tmp_path / "ours", after)
    read = load_folder(tmp_path / "ours")
    assert_same_model(before, read, revision.sources)
    theirs = getattr(transformers, case.architecture).from_pretrained(tmp_path / "ours").eval()
    batch = batch_of(read.tokenizer)
    with torch.no_grad():
        assert_same_outputs(our_outputs(read.model, batch), their_outputs(theirs, case, batch))
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "ours")(TEXTS)["input_ids"] == [
        read.tokenizer.encode(text).input_ids for text in TEXTS
    ]


def test_an_extended_model_computes_the_same_on_other_text(case: Case, folder: Path, tmp_path: Path) -> None:
    before = load_folder(folder)
    kind = kind_of(before)
    new = [token for word in ("lemonstrau", "tra?".strip("?") * 9) for token in kind.make_tokens(word)]
    revision = kind.extend(new)
    after = with_vocabulary(before, revision)
    kept = tuple(ids for index, ids in enumerate(revision.sources) if index not in revision.added)
    assert revision.added == range(97, 99)
    with torch.no_grad():
        old, found = (our_outputs(f.model, batch_of(f.tokenizer)) for f in (before, after))
    for name in old.keys() - {"mlm"}:
        assert torch.equal(old[name], found[name])
    if "mlm" in old:
        torch.testing.assert_close(found["mlm"][:, : len(kept)], old["mlm"][:, : len(kept)], atol=1e-6, rtol=1e-6)
    table, wider = (f.model.encoder.embeddings.word.weight for f in (before, after))
    for index in revision.added:
        pieces = list(revision.sources[index])
        assert len(pieces) > 1
        torch.testing.assert_close(wider[index], table[pieces].mean(0))
    (tmp_path / "ours").mkdir()
    save_folder(tmp_path / "ours", after)
    theirs = getattr(transformers, case.architecture).from_pretrained(tmp_path / "ours").eval()
    batch = batch_of(after.tokenizer, ["a lemonstrau is", "tratratratratratratratratra"])
    assert {97, 98} <= set(batch.input_ids.tolist())
    with torch.no_grad():
        assert_same_outputs(our_outputs(after.model, batch), their_outputs(theirs, case, batch))


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
@pytest.mark.parametrize("padding", [0, 7])
def test_positions_follow_the_padding_token(family: str, padding: int, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Where positions begin behind the padding id, the position table moves with it."""
    case = Case(FAMILIES[family], frozenset({"mlm"}))
    before = load_folder(save_theirs(case.build(), tokenizer, tmp_path / "theirs"))
    order = [index for index in range(97) if index != 2]
    order.insert(padding, 2)  # config.json's padding token
    kind = kind_of(before)
    tokens = [before.tokenizer.id_to_token(index) for index in order]
    revision = Revision(
        type(kind)(rebuilt(kind.backend, tokens), kind.special_tokens), tuple((index,) for index in order)
    )
    after = with_vocabulary(before, revision)
    config = after.model.config
    assert (config.pad_token_id, config.position_offset) == (padding, padding + 1)
    assert config.num_positions == before.model.config.num_positions
    assert_same_model(before, after, revision.sources)
    (tmp_path / "ours").mkdir()
    save_folder(tmp_path / "ours", after)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "ours").eval()
    batch = batch_of(after.tokenizer)
    inputs = batch.dense(pad_token_id=padding)
    inputs.pop("token_type_ids", None)
    with torch.no_grad():
        logits = theirs(**inputs).logits[inputs["attention_mask"].bool()]
    torch.testing.assert_close(our_outputs(after.model, batch)["mlm"], logits, atol=1e-5, rtol=1e-5)


def test_ids_in_the_config_are_renumbered(tokenizer: Tokenizer, tmp_path: Path) -> None:
    case = Case(FAMILIES["xlm"], frozenset({"mlm"}))
    path = save_theirs(case.build(), tokenizer, tmp_path / "theirs")
    edit_config(path, mask_index=96, mask_token_id=96, bos_token_id=2, lang_id=3)
    before = load_folder(path)
    tokens = [before.tokenizer.id_to_token(index) for index in [*range(5), *range(40, 97)]]
    kind = kind_of(before)
    revision = Revision(
        type(kind)(rebuilt(kind.backend, tokens), kind.special_tokens),
        tuple((index,) for index in [*range(5), *range(40, 97)]),
    )
    (tmp_path / "ours").mkdir()
    save_folder(tmp_path / "ours", with_vocabulary(before, revision))
    written = read_json(tmp_path / "ours" / "config.json")
    assert {key: written[key] for key in ("mask_index", "mask_token_id", "bos_token_id", "lang_id")} == {
        "mask_index": 61,
        "mask_token_id": 61,
        "bos_token_id": 2,
        "lang_id": 3,
    }


def test_rows_are_copied_to_the_bit_or_averaged() -> None:
    table = torch.randn(7, 3)
    rows = choose_rows(table, [(4,), (0,), (1, 1, 3), (4,)])
    assert torch.equal(rows[[0, 1, 3]], table[[4, 0, 4]])
    torch.testing.assert_close(rows[2], (2 * table[1] + table[3]) / 3)
    assert torch.equal(choose_rows(table[:, 0], [(6,), (2, 5)]), torch.stack([table[6, 0], table[[2, 5], 0].mean()]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {},
            "num_tokens = 0 and 0 tokens: give one of the two, a number of tokens to find in inputs, or a list",
        ),
        (
            {"num_tokens": 7, "tokens": ["a"], "inputs": [{"path": "a"}]},
            "num_tokens = 7 and 1 tokens: give one of the two, a number of tokens to find in inputs, or a list",
        ),
        ({"num_tokens": 7}, "num_tokens = 7 are to be found, but there is no text; add inputs"),
        ({"num_tokens": -1}, "num_tokens = -1: input should be greater than or equal to 0"),
    ],
)
def test_what_extend_needs(values: dict[str, object], expected: str) -> None:
    with pytest.raises(UserError) as error:
        ExtendTable.parse(values, "here")
    assert str(error.value) == f"here: {expected}"


def test_what_trim_needs() -> None:
    with pytest.raises(UserError, match=r"^here: missing key 'inputs'$"):
        TrimTable.parse({}, "here")
    with pytest.raises(UserError, match=r"^here: inputs = \[\]: at least 1 is needed"):
        TrimTable.parse({"inputs": []}, "here")
