"""The frozen part of a model computed once.

What stands below everything that moves says the same of a text in every epoch: it runs without dropout. So it is
computed once, kept on the disk, and handed in at every later step, evaluation, run and trial that needs it.

    forward.leave_out(report.frozen_blocks, report.names)     where a self-test shows it exact
    forward.prefix.fill(forward.prefix.missing(rows))
    rows = forward.prefix.attach(rows)

Shapes: S sequences, T tokens, D documents, W numbers that stand for one position.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from afina.base.types import Batch, Segments, TargetKind
from afina.data import batching
from afina.inference import prefix_folder
from afina.inference.graded import GradedLastBlock
from afina.inference.precision import Precision, autocast, frozen_in
from afina.inference.prefix_key import key_of
from afina.inference.prefix_parts import LowerBlocks, Part, WholeBase
from afina.inference.prefix_store import Store, digest
from afina.models.contract import Model

BATCH_TOKENS = 4096
"""Positions of a batch while the cache is filled."""

PIECE_BYTES, PIECE_S = 128_000_000, 60.0
"""Bytes and seconds after which a piece is written."""

_TYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """Documents that have no entry yet, each once.

    Attributes:
        digests: Of each.
        segments: Each as a row of its own.
    """

    digests: list[bytes]
    segments: list[Segments]

    def share(self, rank: int, world_size: int) -> Missing:
        """Return the part that one of several processes computes; long and short documents are dealt out evenly."""
        order = sorted(range(len(self.digests)), key=lambda place: self.segments[place].longest)[rank::world_size]
        return self.at(order)

    def at(self, places: Sequence[int]) -> Missing:
        """Return the documents at these places."""
        return Missing([self.digests[place] for place in places], [self.segments[place] for place in places])

    @property
    def num_tokens(self) -> int:
        """Tokens of all of them."""
        return sum(segment.num_tokens for segment in self.segments)

    def __len__(self) -> int:
        return len(self.digests)


class Prefix:
    """The frozen part of a model, with what is kept of it.

    Args:
        model: The model, tuning applied.
        part: Its frozen part.
        device: Where it runs.
        precision: What it computes in.
        folder: The folder of the cache; None takes the user's.
    """

    def __init__(
        self, model: Model, part: Part, device: torch.device, precision: Precision, folder: Path | None = None
    ) -> None:
        self.model, self.part = model, part
        self.device, self.precision = device, precision
        # One position for a document takes so little that it is kept as it comes.
        self.dtype = torch.float32 if part.one_position and precision == "bfloat16" else _TYPES[precision]
        self.folder = (folder or prefix_folder.root()) / key_of(model, part, precision, device)
        self.layout = replace(model.layout, takes_segments=False)
        self._store: Store | None = None
        self._width = self._note_types()

    @property
    def store(self) -> Store:
        """What is kept, read when it is first needed."""
        if self._store is None:
            self._store = Store(self.folder)
        return self._store

    @property
    def about(self) -> dict[str, str]:
        """What it is, for people."""
        return {"base": self.model.origin.name, "part": self.part.name, "precision": self.precision}

    def missing(self, segments: Sequence[Segments]) -> Missing:
        """Return the documents of encoded rows that have no entry yet."""
        found: dict[bytes, Segments] = {}
        for segment in segments:
            for place, key in enumerate(self._digests(segment)):
                if key not in self.store and key not in found:
                    types = None if segment.token_types is None else (segment.token_types[place],)
                    graded = segment.graded_in(place)
                    found[key] = Segments(
                        segment.row, (segment.documents[place],), types, None if graded is None else (graded,)
                    )
        return Missing(list(found), list(found.values()))

    def bytes_of(self, missing: Missing) -> int:
        """Return the bytes that their entries will take."""
        rows = len(missing) if self.part.one_position else missing.num_tokens
        return rows * self._width * self.dtype.itemsize

    def fill(self, missing: Missing, heard: Callable[[float], None] = lambda share: None) -> None:
        """Compute documents and keep them; what is killed on the way leaves whole pieces.

        Args:
            missing: The documents.
            heard: Told after each batch which share of the work is done, 0 to 1.

        Raises:
            ResourceError: If the disk does not hold them.
        """
        if not len(missing):
            return
        done, total = 0, missing.num_tokens
        piece: list[tuple[list[bytes], list[int], Tensor]] = []
        begun = time.monotonic()
        for places, states_NW, lengths in self._computed(missing):
            piece.append(([missing.digests[place] for place in places], lengths, states_NW))
            done += sum(missing.segments[place].num_tokens for place in places)
            heard(done / total)
            size = sum(states.numel() * states.element_size() for _, _, states in piece)
            if size >= PIECE_BYTES or time.monotonic() - begun >= PIECE_S:
                self._write(piece)
                piece, begun = [], time.monotonic()
        self._write(piece)

    @contextmanager
    def trying(self, missing: Missing) -> Iterator[None]:
        """Compute documents, and have their entries inside the context; nothing is written or remains.

        Args:
            missing: The documents, none of which has an entry.
        """
        if not len(missing):
            yield
            return
        done = list(self._computed(missing))
        keys = [missing.digests[place] for places, _, _ in done for place in places]
        lengths = [length for _, _, own in done for length in own]
        with self.store.holding(keys, lengths, torch.cat([states for _, states, _ in done])):
            yield

    def attach(self, segments: Sequence[Segments]) -> list[Segments]:
        """Return encoded rows with the number of each document's entry; a row without entries stays as it is."""
        attached = []
        for segment in segments:
            keys = self._digests(segment)
            has_all = keys and all(key in self.store for key in keys)
            attached.append(replace(segment, cached=tuple(self.store.number(key) for key in keys) if has_all else None))
        return attached

    def collate(self, segments: Sequence[Segments], kind: TargetKind) -> Batch:
        """Lay out rows that have entries, as `batching.collate` does; where the base is left out, without its input."""
        if not self.part.one_position:
            return batching.collate(segments, self.layout, kind)
        numbers = [number for segment in segments for number in segment.cached or ()]
        owners = [place for place, segment in enumerate(segments) for _ in segment.documents]
        return Batch(
            rows=np.asarray([segment.row for segment in segments], dtype=np.int64),
            input_ids=torch.zeros(len(numbers), 1, dtype=torch.int64),
            attention_mask=torch.ones(len(numbers), 1, dtype=torch.bool),
            owner=torch.tensor(owners) if len(owners) > len(segments) else None,
            targets=batching.targets(segments, kind),
            target_kind=kind,
            cached=np.asarray(numbers, dtype=np.int64),
        )

    def reading(self, batch: Batch) -> AbstractContextManager[None]:
        """Return the context in which the frozen part says what is kept of a batch's documents."""
        assert batch.cached is not None, "the batch has entries"
        width = 1 if self.part.one_position else batch.input_ids.shape[1]
        states_DTW = self.store.read(batch.cached, width)
        said: AbstractContextManager[None] = self.part.saying(states_DTW.to(self.device))
        return said

    def remove(self) -> None:
        """Leave the model as it was found; what is kept stays."""
        self.part.remove()

    def _digests(self, segment: Segments) -> list[bytes]:
        """Return the digest of each document of a row; none where documents go on from a prefix that they share."""
        if segment.prefix is not None:
            return []
        types = segment.token_types if self.layout.takes_token_types else None
        return [
            digest(document, None if types is None else types[place])
            for place, document in enumerate(segment.documents)
        ]

    def _computed(self, missing: Missing) -> Iterator[tuple[list[int], Tensor, list[int]]]:
        training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode(), frozen_in(self.precision, self.model):
                for places in batches(missing):
                    segments = [missing.segments[place] for place in places]
                    batch = batching.collate(segments, self.layout, "class").to(self.device)
                    with autocast(self.precision, self.device):
                        states_STW = self.part.run(batch).to(self.dtype)
                    if self.part.one_position:
                        yield places, states_STW[:, 0].cpu(), [1] * len(places)
                    else:
                        lengths = [segment.longest for segment in segments]
                        yield places, states_STW[batch.attention_mask].cpu(), lengths
        finally:
            self.model.train(training)

    def _write(self, piece: Sequence[tuple[list[bytes], list[int], Tensor]]) -> None:
        if piece:
            keys = [key for digests, _, _ in piece for key in digests]
            lengths = [length for _, own, _ in piece for length in own]
            self.store.add(keys, lengths, torch.cat([states for _, _, states in piece]))

    def _note_types(self) -> int:
        """Run one token, so that the part knows in which types it speaks; return W."""
        training = self.model.training
        self.model.eval()
        batch = batching.collate([_short(self.model)], self.layout, "class").to(self.device)
        with torch.inference_mode(), autocast(self.precision, self.device):
            width = int(self.part.run(batch).shape[-1])
        self.model.train(training)
        return width


def part_of(model: Model, frozen_blocks: int, moving: Collection[str], graded: GradedLastBlock | None) -> Part | None:
    """Return the frozen part of a model; None where nothing at the bottom is frozen.

    Args:
        model: The model, tuning applied.
        frozen_blocks: Blocks, from the bottom, in and below which nothing ever moves.
        moving: Names of all parameters that move at some time.
        graded: Lets the last block compute only the positions that are read, or None.
    """
    if not frozen_blocks:
        return None
    # A pooler that the base does not bring is part of the task's head, and yet stands inside the base and learns.
    inside = {id(parameter) for parameter in model.encoder.parameters()}
    learns_inside = any(id(parameter) in inside for name, parameter in model.named_parameters() if name in moving)
    if frozen_blocks == len(model.blocks.blocks) and not learns_inside:
        return WholeBase(model, graded)
    return LowerBlocks(model, frozen_blocks)


def batches(missing: Missing) -> list[list[int]]:
    """Return places of documents in batches of like length and about as many positions each, the longest first."""
    lengths = [segment.longest for segment in missing.segments]
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    found: list[list[int]] = []
    low = 0
    while low < len(order):
        size = max(1, BATCH_TOKENS // lengths[order[low]])
        found.append(order[low : low + size])
        low += size
    return found


def _short(model: Model) -> Segments:
    token = next(token for token in range(3) if token != model.layout.pad_token_id)
    graded = (0,) if model.spec.pooling == "cls" else None
    return Segments(0, (np.asarray([token], dtype=np.int32),), graded=graded)
