"""Token by token is as all at once, whatever the layers are, whoever follows whom and whoever leaves."""

from typing import Any

import pytest
import torch
from torch import Tensor

from encodery.batch import Sequence, pack
from encodery.model.config import EncoderConfig
from encodery.model.incremental import Memory
from encodery.model.translator import HEAD, Translator
from tests.model.pairs import AXES, SIZES, make_pairs, make_translator, small, source_of

axes = pytest.mark.parametrize("changes", AXES.values(), ids=AXES)
STEPS = 13


def full(translator: Translator, source: Sequence, tokens: Tensor, languages: Tensor | None) -> Tensor:
    """What comes behind the last of the tokens, by the whole decoder."""
    spoken = None if languages is None else languages.tolist()
    pair = Sequence(tokens.tolist(), language_ids=spoken, source=source)
    return translator.logits(HEAD, pack([pair]))[-1]


class Walk:
    """Random beams of every sentence, as lists of tokens beside a memory."""

    def __init__(self, config: EncoderConfig, beams: int, seed: int = 5) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.config, self.beams = config, beams
        self.translator = make_translator(config)
        self.sources = [pair.source for pair in make_pairs(config)]
        source = source_of(pack(make_pairs(config)))
        self.memory = Memory(self.translator, source, beams, STEPS)
        self.rows = torch.zeros(len(SIZES), beams, 0, dtype=torch.long)
        languages = torch.arange(len(SIZES)) % max(1, config.num_languages)
        self.languages = languages if config.has_language_embeddings else None
        self.places = list(range(len(SIZES)))

    def step(self) -> None:
        tokens = torch.randint(3, self.config.vocab_size, self.rows.shape[:2], generator=self.generator)
        self.rows = torch.cat([self.rows, tokens[:, :, None]], 2)
        languages = None if self.languages is None else self.languages.repeat_interleave(self.beams)
        found = self.memory.logits(tokens.flatten(), languages).view(*tokens.shape, -1)
        for number, place in enumerate(self.places):
            source = self.sources[place]
            assert source is not None
            for beam in range(self.beams):
                read = self.rows[number, beam]
                spoken = None if self.languages is None else self.languages[number].expand(len(read))
                expected = full(self.translator, source, read, spoken)
                torch.testing.assert_close(found[number, beam], expected, atol=2e-5, rtol=2e-5)

    def follow(self) -> None:
        parents = torch.randint(self.beams, self.rows.shape[:2], generator=self.generator)
        self.memory.follow(parents)
        self.rows = self.rows.gather(1, parents[:, :, None].expand_as(self.rows))

    def leave(self, *gone: int) -> None:
        done = torch.zeros(len(self.places), dtype=torch.bool)
        done[list(gone)] = True
        order = self.memory.leave(done)
        assert sorted(order.tolist()) == (~done).nonzero()[:, 0].tolist()
        self.rows = self.rows[order]
        self.places = [self.places[place] for place in order.tolist()]
        self.languages = None if self.languages is None else self.languages[order]


@axes
@torch.no_grad()
def test_one_beam_is_as_the_whole_decoder(changes: dict[str, Any]) -> None:
    walk = Walk(small(**changes), 1)
    for _ in range(STEPS):
        walk.step()


@axes
@torch.no_grad()
def test_beams_carry_their_own_past_though_sentences_leave(changes: dict[str, Any]) -> None:
    walk = Walk(small(**changes), 3)
    for number in range(STEPS):
        walk.step()
        walk.follow()
        if number == 2:
            walk.leave(0, 4)
        if number == 5:
            walk.leave(3)
        if number == 8:
            walk.leave(0, 1)
    assert len(walk.places) == 1


def test_the_memory_is_as_large_as_the_batch_and_no_larger() -> None:
    """Sources are there once, not once for each beam."""
    config = small()
    batch = source_of(pack(make_pairs(config)))
    memory = Memory(make_translator(config), batch, 3, STEPS)
    longest = max(source for _, source in SIZES)
    assert memory._across.numel() == 2 * 2 * len(SIZES) * longest * config.hidden_size
    assert memory._past.numel() == 2 * 2 * len(SIZES) * 3 * STEPS * config.hidden_size
