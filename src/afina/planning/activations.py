"""Bytes that a forward pass keeps for its backward pass: by formula before anything ran, by a count afterwards.

Per block and token, in elements: what each matrix puts out, once more the widest of it (the non-linearity keeps both
its sides), and five times the width (two norms and two dropouts keep their inputs or masks, the residual stream its
sum). Per pair of positions and head, three elements where dropout acts on attention weights: the weights, the mask,
the product; fused attention keeps none. It is Korthikanti et al. 2022 (arXiv:2205.05198, eq. 1), but for the masks:
there they take a byte, in torch on the CPU an element.

Shapes: S sequences, T tokens of the longest.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from afina.models.contract import Model

SCORES_KEPT = 3
"""Elements per pair of positions and head that attention with dropout keeps."""

SUM_BYTES = 4
"""Bytes of a number of what enters a block, at least."""

WIDTHS_KEPT = 5
"""Elements per token and unit of width that a block keeps beside what its matrices put out."""


@dataclass(frozen=True, slots=True)
class Activations:
    """What a forward pass keeps, as a function of the batch: `constant + per_token * S * T + per_pair * S * T ** 2`.

    Attributes:
        constant: Bytes whatever the batch, such as weights cast to the precision of the computation.
        per_token: Bytes per padded position.
        per_pair: Bytes per pair of positions of a sequence.
    """

    constant: float
    per_token: float
    per_pair: float

    def num_bytes(self, num_sequences: float, num_tokens: float) -> float:
        """Return the bytes kept for a batch of S sequences of T tokens."""
        return self.constant + num_sequences * (self.per_token * num_tokens + self.per_pair * num_tokens**2)

    def scaled(self, factor: float) -> Activations:
        """Return what is kept when `factor` times as many blocks keep anything."""
        return Activations(self.constant * factor, self.per_token * factor, self.per_pair * factor)


@dataclass(frozen=True, slots=True)
class Learning:
    """The blocks through which gradients flow.

    Attributes:
        num_blocks: How many, counted from the top.
        cuts_last: Whether the topmost computes only positions that are read, and so keeps next to nothing.
        element_bytes: Bytes of a number in the precision of the computation.
    """

    num_blocks: int
    cuts_last: bool
    element_bytes: int

    @property
    def num_recomputed(self) -> int:
        """Those that gradient checkpointing computes again: all but the topmost."""
        return max(0, self.num_blocks - 1)

    @property
    def num_whole(self) -> int:
        """Those that keep everything without it, at least one."""
        return max(1, self.num_blocks - 1 if self.cuts_last else self.num_blocks)


@dataclass(frozen=True, slots=True)
class BlockShape:
    """The sizes of one block that its memory depends on.

    Attributes:
        width: Width of the hidden state.
        outputs: Sum of the widths of what its matrices put out.
        widest: The widest of them.
        num_heads: Attention heads.
        num_blocks: Blocks of the model.
        num_weights: Elements of all blocks' parameters.
    """

    width: int
    outputs: int
    widest: int
    num_heads: int
    num_blocks: int
    num_weights: int


def block_shape(model: Model) -> BlockShape:
    """Read the sizes off a model's top block."""
    block = model.block_modules[-1]
    outputs = [layer.out_features for layer in block.modules() if isinstance(layer, nn.Linear)]
    width = int(model.network.config.hidden_size)
    return BlockShape(
        width=width,
        outputs=sum(outputs),
        widest=max(outputs, default=width),
        num_heads=int(getattr(model.network.config, "num_attention_heads", 1)),
        num_blocks=len(model.blocks.blocks),
        num_weights=sum(weight.numel() for module in model.block_modules for weight in module.parameters()),
    )


def formula(shape: BlockShape, num_learning_blocks: int, element_bytes: int) -> Activations:
    """Return what is kept when the topmost `num_learning_blocks` learn; an upper bound where few of their weights do.

    Args:
        shape: The block.
        num_learning_blocks: Blocks through which gradients flow.
        element_bytes: Bytes of a number in the precision of the computation.
    """
    per_token = shape.outputs + shape.widest + WIDTHS_KEPT * shape.width
    return Activations(0.0, per_token * element_bytes, SCORES_KEPT * shape.num_heads * element_bytes).scaled(
        num_learning_blocks
    )


def recomputing(kept: Activations, shape: BlockShape, learning: Learning) -> Activations:
    """Return what is kept when all learning blocks but the topmost keep their input alone and are computed again.

    At the peak there are the inputs of those blocks, and inside one block everything.

    Args:
        kept: What is kept when nothing is computed again.
        shape: The block.
        learning: The blocks through which gradients flow.
    """
    if learning.num_recomputed == 0:
        return kept
    one = kept.scaled(1 / learning.num_whole)
    # The sum that runs through all blocks is not rounded to the precision of their matrices.
    inputs = learning.num_recomputed * shape.width * max(SUM_BYTES, learning.element_bytes)
    return Activations(one.constant, one.per_token + inputs, one.per_pair)


def passing(shape: BlockShape, element_bytes: int) -> Activations:
    """Return what is there for a moment while one block is computed, kept or not."""
    return Activations(
        0.0, (shape.outputs + shape.widest + 2 * shape.width) * element_bytes, 2 * shape.num_heads * element_bytes
    )
