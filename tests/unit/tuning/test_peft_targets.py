"""Layers by what they are, however their weight is stored."""

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from afina.base.errors import RecipeError
from afina.tuning import _peft_targets
from tests import tiny


@pytest.mark.parametrize(
    ("layer", "is_matrix", "is_layer", "shape"),
    [
        (nn.Linear(3, 5), True, True, (5, 3)),
        (Conv1D(5, 3), True, True, (5, 3)),
        (nn.Conv2d(3, 5, 3), False, True, (5, 3)),
        (nn.Conv2d(4, 8, 3, groups=4), False, False, (8, 4)),
        (nn.Embedding(3, 5), False, False, None),
    ],
)
def test_what_counts_as_a_layer(layer, is_matrix, is_layer, shape):
    assert _peft_targets.is_matrix(layer) is is_matrix
    assert _peft_targets.is_layer(layer) is is_layer
    if shape is not None:
        assert _peft_targets.shape_of(layer) == shape


def test_a_weight_is_outputs_by_inputs():
    layer = Conv1D(5, 3)
    inputs = torch.randn(2, 3)
    torch.testing.assert_close(inputs @ _peft_targets.weight_of(layer).T + layer.bias, layer(inputs))


def test_layers_come_block_by_block_without_the_head(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    found = _peft_targets.layers(model, _peft_targets.is_layer)
    assert [len(block) for block in found] == [6, 6]
    assert all(path.startswith(f"bert.encoder.layer.{depth}.") for depth, block in enumerate(found) for path in block)


def test_blocks_without_a_layer_are_refused_by_the_name_of_the_network(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    with pytest.raises(RecipeError, match="BertForSequenceClassification") as error:
        _peft_targets.find("auto", [{}, {}], "tuning.x.target_modules", model)
    assert error.value.code == "E-TUNING-023"
