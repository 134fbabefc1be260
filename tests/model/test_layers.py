"""The parts of a layer that have a definition of their own."""

from typing import get_args

import torch
from transformers.activations import ACT2FN

from encodery.model.config import EncoderConfig
from encodery.model.layers import ACTIVATIONS


def test_there_is_a_function_for_each_activation_that_a_config_may_name() -> None:
    assert sorted(ACTIVATIONS) == sorted(get_args(EncoderConfig.model_fields["hidden_act"].annotation))


def test_activations_are_those_that_transformers_has_under_the_same_name() -> None:
    x = torch.linspace(-7, 7, 1009)
    for name, function in ACTIVATIONS.items():
        torch.testing.assert_close(function(x), ACT2FN[name](x), atol=1e-6, rtol=1e-5)
