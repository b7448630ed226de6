"""Rows laid out as a batch: each document a padded sequence of its own, or all in one sequence.

Shapes: S sequences, T tokens, D documents, B rows, C classes, G graded positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from afina.base.types import Batch, Layout, Segments, TargetKind
from afina.data.batching.packed import Pack, pack


def collate(segments: Sequence[Segments], layout: Layout, target_kind: TargetKind) -> Batch:
    """Lay rows out as one batch, packed or padded as the layout says.

    Args:
        segments: The encoded rows.
        layout: What the model takes.
        target_kind: What the targets are.
    """
    owners = [place for place, segment in enumerate(segments) for _ in segment.documents]
    laid = pack(segments, layout) if layout.is_packed else _padded(segments, layout)
    return Batch(
        rows=np.asarray([segment.row for segment in segments], dtype=np.int64),
        input_ids=laid.input_ids,
        attention_mask=laid.attention_mask,
        token_type_ids=laid.token_type_ids,
        graded=laid.graded,
        graded_mask=laid.graded_mask,
        owner=torch.tensor(owners) if len(owners) > len(segments) else None,
        targets=targets(segments, target_kind),
        target_kind=target_kind,
        cached=_cached(segments),
        packing=laid.packing,
    )


def _padded(segments: Sequence[Segments], layout: Layout) -> Pack:
    """Return every document as a sequence; one that goes on from a prefix repeats it."""
    documents = [
        document if segment.prefix is None else np.concatenate([segment.prefix, document])
        for segment in segments
        for document in segment.documents
    ]
    width = max(len(document) for document in documents)
    input_ids_ST = np.full((len(documents), width), layout.pad_token_id, dtype=np.int64)
    mask_ST = np.zeros((len(documents), width), dtype=np.bool_)
    for place, document in enumerate(documents):
        input_ids_ST[place, : len(document)] = document
        mask_ST[place, : len(document)] = True
    graded, graded_mask = _graded(segments)
    return Pack(
        input_ids=torch.from_numpy(input_ids_ST),
        attention_mask=torch.from_numpy(mask_ST),
        token_type_ids=_token_types(segments, width) if layout.takes_token_types else None,
        graded=graded,
        graded_mask=graded_mask,
    )


def _token_types(segments: Sequence[Segments], width: int) -> Tensor | None:
    kinds = [types for segment in segments for types in segment.token_types or ()]
    if not kinds:
        return None
    types_ST = np.zeros((len(kinds), width), dtype=np.int64)
    for place, types in enumerate(kinds):
        types_ST[place, : len(types)] = types
    return torch.from_numpy(types_ST)


def _graded(segments: Sequence[Segments]) -> tuple[Tensor | None, Tensor | None]:
    """Return graded positions (S, G) and which of them are real; None where all are."""
    positions = [segment.graded_in(place) for segment in segments for place in range(len(segment.documents))]
    given = [own for own in positions if own is not None]
    if not given:
        return None, None
    assert len(given) == len(positions), "one batch grades positions of every document or of none"
    counts = np.asarray([len(own) for own in given])
    graded_SG = np.zeros((len(given), counts.max()), dtype=np.int64)
    for place, own in enumerate(given):
        graded_SG[place, : len(own)] = own
    mask_SG = np.arange(counts.max()) < counts[:, None]
    return torch.from_numpy(graded_SG), None if mask_SG.all() else torch.from_numpy(mask_SG)


def targets(segments: Sequence[Segments], kind: TargetKind) -> Tensor | None:
    """Return the targets of rows: classes (B,) int64, multi-hot (B, C) or values (B,) float32; None when unlabelled."""
    found = [segment.target for segment in segments]
    if any(target is None for target in found):
        return None
    if kind == "class":
        return torch.tensor(found, dtype=torch.int64)
    return torch.from_numpy(np.asarray(found, dtype=np.float32))


def _cached(segments: Sequence[Segments]) -> np.ndarray | None:
    if any(segment.cached is None for segment in segments):
        return None
    return np.asarray([number for segment in segments for number in segment.cached or ()], dtype=np.int64)
