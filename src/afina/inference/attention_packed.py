"""Attention over a pack, written out as one product for each run of documents, with its gradient.

No work is done between documents, which a mask over the whole pack would only hide. A document's scores, weights and
sums are its own products on views of the pack: nothing is gathered, except where several documents of one length are
computed together. Grouped-query heads are folded into the queries, so keys are not repeated.

The kernel goes by length. Measured on two cores, forward and backward, heads of 32 and 64 (milliseconds, lower is
better; torch's own kernel in a loop over documents / this one): 32 documents of 20 tokens 16.4 / 4.5 in bfloat16, 7.8 /
3.8 in float32; 32 of 8 to 512 tokens 67.8 / 18.7 and 38.1 / 13.9; 12 of about 165 tokens 36.4 / 14.0 and 28.9 / 15.0.
Below `FLOAT32_BELOW` keys, single products of bfloat16 numbers are slower than those of float32 ones.

CPU alone: on a GPU, `varlen_attn` or FlexAttention would do this work. They are left out until they could be run on
one; there, batches are padded.

Shapes: N heads, V key heads, Q queries, T keys, D head width, R documents of a run.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from afina.inference.attention_runs import Pattern, Run
from afina.inference.dropout import keep_mask, keep_scale

FLOAT32_BELOW = 64
"""Keys below which a document alone is computed in float32, whatever the model computes in, and every softmax is."""


def attend_packed(
    query_1NQD: Tensor, key_1VTD: Tensor, value_1VTD: Tensor, pattern: Pattern, dropout: float, scale: float
) -> Tensor:
    """Return softmax(Q K' * scale) V within each document, shape (1, Q, N, D).

    Raises:
        NotImplementedError: If there are more sequences than one, or other queries than the pack's.
    """
    if len(query_1NQD) != 1 or key_1VTD.shape[2] < pattern.packing.num_tokens:
        raise NotImplementedError("attention was asked for something else than the pack")
    runs = pattern.runs(query_1NQD.shape[2])
    output: Tensor = _Packed.apply(query_1NQD, key_1VTD, value_1VTD, runs, dropout, scale)  # type: ignore[no-untyped-call]
    return output


class _Packed(torch.autograd.Function):
    """Softmax attention over runs; what is not kept is computed again on the way back."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, runs: tuple[Run, ...], dropout: float, scale: float
    ) -> Tensor:
        _, heads, queries, width = query.shape
        output_QND = query.new_empty(queries, heads, width)
        kept: list[Tensor] = []
        seeds: list[int] = []
        # The products' precision is chosen here, run by run.
        with torch.autocast(query.device.type, enabled=False):
            for run in runs:
                seed = int(torch.randint(2**62, ())) if dropout and not run.is_kept else 0
                product = _Product(run, query, key, value, scale)
                weights = product.weights()
                drop = product.drop(weights, dropout, seed)
                summed = torch.bmm(product.dropped(weights, drop), product.value)
                product.write(output_QND, summed, keep_scale(dropout) if dropout else 1.0)
                if run.is_kept:
                    kept += [weights] if drop is None else [weights, drop]
                seeds.append(seed)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.rest = (runs, seeds, dropout, scale)
        return output_QND[None]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, *kept = ctx.saved_tensors
        runs, seeds, dropout, scale = ctx.rest
        gain = keep_scale(dropout) if dropout else 1.0
        to_query, to_key, to_value = (_like(tensor) for tensor in (query, key, value))
        saved = iter(kept)
        with torch.autocast(query.device.type, enabled=False):
            for run, seed in zip(runs, seeds, strict=True):
                product = _Product(run, query, key, value, scale)
                weights = next(saved) if run.is_kept else product.weights()
                drop = next(saved) if dropout and run.is_kept else product.drop(weights, dropout, seed)
                gradient = product.of_queries(gradients[0].transpose(1, 2), gain)
                product.add(to_value, torch.bmm(product.dropped(weights, drop).transpose(1, 2), gradient))
                to_weights = torch.bmm(gradient, product.value.transpose(1, 2)).to(weights.dtype)
                if drop is not None:
                    to_weights.mul_(drop)
                to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype).to(product.dtype)
                product.write(to_query[0].transpose(0, 1), torch.bmm(to_scores, product.key), scale)
                product.add(to_key, torch.bmm(to_scores.transpose(1, 2), product.query))
        return to_query, to_key, to_value, None, None, None


class _Product:
    """The factors of one run, folded as (R*V, length, D); queries that share a key head are one after the other."""

    def __init__(self, run: Run, query: Tensor, key: Tensor, value: Tensor, scale: float) -> None:
        self.run = run
        self.key_heads = key.shape[1]
        dtype = query.dtype
        exact = torch.promote_types(dtype, torch.float32) if run.num_keys < FLOAT32_BELOW else dtype
        self.dtype, self.softmax_dtype = exact if run.count == 1 else dtype, exact
        self.query = self.of_queries(query, scale)
        self.key, self.value = self._of_keys(key), self._of_keys(value)

    def of_queries(self, values_1NQD: Tensor, factor: float) -> Tensor:
        """Return the run's part of values that queries have, times `factor`."""
        _, heads, _, width = values_1NQD.shape
        part_RNLD = self._apart(values_1NQD[0, :, self.run.queries])
        laid_out = torch.empty(part_RNLD.shape, dtype=self.dtype, device=part_RNLD.device)
        torch.mul(part_RNLD, factor, out=laid_out)
        return laid_out.view(self.run.count * self.key_heads, -1, width)

    def weights(self) -> Tensor:
        """Return who looks at whom, each query's sum 1."""
        run = self.run
        scores = torch.bmm(self.query, self.key.transpose(1, 2))
        if run.hidden is not None:
            by_query = scores.view(run.count, -1, run.hidden.shape[-2], scores.shape[-1])
            by_query.masked_fill_(run.hidden, torch.finfo(scores.dtype).min)
        return torch.softmax(scores, -1, dtype=self.softmax_dtype)

    def dropped(self, weights: Tensor, drop: Tensor | None) -> Tensor:
        """Return the weights that values are summed with."""
        return (weights if drop is None else weights * drop).to(self.dtype)

    def drop(self, weights: Tensor, dropout: float, seed: int) -> Tensor | None:
        """Return ones and, for weights to be dropped, zeros; the same for the same seed other than 0."""
        if not dropout:
            return None
        generator = torch.Generator().manual_seed(seed) if seed else None
        return keep_mask(weights.shape, weights.dtype, dropout, generator=generator)

    def write(self, target_QND: Tensor, folded: Tensor, factor: float) -> None:
        """Put `folded * factor` where the run's queries stand."""
        heads, width = target_QND.shape[1:]
        part_RNLD = folded.view(self.run.count, heads, -1, width)
        part_RLND = target_QND[self.run.queries].view(self.run.count, -1, heads, width)
        part_RLND.copy_(part_RNLD.transpose(1, 2) if factor == 1.0 else part_RNLD.transpose(1, 2) * factor)

    def add(self, target_1VTD: Tensor, folded: Tensor) -> None:
        """Put, or add to what is there, what each key gets where it stands."""
        run = self.run
        num_shared = run.prefix.stop - run.prefix.start
        if num_shared:
            target_1VTD[0, :, run.prefix] += folded[:, :num_shared]
            folded = folded[:, num_shared:]
        part_RVMD = folded.reshape(run.count, self.key_heads, -1, folded.shape[-1])
        place_RVMD = self._apart(target_1VTD[0, :, run.keys])
        if num_shared or not run.is_kept:
            place_RVMD.add_(part_RVMD)
        else:
            # All queries of these keys are here, but for continuations, which come later.
            place_RVMD.copy_(part_RVMD)

    def _of_keys(self, values_1VTD: Tensor) -> Tensor:
        run = self.run
        if run.count > 1:
            part_RVMD = self._apart(values_1VTD[0, :, run.keys])
            return part_RVMD.to(self.dtype).reshape(run.count * self.key_heads, -1, values_1VTD.shape[-1])
        own = values_1VTD[0, :, run.keys]
        if run.prefix.stop > run.prefix.start:
            own = torch.cat([values_1VTD[0, :, run.prefix], own], 1)
        return own.to(self.dtype)

    def _apart(self, values_NQD: Tensor) -> Tensor:
        """Return documents side by side as a dimension of their own, shape (R, N, L, D)."""
        heads, length, width = values_NQD.shape
        return values_NQD.view(heads, self.run.count, length // self.run.count, width).transpose(0, 1)


def _like(values_1NTD: Tensor) -> Tensor:
    """Return zeros in the layout that the projection's gradient wants, so that it is not copied once more."""
    _, heads, length, width = values_1NTD.shape
    return values_1NTD.new_zeros(1, length, heads, width).transpose(1, 2)
