"""One forward for everybody: device, precision, attention and graded positions, the same in training and in use.

Shapes: S sequences, T tokens, B rows, C outputs, H hidden width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from afina.base.errors import SourceError
from afina.base.messages import say
from afina.base.types import Batch, Segments, TargetKind
from afina.data import batching
from afina.inference import attention, dropout, low_rank
from afina.inference.graded import GradedLastBlock
from afina.inference.precision import Precision, autocast, frozen_in
from afina.inference.prefix import Prefix, part_of
from afina.inference.prefix_check import why_not
from afina.inference.segment_check import packable
from afina.inference.unpacking import Unpacking
from afina.inference.widths import widened, width
from afina.models.contract import Model
from afina.tasks.contract import Task

EXACTNESS = 1e-5
"""Largest difference, in float32, between a shortcut and the plain way at which the shortcut is taken."""

EVALUATION_ROWS = 64
"""Rows of a batch that is not trained on."""

LayoutChoice = Literal["auto", "padded", "packed"]
"""How batches are laid out; see `training.layout`."""


class Forward:
    """A model ready to run: a batch goes in, outputs (B, C) come out.

    Shortcuts are taken only after a self-test showed them exact on this very model; those refused are listed in
    `notes`.

    Args:
        model: The model, tuning applied.
        device: Where it runs.
        precision: What it computes in.
        layout: How batches are laid out.
        takes_segments: Whether the technique lets documents share a sequence (`TuningReport.takes_segments`).
    """

    def __init__(
        self,
        model: Model,
        device: torch.device,
        precision: Precision,
        layout: LayoutChoice = "auto",
        takes_segments: bool = True,
    ) -> None:
        self.model = model.to(device=device, dtype=torch.float64 if precision == "float64" else None)
        self.device = device
        self.precision = precision
        self.notes: list[str] = []
        self.graded: GradedLastBlock | None = None
        self.prefix: Prefix | None = None
        self.module: nn.Module = model
        """What is called: the model, or what wraps it for several processes."""
        if device.type == "cpu":
            dropout.put_in(model)
            self.notes.extend(low_rank.put_in(model))
        self.unpacking: Unpacking | None = None
        self._take_shortcuts()
        self._settle_layout(layout, takes_segments)

    def __call__(self, batch: Batch) -> Tensor:
        """Return the head's outputs, shape (B, C)."""
        batch = self._placed(batch)
        with autocast(self.precision, self.device), self._reading(batch):
            outputs: Tensor = self.module(
                batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch), batch.packing
            )
        return outputs

    def in_float32(self) -> Forward:
        """Return the same model run in float32."""
        other = copy.copy(self)
        other.precision = "float32"
        # What is kept was computed in the other precision.
        other.prefix = None
        return other

    def leave_out(self, frozen_blocks: int, moving: Collection[str]) -> str:
        """Get ready to leave out what is frozen below everything that moves; return why that is not possible, or "".

        Nothing is computed or read yet, and rows without entries are run whole as before.

        Args:
            frozen_blocks: Blocks, from the bottom, in and below which nothing ever moves.
            moving: Names of all parameters that move at some time.
        """
        part = part_of(self.model, frozen_blocks, moving, self.graded)
        if part is None:
            return say("nothing at the bottom is frozen")
        reason = why_not(self.model, part, self._probe_rows(), EXACTNESS)
        if reason:
            part.remove()
            return reason
        self.prefix = Prefix(self.model, part, self.device, self.precision)
        return ""

    def compute_all(self) -> None:
        """Leave nothing out any more."""
        if self.prefix is not None:
            self.prefix.remove()
            self.prefix = None

    def collate(self, segments: Sequence[Segments], kind: TargetKind) -> Batch:
        """Lay encoded rows out for this model; where all have entries of the prefix cache, for running without it."""
        if self.prefix is not None and all(segment.cached is not None for segment in segments):
            return self.prefix.collate(segments, kind)
        return batching.collate(segments, self.model.layout, kind)

    def width(self, num_tokens: int) -> int:
        """Return the width in which padded sequences are computed, the longest of which has so many tokens."""
        if not self._has_few_widths:
            return num_tokens
        return width(num_tokens, self.model.layout.max_tokens)

    def portions(
        self, rows: np.ndarray, segments: Sequence[Segments], size: int, rank: int = 0, world_size: int = 1
    ) -> list[np.ndarray]:
        """Cut one step's rows into what one process computes at once; see `batching.portions`."""
        # What is kept of frozen blocks is handed in padded.
        layout = self.model.layout if self.prefix is None else replace(self.model.layout, wants_packs=False)
        return batching.portions(rows, segments, layout, size, rank, world_size)

    def predict(self, task: Task, segments: Sequence[Segments]) -> np.ndarray:
        """Return what the model says of encoded rows, in their order, shape (rows, C), float64."""
        return self._over(segments, task.target_kind, lambda batch: task.predict(self, batch))

    def features(self, task: Task, segments: Sequence[Segments]) -> np.ndarray:
        """Return what the head reads of encoded rows, in their order, shape (rows, H), float32."""

        def pooled(batch: Batch) -> np.ndarray:
            batch = self._placed(batch)
            with autocast(self.precision, self.device), self._reading(batch):
                return self.model.features(batch).float().cpu().numpy()

        return self._over(segments, task.target_kind, pooled)

    def _over(
        self, segments: Sequence[Segments], kind: TargetKind, compute: Callable[[Batch], np.ndarray]
    ) -> np.ndarray:
        if not segments:
            return np.zeros((0, len(self.model.spec.labels)))
        training = self.model.training
        self.model.eval()
        lengths = np.asarray([segment.longest for segment in segments])
        results: list[np.ndarray] = [np.empty(0)] * len(segments)
        try:
            with torch.inference_mode(), self._held(segments):
                for places in batching.in_order(lengths, EVALUATION_ROWS):
                    batch = self.collate([segments[place] for place in places], kind)
                    for place, result in zip(places, compute(batch), strict=True):
                        results[place] = result
        finally:
            self.model.train(training)
        return np.stack(results)

    def _placed(self, batch: Batch) -> Batch:
        batch = batch.to(self.device)
        if not self._has_few_widths:
            return batch
        return widened(batch, self.model.layout.pad_token_id, self.model.layout.max_tokens)

    @property
    def _has_few_widths(self) -> bool:
        return self.precision == "bfloat16" and self.device.type == "cpu"

    def _held(self, segments: Sequence[Segments]) -> AbstractContextManager[None]:
        if self.prefix is not None and all(segment.cached is not None for segment in segments):
            return nullcontext()  # the frozen weights are not read
        return frozen_in(self.precision, self.model)

    @contextmanager
    def _reading(self, batch: Batch) -> Iterator[None]:
        with ExitStack() as shortcuts:
            if self.graded is not None:
                shortcuts.enter_context(self.graded.reading(batch.graded, batch.packing))
            if self.unpacking is not None:
                shortcuts.enter_context(attention.reading(batch))
                shortcuts.enter_context(self.unpacking.reading(batch.packing))
            if self.prefix is not None and batch.cached is not None:
                shortcuts.enter_context(self.prefix.reading(batch))
            yield

    def _take_shortcuts(self) -> None:
        network, training = self.model.network, self.model.training
        self.model.eval()
        own = network.config._attn_implementation
        probe = self._probe()
        with torch.no_grad():
            plain = self._plain(probe)
            self._refuse_blind(probe)
            if not self._agrees(plain, probe, attention.NAME):
                attention.switch(network, own)
                self.notes.append(say("The model's own attention is used: ours does not give the same result on it."))
            elif self.model.spec.pooling == "cls":
                self._try_graded(plain, probe)
        self.model.train(training)

    def _settle_layout(self, asked: LayoutChoice, takes_segments: bool) -> None:
        """Find out whether documents may share a sequence, and let them where that was asked for.

        `auto` pads: a run settles it by its rows first.
        """
        self.model.layout = replace(self.model.layout, takes_segments=False, wants_packs=asked == "packed")
        # Packs are read on a CPU, by our attention.
        is_ours = self.model.network.config._attn_implementation == attention.NAME
        if takes_segments and is_ours and self.device.type == "cpu":
            training, unpacking = self.model.training, Unpacking(self.model)
            self.model.eval()
            found = packable(self.model, self.graded, unpacking, self.device, EXACTNESS)
            self.model.train(training)
            if found is None:
                unpacking.remove()
            else:
                self.unpacking = unpacking
                self.model.layout = replace(found, wants_packs=asked == "packed")
        if asked == "packed" and not self.model.layout.takes_segments:
            self.notes.append(
                say("Texts are padded: this model does not read several in one sequence as it reads each alone.")
            )

    def _refuse_blind(self, probe: Batch) -> None:
        """Refuse to classify from a first position that sees nothing of the text, as in a model that reads forwards.

        Raises:
            SourceError: If it does not see the last token.
        """
        if self.model.spec.pooling != "cls":
            return
        other = replace(probe, input_ids=probe.input_ids.clone())
        other.input_ids[0, -1] = other.input_ids[0, 1]
        if torch.equal(self.model.features(probe)[0], self.model.features(other)[0]):
            raise SourceError(
                "E-MODEL-011",
                say(
                    "{name} reads from left to right: its first position knows nothing of the text.",
                    name=self.model.origin.name,
                ),
                where="task.pooling",
                mend="task: {kind: text-classification, pooling: mean}",
            )

    def _try_graded(self, plain: Tensor, probe: Batch) -> None:
        graded = GradedLastBlock(self.model.block_modules[-1])
        if graded.is_possible:
            with graded.reading(probe.graded):
                is_exact = self._agrees(plain, probe)
            if is_exact:
                self.graded = graded
                return
        graded.remove()
        self.notes.append(say("The last block computes every position: on this model it cannot be cut down exactly."))

    def _agrees(self, plain: Tensor, probe: Batch, name: str | None = None) -> bool:
        try:
            if name is not None and not attention.switch(self.model.network, name):
                return False
            return attention.is_exact(plain, self._plain(probe), EXACTNESS)
        except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
            # Whatever a foreign architecture stumbles over, the answer is the same: this shortcut is not for it.
            return False

    def _plain(self, probe: Batch) -> Tensor:
        outputs: Tensor = self.model(probe.input_ids, probe.attention_mask, probe.token_type_ids)
        return outputs

    def _probe(self) -> Batch:
        return batching.collate(self._probe_rows(), self.model.layout, "class").to(self.device)

    def _probe_rows(self) -> list[Segments]:
        """Return two random rows of different lengths, drawn without touching the run's random state."""
        generator = np.random.default_rng(0)
        vocabulary = int(self.model.network.config.vocab_size)
        graded = (0,) if self.model.spec.pooling == "cls" else None
        limit = min(self.model.layout.max_tokens, 16)
        return [
            Segments(row, (generator.integers(1, vocabulary, length).astype(np.int32),), graded=graded)
            for row, length in enumerate((limit, max(limit // 2, 1)))
        ]
