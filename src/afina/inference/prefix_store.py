"""What was computed once, on the disk and mapped into memory: found by content, read by number, grown by whole pieces.

A piece is one safetensors file: `states` (N, W), `edges` (D + 1,) where each document's rows begin and end, `digests`
(D, 16). It appears by one rename, so a process killed at any moment leaves only whole ones, and several processes may
add pieces at once; what two of them computed twice is read once.

Shapes: N rows over all documents of a piece, D documents, T rows of the longest, W numbers a row.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from afina.base import durable
from afina.inference.prefix_folder import PIECE

DIGEST_BYTES = 16
"""Bytes of a document's digest: that two of a billion documents share one has odds of 1 to 10^20."""

_STORED = {"BF16": (np.int16, torch.bfloat16), "F32": (np.float32, torch.float32), "F64": (np.float64, torch.float64)}


def digest(document: np.ndarray, token_types: np.ndarray | None) -> bytes:
    """Return what identifies the content of a document: its token ids, and their types where the model reads them."""
    content = hashlib.blake2b(document.astype(np.int32).tobytes(), digest_size=DIGEST_BYTES)
    if token_types is not None:
        content.update(b"|" + token_types.astype(np.int32).tobytes())
    return content.digest()


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    states_NW: Tensor
    edges: np.ndarray
    digests: np.ndarray


class Store:
    """The entries of one key.

    Args:
        folder: Its folder; whole pieces in it are read, anything else is left out.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers: dict[bytes, int] = {}
        self._states: list[Tensor] = []
        self._starts = np.zeros(0, np.int64)
        self._lengths = np.zeros(0, np.int64)
        self._pieces = np.zeros(0, np.int64)
        self.look()

    def __len__(self) -> int:
        return len(self._starts)

    def __contains__(self, key: bytes) -> bool:
        return key in self._numbers

    def look(self) -> None:
        """Read the folder anew; numbers given out before are void."""
        self._numbers.clear()
        self._states.clear()
        pieces = [piece for path in sorted(self.folder.glob(f"*{PIECE}")) if (piece := _read(path)) is not None]
        self._states = [piece.states_NW for piece in pieces]
        self._starts = _joined([piece.edges[:-1] for piece in pieces])
        self._lengths = _joined([np.diff(piece.edges) for piece in pieces])
        self._pieces = _joined([np.full(len(piece.digests), place) for place, piece in enumerate(pieces)])
        digests = b"".join(piece.digests.tobytes() for piece in pieces)
        for number in range(len(self)):
            self._numbers.setdefault(digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES], number)

    def number(self, key: bytes) -> int:
        """Return the number of a document by its digest.

        Raises:
            KeyError: If it is not there.
        """
        return self._numbers[key]

    def read(self, numbers_D: np.ndarray, width: int) -> Tensor:
        """Return documents as one padded tensor, shape (D, width, W); beyond a document's end its last row repeats.

        Args:
            numbers_D: Numbers of the documents.
            width: T; no document may be longer.
        """
        within_T = np.arange(width)
        last_D = self._lengths[numbers_D] - 1
        assert width > int(last_D.max()), "a cached document is longer than the batch"
        rows_DT = self._starts[numbers_D, None] + np.minimum(within_T, last_D[:, None])
        pieces_D = self._pieces[numbers_D]
        first = int(pieces_D[0])
        if (pieces_D == first).all():
            return _rows(self._states[first], rows_DT)
        states_DTW = self._states[first].new_empty((*rows_DT.shape, self._states[first].shape[1]))
        for piece in np.unique(pieces_D):
            mine = np.flatnonzero(pieces_D == piece)
            states_DTW[torch.from_numpy(mine)] = _rows(self._states[piece], rows_DT[mine])
        return states_DTW

    @contextmanager
    def holding(self, keys: Sequence[bytes], lengths: Sequence[int], states_NW: Tensor) -> Iterator[None]:
        """Have one more piece inside the context, in memory alone; numbers given out before stay as they are.

        Args:
            keys: Digest of each document, none of which is there yet.
            lengths: Rows of each document.
            states_NW: Their rows, in the same order.
        """
        before = self._starts, self._lengths, self._pieces
        sizes = np.asarray(lengths, np.int64)
        self._numbers.update({key: len(self) + place for place, key in enumerate(keys)})
        self._starts = _joined([self._starts, np.cumsum(sizes) - sizes])
        self._lengths = _joined([self._lengths, sizes])
        self._pieces = _joined([self._pieces, np.full(len(sizes), len(self._states))])
        self._states.append(states_NW)
        try:
            yield
        finally:
            self._states.pop()
            self._starts, self._lengths, self._pieces = before
            for key in keys:
                del self._numbers[key]

    def add(self, keys: Sequence[bytes], lengths: Sequence[int], states_NW: Tensor) -> None:
        """Write one more piece; `look` finds it.

        Args:
            keys: Digest of each document.
            lengths: Rows of each document.
            states_NW: Their rows, in the same order.

        Raises:
            ResourceError: If the disk does not hold it; nothing of it is left.
        """
        tensors = {
            "states": states_NW,
            "edges": torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)),
            "digests": torch.frombuffer(bytearray(b"".join(keys)), dtype=torch.uint8).view(-1, DIGEST_BYTES),
        }
        durable.write_tensors(self.folder / f"{uuid.uuid4().hex}{PIECE}", tensors)


def _rows(states_NW: Tensor, rows_DT: np.ndarray) -> Tensor:
    flat = states_NW.index_select(0, torch.from_numpy(rows_DT.reshape(-1)))
    return flat.view(*rows_DT.shape, states_NW.shape[1])


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _read(path: Path) -> _Piece | None:
    """Map a piece into memory; None where it is not what this program writes, for example cut short by a bad disk."""
    try:
        file_bytes = path.stat().st_size
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(header_bytes, file_bytes)))
        offset = 8 + header_bytes
        if file_bytes != offset + max(entry["data_offsets"][1] for entry in header.values()):
            return None
        number, torch_type = _STORED[header["states"]["dtype"]]
        states = _mapped(path, header["states"], offset, number)
        edges = np.array(_mapped(path, header["edges"], offset, np.int64))
        digests = np.array(_mapped(path, header["digests"], offset, np.uint8))
    except (OSError, ValueError, KeyError):
        return None
    tensor = torch.from_numpy(states)
    return _Piece(tensor.view(torch_type) if tensor.dtype != torch_type else tensor, edges, digests)


def _mapped(path: Path, entry: dict[str, list[int]], offset: int, number: type) -> np.ndarray:
    # Copy on write, since torch warns of memory that may not be written; nobody writes.
    return np.memmap(path, number, "c", offset + entry["data_offsets"][0], tuple(entry["shape"]))
