"""Packs of a token budget: documents put together so that few of the budget's tokens stay empty.

Best fit, longest first: each document goes where the least room stays, which takes at most 11/9 of the fewest possible
packs (Johnson 1973). What goes together depends on the lengths alone; which document of a length it is, and which pack
comes when, is drawn anew each epoch. Documents in a pack do not see each other, so a fixed pattern of lengths is felt
by nothing that is learnt.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

import numpy as np

from afina.base.errors import DataError
from afina.base.messages import say


def best_fit(sizes: np.ndarray, budget_tokens: int) -> list[np.ndarray]:
    """Put documents into packs of at most `budget_tokens`, each document exactly once.

    Args:
        sizes: Tokens of each document, shape (documents,).
        budget_tokens: The most tokens of a pack.

    Returns:
        The places of each pack's documents, longest first.

    Raises:
        DataError: If documents are longer than the budget; a document is never cut.
    """
    order = np.argsort(-sizes, kind="stable")
    return _grouped(order, _pack_of(sizes[order], budget_tokens))


@dataclass(frozen=True)
class TokenPlan:
    """The packs of a data set, epoch by epoch, each pack within a budget of tokens.

    Attributes:
        sizes: Tokens of each row, a shared prefix counted once, shape (rows,).
        budget_tokens: The most tokens of a pack.
        packs_per_step: Packs of one optimiser step.
        seed: Seed of the order.

    Raises:
        DataError: If rows are longer than the budget; a row is never cut.
    """

    sizes: np.ndarray
    budget_tokens: int
    packs_per_step: int
    seed: int
    _pack_of: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Settle which lengths go together."""
        object.__setattr__(self, "_pack_of", _pack_of(-np.sort(-self.sizes), self.budget_tokens))

    @property
    def num_packs(self) -> int:
        """Packs of one epoch, the same in every epoch."""
        return int(self._pack_of.max(initial=-1)) + 1

    @property
    def steps_per_epoch(self) -> int:
        """Number of optimiser steps that one pass over the rows takes; the last may have fewer packs."""
        return -(-self.num_packs // self.packs_per_step)

    def epoch(self, number: int) -> list[list[np.ndarray]]:
        """Return the packs of each step of an epoch, every row in exactly one of them."""
        generator = np.random.default_rng((self.seed, number))
        shuffled = generator.permutation(len(self.sizes))
        order = shuffled[np.argsort(-self.sizes[shuffled], kind="stable")]
        packs = _grouped(order, self._pack_of)
        packs = [packs[place] for place in generator.permutation(len(packs))]
        size = self.packs_per_step
        return [packs[low : low + size] for low in range(0, len(packs), size)]


def _pack_of(falling: np.ndarray, budget_tokens: int) -> np.ndarray:
    """Return the pack of each document, whose sizes fall."""
    if len(falling) and falling[0] > budget_tokens:
        raise DataError(
            "E-DATA-040",
            say(
                "A row of {tokens} tokens does not fit into a pack of {budget}.",
                tokens=int(falling[0]),
                budget=budget_tokens,
            ),
            where="data.max_tokens",
            mend=say("Shorten the rows (data.max_tokens), or allow more tokens at once."),
        )
    pack_of = np.zeros(len(falling), dtype=np.int64)
    rooms: list[int] = []
    packs_with: dict[int, list[int]] = {}
    num_packs = 0
    for place, size in enumerate(falling.tolist()):
        found = bisect_left(rooms, size)
        if found == len(rooms):
            pack, room = num_packs, budget_tokens
            num_packs += 1
        else:
            room = rooms[found]
            pack = packs_with[room].pop()
            if not packs_with[room]:
                del rooms[found], packs_with[room]
        pack_of[place] = pack
        if room - size not in packs_with:
            packs_with[room - size] = []
            insort(rooms, room - size)
        packs_with[room - size].append(pack)
    return pack_of


def _grouped(order: np.ndarray, pack_of: np.ndarray) -> list[np.ndarray]:
    if not len(order):
        return []
    by_pack = np.argsort(pack_of, kind="stable")
    edges = np.flatnonzero(np.diff(pack_of[by_pack])) + 1
    return np.split(order[by_pack], edges)
