"""All documents in one sequence: each with positions of its own, a shared prefix once for all that go on from it.

Stretches of one length stand side by side, longest first, so that the attention computes them as one product; a prefix
stands before its continuations. The order of the documents themselves is kept in what is read of them.

Shapes: T tokens, D documents, W positions read of a document, K stretches, G graded positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from afina.base.types import Layout, Packing, Segments


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Tokens laid out, as `Batch` names them; without `packing` every sequence is one document."""

    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor | None
    graded: Tensor | None
    graded_mask: Tensor | None
    packing: Packing | None = None


@dataclass(slots=True, eq=False)
class _Stretch:
    """Tokens that stand together: a prefix (no document), or a document (its number over the batch)."""

    ids: np.ndarray
    document: int | None = None
    graded: np.ndarray | None = None
    types: np.ndarray | None = None
    prefix: _Stretch | None = None
    start: int = 0

    @property
    def first(self) -> int:
        """The position of its first token in the document."""
        return 0 if self.prefix is None else len(self.prefix.ids)


def pack(segments: Sequence[Segments], layout: Layout) -> Pack:
    """Return rows in one sequence.

    Args:
        segments: The encoded rows.
        layout: What the model takes.
    """
    stretches = _stretches(segments)
    start = 0
    for stretch in stretches:
        stretch.start = start
        start += len(stretch.ids)
    places = {id(stretch): place for place, stretch in enumerate(stretches)}
    read, read_mask, graded, read_graded = _read(stretches)
    packing = Packing(
        starts=np.asarray([stretch.start for stretch in stretches], dtype=np.int64),
        lengths=np.asarray([len(stretch.ids) for stretch in stretches], dtype=np.int64),
        prefixes=np.asarray([places.get(id(stretch.prefix), -1) for stretch in stretches], dtype=np.int64),
        position_ids=_as_row(np.concatenate([_positions(stretch, layout) for stretch in stretches])),
        read=torch.from_numpy(read),
        read_mask=torch.from_numpy(read_mask),
        read_graded=None if read_graded is None else torch.from_numpy(read_graded),
    )
    with_types = layout.takes_token_types and any(stretch.types is not None for stretch in stretches)
    return Pack(
        input_ids=_as_row(np.concatenate([stretch.ids for stretch in stretches])),
        attention_mask=torch.ones(1, start, dtype=torch.bool),
        token_type_ids=_as_row(np.concatenate([_types(stretch) for stretch in stretches])) if with_types else None,
        graded=None if graded is None else _as_row(graded),
        graded_mask=None,
        packing=packing,
    )


def _stretches(segments: Sequence[Segments]) -> list[_Stretch]:
    """Return the stretches in the order in which they stand, longest rows first."""
    units: list[list[_Stretch]] = []
    number = 0
    for segment in segments:
        prefix = None if segment.prefix is None else _Stretch(segment.prefix)
        own = []
        for place, ids in enumerate(segment.documents):
            types = None if segment.token_types is None else segment.token_types[place]
            own.append(_Stretch(ids, number, segment.graded_in(place), types, prefix))
            number += 1
        if prefix is None:
            units.extend([stretch] for stretch in own)
        else:
            units.append([prefix, *sorted(own, key=lambda stretch: -len(stretch.ids))])
    units.sort(key=lambda unit: -len(unit[0].ids))
    return [stretch for unit in units for stretch in unit]


def _read(stretches: Sequence[_Stretch]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return the places read of each document (D, W), which are real, the places graded (G,), and those read in them.

    The last position of a prefix may be read for several documents: it is graded once.
    """
    documents = [stretch for stretch in stretches if stretch.document is not None]
    given = [stretch.graded is not None for stretch in documents]
    assert all(given) or not any(given), "one batch grades positions of every document or of none"
    wanted: list[np.ndarray] = [np.empty(0, dtype=np.int64)] * len(documents)
    for stretch in documents:
        assert stretch.document is not None
        positions = np.arange(stretch.first + len(stretch.ids)) if stretch.graded is None else stretch.graded
        beyond = positions >= stretch.first
        shift = np.where(beyond, stretch.start - stretch.first, 0 if stretch.prefix is None else stretch.prefix.start)
        wanted[stretch.document] = positions + shift
    counts = np.asarray([len(own) for own in wanted])
    read_mask_DW = np.arange(counts.max()) < counts[:, None]
    read_DW = np.zeros(read_mask_DW.shape, dtype=np.int64)
    read_DW[read_mask_DW] = np.concatenate(wanted)
    if not all(given):
        return read_DW, read_mask_DW, None, None
    graded_G = np.unique(read_DW[read_mask_DW])
    read_graded_DW = np.where(read_mask_DW, np.searchsorted(graded_G, read_DW), 0)
    return read_DW, read_mask_DW, graded_G, read_graded_DW


def _positions(stretch: _Stretch, layout: Layout) -> np.ndarray:
    if layout.positions == "from_zero":
        return np.arange(stretch.first, stretch.first + len(stretch.ids))
    pad = layout.pad_token_id
    before = 0 if stretch.prefix is None else int((stretch.prefix.ids != pad).sum())
    is_numbered = stretch.ids != pad
    numbers: np.ndarray = (before + np.cumsum(is_numbered)) * is_numbered + pad
    return numbers


def _types(stretch: _Stretch) -> np.ndarray:
    return np.zeros(len(stretch.ids), dtype=np.int64) if stretch.types is None else stretch.types


def _as_row(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.int64))[None]
