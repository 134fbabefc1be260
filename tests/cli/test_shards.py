"""Token shards to Megatron's layout and back, from the command line."""

from pathlib import Path

from tests.cli.refusals import Command, refused


def test_there_and_back_is_the_same_to_the_byte(done: Path, encodery: Command) -> None:
    shards = Path("runs/tiny/shards/train")
    code, out, err = encodery("shards", "export", str(shards), "--to", "out/data")
    assert (code, err) == (0, "")
    assert out.endswith(" tokens: out/data.bin and .idx\n")
    tokenizer = ("--tokenizer", "runs/tiny/tokenizer")
    code, out, err = encodery("shards", "import", "out/data", "--to", "again", *tokenizer)
    assert (code, err) == (0, "")
    assert out.startswith("again: ")
    for file in (done / shards).iterdir():
        assert (done / "again" / file.name).read_bytes() == file.read_bytes()
    assert refused(encodery, "shards", "import", "out/data", "--to", "again", *tokenizer) == (
        "again: is there already; remove it or name another folder"
    )
    assert refused(encodery, "shards", "export", str(shards), "--to", "out/data") == (
        "out/data.bin: is there already; remove it or choose another name"
    )
    code, _, _ = encodery("shards", "import", "en=out/data", "--to", "english", *tokenizer)
    assert code == 0
    assert '"languages": [\n  "en"\n ]' in (done / "english" / "shards.json").read_text()


def test_datatroves_layout(done: Path, encodery: Command) -> None:
    code, out, _ = encodery("shards", "export", "runs/tiny/shards/train", "--to", "out.ds")
    assert (code, out.endswith(" tokens: out.ds\n")) == (0, True)
    code, out, _ = encodery("shards", "import", "out.ds", "--to", "again", "--tokenizer", "runs/tiny/tokenizer")
    assert code == 0
    ids = "ids-00000.bin"
    assert (done / "again" / ids).read_bytes() == (done / "runs/tiny/shards/train" / ids).read_bytes()


def test_what_cannot_be_read(done: Path, encodery: Command) -> None:
    message = refused(encodery, "shards", "import", "none", "--to", "new", "--tokenizer", "runs/tiny/tokenizer")
    assert message.startswith("none.idx: cannot be read (No such file or directory); a data set is named without")
    assert not (done / "new").exists()
    assert refused(encodery, "shards", "export", "runs/tiny", "--to", "x").startswith("runs/tiny/shards.json: cannot")
