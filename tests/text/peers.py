"""The tokenizers of `transformers` over the folders that we write."""

import json
import os
from pathlib import Path
from typing import Any

from encodery.text.tokenizer import Tokenizer

os.environ["HF_HUB_OFFLINE"] = "1"


def peer_of(tokenizer: Tokenizer, model_type: str, folder: Path) -> Any:
    """What `AutoTokenizer` makes of a tokenizer that we save."""
    from transformers import AutoTokenizer

    tokenizer.save(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    return AutoTokenizer.from_pretrained(folder)


def check_same(tokenizer: Tokenizer, peer: Any, text: str, pair: str | None, max_length: int | None) -> None:
    """The same ids, cut in the same way."""
    want = peer(text, pair, truncation="longest_first" if max_length else False, max_length=max_length)
    assert tokenizer.encode(text, pair, max_length).input_ids == want["input_ids"]
