"""One forward for everybody: device, precision, attention and graded positions, the same in training and in use.

Shapes: S sequences, T tokens, B rows, C outputs, H hidden width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from afina.base.errors import SourceError
from afina.base.messages import say
from afina.base.types import Batch, Segments, TargetKind
from afina.data import batching
from afina.inference import attention, dropout
from afina.inference.graded import GradedLastBlock
from afina.inference.precision import Precision, autocast, frozen_in
from afina.models.contract import Model
from afina.tasks.contract import Task

EXACTNESS = 1e-5
"""Largest difference, in float32, between a shortcut and the plain way at which the shortcut is taken."""

EVALUATION_ROWS = 64
"""Rows of a batch that is not trained on."""


class Forward:
    """A model ready to run: a batch goes in, outputs (B, C) come out.

    Shortcuts are taken only after a self-test showed them exact on this very model; those refused are listed in
    `notes`.

    Args:
        model: The model, tuning applied.
        device: Where it runs.
        precision: What it computes in.
    """

    def __init__(self, model: Model, device: torch.device, precision: Precision) -> None:
        self.model = model.to(device=device, dtype=torch.float64 if precision == "float64" else None)
        self.device = device
        self.precision = precision
        self.notes: list[str] = []
        self.graded: GradedLastBlock | None = None
        self.module: nn.Module = model
        """What is called: the model, or what wraps it for several processes."""
        if device.type == "cpu":
            dropout.put_in(model)
        self._take_shortcuts()

    def __call__(self, batch: Batch) -> Tensor:
        """Return the head's outputs, shape (B, C)."""
        batch = batch.to(self.device)
        with autocast(self.precision, self.device), self._reading(batch):
            outputs: Tensor = self.module(
                batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch)
            )
        return outputs

    def in_float32(self) -> Forward:
        """Return the same model run in float32."""
        other = copy.copy(self)
        other.precision = "float32"
        return other

    def predict(self, task: Task, segments: Sequence[Segments]) -> np.ndarray:
        """Return what the model says of encoded rows, in their order, shape (rows, C), float64."""
        return self._over(segments, task.target_kind, lambda batch: task.predict(self, batch))

    def features(self, task: Task, segments: Sequence[Segments]) -> np.ndarray:
        """Return what the head reads of encoded rows, in their order, shape (rows, H), float32."""

        def pooled(batch: Batch) -> np.ndarray:
            batch = batch.to(self.device)
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
            with torch.inference_mode(), frozen_in(self.precision, self.model):
                for places in batching.in_order(lengths, EVALUATION_ROWS):
                    batch = batching.collate([segments[place] for place in places], self.model.layout, kind)
                    for place, result in zip(places, compute(batch), strict=True):
                        results[place] = result
        finally:
            self.model.train(training)
        return np.stack(results)

    def _reading(self, batch: Batch) -> AbstractContextManager[None]:
        return nullcontext() if self.graded is None else self.graded.reading(batch.graded)

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
        """Return two random sequences of different lengths, drawn without touching the run's random state."""
        generator = np.random.default_rng(0)
        vocabulary = int(self.model.network.config.vocab_size)
        graded = (0,) if self.model.spec.pooling == "cls" else None
        limit = min(self.model.layout.max_tokens, 16)
        segments = [
            Segments(row, (generator.integers(1, vocabulary, length).astype(np.int32),), graded=graded)
            for row, length in enumerate((limit, max(limit // 2, 1)))
        ]
        return batching.collate(segments, self.model.layout, "class").to(self.device)
