"""What would make a run fit, cheapest in quality first.

Fewer rows at once change nothing but speed, and gradient checkpointing costs more of that; Adafactor forgets little of
what AdamW knows; shorter rows lose their ends; fewer moving blocks learn less; a head alone learns least. SGD is not
offered: it needs more memory than Adafactor and trains these models worse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from afina.base import registry
from afina.base.messages import say
from afina.models.contract import Model
from afina.planning import footprint
from afina.planning.activations import Activations, BlockShape, Learning, passing, recomputing
from afina.planning.figures import Mend
from afina.planning.footprint import Parts, Room
from afina.planning.span import Span
from afina.planning.state import state_bytes
from afina.planning.storage import Storage, storage
from afina.planning.wording import percent
from afina.planning.workload import Sizes, longest_rows
from afina.tuning.contract import TuningReport

FEWEST_TOKENS = 32
"""Rows are not offered to be cut shorter than this."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A run whose memory is asked for, as it is or changed.

    Attributes:
        sizes: The training rows.
        micro_batch_size: Rows computed at once by one process.
        rows_per_process: Rows of one step that a process computes.
        judged: Sequences and tokens of the largest batch that is judged.
        activations: What a batch keeps when nothing is computed again.
        shape: The model's blocks.
        learning: Those through which gradients flow.
        parts: What is held whatever the batch.
        gradient_checkpointing: Whether blocks are computed again on the way back.
        max_tokens: Length at which rows are cut, beyond the recipe's; None for none.
    """

    sizes: Sizes
    micro_batch_size: int
    rows_per_process: int
    judged: tuple[int, int]
    activations: Activations
    shape: BlockShape
    learning: Learning
    parts: Parts
    gradient_checkpointing: Literal["on", "off"] = "off"
    max_tokens: int | None = None

    @property
    def full_parts(self) -> Parts:
        """The parts with those that depend on the batch."""
        rows = longest_rows(self.sizes, self.micro_batch_size)
        sequences = int(self.sizes.num_documents[rows].sum())
        tokens = self._cut(self.sizes.width(int(self.sizes.longest[rows].max())))
        momentary = passing(self.shape, self.learning.element_bytes)
        return replace(
            self.parts,
            kept=self.keeping.num_bytes(sequences, tokens),
            passing=momentary.num_bytes(sequences, tokens),
            judging=momentary.num_bytes(self.judged[0], self._cut(self.judged[1])),
            accumulates=self.micro_batch_size < self.rows_per_process,
        )

    @property
    def keeping(self) -> Activations:
        """What a batch keeps as the run is."""
        if self.gradient_checkpointing == "off":
            return self.activations
        return recomputing(self.activations, self.shape, self.learning)

    def peak(self, room: Room) -> tuple[Span, str]:
        """Return the most memory that is held, and when."""
        return footprint.peak(self.full_parts, room)

    def fits(self, room: Room) -> bool:
        """Return whether even the high end fits."""
        return self.peak(room)[0].high <= room.limit_bytes

    def _cut(self, tokens: int) -> int:
        return tokens if self.max_tokens is None else min(tokens, self.max_tokens)


def for_memory(case: Case, room: Room, model: Model, report: TuningReport) -> tuple[Mend, ...]:
    """Return changes with which a run fits into memory, cheapest in quality first; never none.

    Args:
        case: The run as it is.
        room: The memory there is.
        model: Its model.
        report: What moves.
    """
    found: dict[str, Mend] = {}
    for kind, overrides, price, changed in _changes(case, model, report):
        fitting = next((smaller for smaller in _halved(changed) if smaller.fits(room)), None)
        if fitting is not None and kind not in found:
            rows = fitting.micro_batch_size
            fewer = (f"training.micro_batch_size={rows}",) if rows < case.micro_batch_size else ()
            found[kind] = Mend((*overrides, *fewer), price)
    last = say("A smaller base, or a machine with more memory.")
    return (*found.values(), Mend((), last))


def for_disk(
    case: Case, needed: Storage, free_bytes: int, model: Model, report: TuningReport, cache_bytes: int = 0
) -> tuple[Mend, ...]:
    """Return changes with which a run fits on the disk, those that cost no quality first.

    Args:
        case: The run as it is.
        needed: The disk that it takes.
        free_bytes: What is free.
        model: Its model.
        report: What moves.
        cache_bytes: What the prefix cache takes of what is free.
    """
    found = [Mend((), say("Free some space, or name a folder on another disk with output=."))]
    if cache_bytes and needed.peak.high <= free_bytes:
        found.append(Mend(("training.prefix_cache=off",), say("the same result, more slowly")))
    learning = len(model.blocks.blocks) - report.frozen_blocks
    for number in _halves(learning, 1):
        parts = _upper(case, model, number, learning).parts
        if storage(parts.moving, parts.state, needed.model, needed.num_saves).peak.high <= free_bytes - cache_bytes:
            price = say("smaller checkpoints, since fewer weights move")
            found.append(Mend(("tuning=last-blocks", f"tuning.num_blocks={number}"), price))
            break
    return tuple(found)


def _changes(case: Case, model: Model, report: TuningReport) -> Iterator[tuple[str, tuple[str, ...], str, Case]]:
    """Yield kinds of changes with their overrides, their price and the changed run, the cheapest in quality first."""
    yield "rows", (), say("the same result, a little more slowly"), case
    if case.gradient_checkpointing == "off" and case.learning.num_recomputed:
        price = say("the same result, about a third more slowly")
        again = replace(case, gradient_checkpointing="on")
        yield "checkpointing", ("training.gradient_checkpointing=on",), price, again
    state = _state("adafactor", model, report)
    if state < case.parts.state:
        price = say("about as good, in a fraction of the optimiser's memory")
        yield "optimizer", ("training.optimizer=adafactor",), price, _with(case, state=float(state))
    # Rows read in windows would only become more windows.
    longest = int(case.sizes.longest.max()) if case.sizes.num_documents.max() == 1 else 0
    for tokens in _halves(longest, FEWEST_TOKENS):
        share = float((case.sizes.longest > tokens).mean())
        price = say("the end of {share} of the rows is not read", share=percent(share))
        yield "tokens", (f"data.max_tokens={tokens}",), price, replace(case, max_tokens=tokens)
    learning = len(model.blocks.blocks) - report.frozen_blocks
    for number in _halves(learning, 1):
        price = say("what the base knows can be bent less")
        yield (
            "blocks",
            ("tuning=last-blocks", f"tuning.num_blocks={number}"),
            price,
            _upper(case, model, number, learning),
        )
    if learning:
        price = say("only a head on the base's own features learns")
        yield "head", ("tuning=head",), price, _upper(case, model, 0, learning)


def _upper(case: Case, model: Model, num_blocks: int, num_learning: int) -> Case:
    """Return a run in which only the top `num_blocks` of `num_learning` blocks move."""
    blocks = model.blocks
    top = [name for block in blocks.blocks[len(blocks.blocks) - num_blocks :] for name in block] if num_blocks else []
    names = frozenset([*top, *(blocks.top if num_blocks else ()), *blocks.head])
    moving = footprint.parts_of(model, names, 0.0)
    state = case.parts.state * moving.moving / max(case.parts.moving, 1.0)
    kept = case.activations.scaled(num_blocks / num_learning)
    learning = replace(case.learning, num_blocks=num_blocks)
    return replace(case, parts=replace(moving, state=state), activations=kept, learning=learning)


def _with(case: Case, state: float) -> Case:
    return replace(case, parts=replace(case.parts, state=state))


def _state(kind: str, model: Model, report: TuningReport) -> int:
    make = registry.build("engine.optimizers", registry.config("engine.optimizers", kind)())
    return state_bytes(make, report.groups, dict(model.named_parameters()))


def _halved(case: Case) -> Iterator[Case]:
    """Yield a run with its micro-batch as it is, halved, halved again, down to one row."""
    rows = case.micro_batch_size
    while rows >= 1:
        yield replace(case, micro_batch_size=rows)
        rows //= 2


def _halves(number: int, lowest: int) -> Iterator[int]:
    while number // 2 >= lowest:
        number //= 2
        yield number
