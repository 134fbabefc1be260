"""The parts of a layer that have a definition of their own."""

from dataclasses import replace
from typing import get_args

import torch
from transformers.activations import ACT2FN
from transformers.models.roberta.modeling_roberta import RobertaEmbeddings
from transformers.models.xlm.modeling_xlm import create_sinusoidal_embeddings

from encodery.batch import Sequence, pack
from encodery.model.config import EncoderConfig
from encodery.model.layers import ACTIVATIONS, POSITIONS, SinusoidalPositions, fairseq_positions


def test_there_is_a_function_for_each_activation_that_a_config_may_name() -> None:
    assert sorted(ACTIVATIONS) == sorted(get_args(EncoderConfig.model_fields["hidden_act"].annotation))


def test_activations_are_those_that_transformers_has_under_the_same_name() -> None:
    x = torch.linspace(-7, 7, 1009)
    for name, function in ACTIVATIONS.items():
        torch.testing.assert_close(function(x), ACT2FN[name](x), atol=1e-6, rtol=1e-5)


def test_there_is_a_module_for_each_kind_of_position_that_a_config_may_name() -> None:
    assert sorted([*POSITIONS, "rope"]) == sorted(get_args(EncoderConfig.model_fields["position"].annotation))


def test_sinusoids_are_those_of_transformers_and_are_not_trained() -> None:
    for hidden_size in (33, 34):  # an odd width ends on a sine
        positions = SinusoidalPositions(61, hidden_size)
        expected = create_sinusoidal_embeddings(61, hidden_size, torch.empty(61, hidden_size))
        torch.testing.assert_close(positions.weight, expected, atol=1e-7, rtol=0)
        chosen = torch.tensor([60, 0, 7])
        assert torch.equal(positions(chosen), positions.weight[chosen])
        assert list(positions.parameters()) == []
        assert list(positions.state_dict()) == ["weight"]


def test_padding_tokens_that_a_text_spells_out_are_not_counted() -> None:
    """As RoBERTa's code in `transformers` numbers a padded batch, row by row."""
    generator = torch.Generator().manual_seed(5)
    rows = [torch.randint(0, 5, (length,), generator=generator).tolist() for length in (7, 1, 23, 11)]
    batch = pack([Sequence(row) for row in [*rows, [3, 3, 3], [1, 2]]])
    for padding in (1, 3):
        expected = [
            RobertaEmbeddings.create_position_ids_from_input_ids(torch.tensor([row]), padding)[0]
            for row in [*rows, [3, 3, 3], [1, 2]]
        ]
        assert torch.equal(fairseq_positions(batch, padding) + padding + 1, torch.cat(expected))
    assert torch.equal(fairseq_positions(batch, 97), batch.position_ids)
    moved = replace(batch, position_ids=batch.position_ids + 5)
    assert torch.equal(fairseq_positions(moved, 97), batch.position_ids + 5)
