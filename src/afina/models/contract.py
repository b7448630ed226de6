"""What the models floor hands up: a network whose blocks are known, with a head that fits the task.

Shapes: S sequences, T tokens, B rows, H hidden width, C outputs, V virtual tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from afina.base.types import Batch, Family, Layout, Packing
from afina.models.depths import Blocks, rewired
from afina.models.probing import probe_inputs

Pooling = Literal["cls", "mean", "last"]
"""How a text becomes one vector: its first position, the mean of its real positions, or its last real position."""


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """The head a task asks for.

    Attributes:
        labels: Names of the outputs, in order; one name for a real number.
        problem: `single` (one class), `multi` (any number of classes) or `regression`.
        pooling: How the text is pooled below the head.
    """

    labels: tuple[str, ...]
    problem: Literal["single", "multi", "regression"]
    pooling: Pooling


class PooledHead(nn.Module):
    """Dropout and one linear layer on a text's pooled vector."""

    def __init__(self, width: int, num_outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, num_outputs)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, pooled_SH: Tensor) -> Tensor:
        """Return outputs of shape (S, C)."""
        return self.linear(self.dropout(pooled_SH))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from, as its run and its card record it.

    Attributes:
        name: What the recipe called it.
        folder: The folder its files were read from.
        fingerprint: SHA-256 of its weights, hexadecimal.
        facts: Sentences a user should know before relying on it.
    """

    name: str
    folder: str
    fingerprint: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a network was loaded, and by what its parameters were sorted.

    Attributes:
        family: The kind of network.
        blocks: Its parameters by depth.
        set_aside: Modules of the network that nothing reads while the model runs; saving puts them back.
    """

    family: Family
    blocks: Blocks
    set_aside: Mapping[str, nn.Module] = field(default_factory=dict)


class Model(nn.Module):
    """A network with known blocks, a pooling and a head.

    With `cls` pooling the network is transformers' own sequence classifier, head included, so what is saved is what
    plain transformers loads. Otherwise the network is the bare base and the head is a `PooledHead`.

    Args:
        network: The transformers model.
        head: The head beside it, or None when the network has its own.
        wiring: What was found out about the network.
        layout: What it takes.
        spec: The head asked for.
        origin: Where it came from.
    """

    def __init__(
        self, network: Any, head: PooledHead | None, *, wiring: Wiring, layout: Layout, spec: HeadSpec, origin: Origin
    ) -> None:
        super().__init__()
        self.network = network
        self.head = head
        self.family = wiring.family
        self.blocks = wiring.blocks
        self.set_aside = dict(wiring.set_aside)
        self.layout = layout
        self.spec = spec
        self.origin = origin

    @property
    def encoder(self) -> Any:
        """The network without its head."""
        return self.network.base_model if self.head is None else self.network

    @property
    def probe(self) -> dict[str, Tensor]:
        """The smallest input that the network can be run on, by the names it takes it under."""
        return probe_inputs(self.network)

    def rewire(self, change: Callable[[Any], Any]) -> Mapping[str, str]:
        """Let a technique change the network, and find its parameters by depth again.

        Args:
            change: Takes the network and returns it, changed in place or wrapped.

        Returns:
            What each parameter that was there before was called then, by its name now.
        """
        before = {id(parameter): name for name, parameter in self.named_parameters()}
        modules = self.block_modules
        self.network = change(self.network)
        parameters = dict(self.named_parameters())
        aliases = {name: before[id(parameter)] for name, parameter in parameters.items() if id(parameter) in before}
        paths = {id(module): path for path, module in self.named_modules()}
        self.blocks = rewired(self.blocks, parameters, aliases, [paths[id(module)] for module in modules])
        return aliases

    def forward(
        self,
        input_ids_ST: Tensor,
        attention_mask_ST: Tensor,
        token_type_ids_ST: Tensor | None = None,
        owner_S: Tensor | None = None,
        num_rows: int | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """Return the head's outputs, shape (B, C): a row cut into windows gets the mean over its windows.

        Documents that share a sequence (`packing`) are sequences of their own again above the last block.
        """
        inputs = self._inputs(input_ids_ST, attention_mask_ST, token_type_ids_ST, packing)
        if self.head is None:
            outputs_SC = self.network(**inputs).logits
        else:
            states_STH = self.encoder(**inputs).last_hidden_state
            mask_ST = attention_mask_ST if packing is None else packing.read_mask
            outputs_SC = self.head(_pooled(states_STH, mask_ST, self.spec.pooling))
        return _over_windows(outputs_SC, owner_S, num_rows)

    def features(self, batch: Batch) -> Tensor:
        """Return what the head reads before any dropout of its own, shape (B, H): the pooled last hidden state."""
        inputs = self._inputs(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.packing)
        states_STH = self.encoder(**inputs).last_hidden_state
        mask_ST = batch.attention_mask if batch.packing is None else batch.packing.read_mask
        pooled_SH = _pooled(states_STH, mask_ST, self.spec.pooling)
        return _over_windows(pooled_SH, batch.owner, len(batch))

    def rescale_outputs(self, scale: float, shift: float) -> None:
        """Make the last layer's outputs `scale` times as large and then `shift` larger."""
        parameters = dict(self.named_parameters())
        weight = [name for name in self.blocks.head if parameters[name].ndim == 2][-1]
        with torch.no_grad():
            parameters[weight].mul_(scale)
            parameters[weight.removesuffix("weight") + "bias"].mul_(scale).add_(shift)

    def train(self, mode: bool = True) -> Model:
        """Set training mode; a part in which nothing moves stays in evaluation mode, its dropout off.

        So does every batch norm: the statistics of a small batch are worse than those that the base brings.
        """
        super().train(mode)
        if mode:
            self._quieten(self, {id(block) for block in self.block_modules})
            self._quieten_dropouts_below()
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    @property
    def block_modules(self) -> list[nn.Module]:
        """The blocks as modules, from the bottom."""
        return [self.get_submodule(path) for path in self.blocks.paths]

    def _quieten(self, module: nn.Module, blocks: set[int]) -> None:
        # A block is one whole: its dropout acts if anything in it moves.
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
        elif id(module) not in blocks:
            for child in module.children():
                self._quieten(child, blocks)

    def _quieten_dropouts_below(self) -> None:
        # A decoder's dropout on its embeddings stands beside them, in no part that would show that nothing moves.
        parameters = dict(self.named_parameters())
        if not any(parameters[name].requires_grad for name in self.blocks.embeddings):
            for child in self.encoder.children():
                if not any(True for _ in child.parameters()):
                    child.eval()

    def _inputs(
        self, input_ids: Tensor, mask: Tensor, token_types: Tensor | None, packing: Packing | None
    ) -> dict[str, Tensor]:
        inputs = {"input_ids": input_ids, "attention_mask": mask}
        if packing is not None:
            inputs["position_ids"] = packing.position_ids
        if token_types is not None and self.layout.takes_token_types:
            inputs["token_type_ids"] = token_types
        return inputs


def _pooled(states_STH: Tensor, mask_ST: Tensor, pooling: Pooling) -> Tensor:
    # Virtual tokens stand before the text, and belong to no reader.
    states_STH = states_STH[:, states_STH.shape[1] - mask_ST.shape[1] :] if pooling != "cls" else states_STH
    if pooling == "cls":
        return states_STH[:, 0]
    if pooling == "mean":
        weights_ST1 = mask_ST.unsqueeze(-1).to(states_STH.dtype)
        return (states_STH * weights_ST1).sum(1) / weights_ST1.sum(1).clamp(min=1)
    last_S = mask_ST.sum(1).clamp(min=1) - 1
    return states_STH[torch.arange(len(states_STH), device=states_STH.device), last_S]


def _over_windows(outputs_SC: Tensor, owner_S: Tensor | None, num_rows: int | None) -> Tensor:
    if owner_S is None:
        return outputs_SC
    assert num_rows is not None, "the owner of each window needs the number of rows"
    sums_BC = outputs_SC.new_zeros(num_rows, outputs_SC.shape[1]).index_add(0, owner_S, outputs_SC)
    counts_B = torch.bincount(owner_S, minlength=num_rows).to(outputs_SC.dtype)
    return sums_BC / counts_B.unsqueeze(1)
