"""Near duplicates: MinHash signatures of character shingles, gathered in bands so that only likely pairs are compared.

Broder 1997 (resemblance) and Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4 (banding). Signatures are
computed by `rensa`, compiled; shingles are hashed by numpy, a block of rows at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import rensa

NUM_PERMUTATIONS = 128
"""Length of a signature; the standard error of a similarity of 0.8 is 0.035."""

NUM_BANDS = 16
"""Bands of 8 numbers; a pair of similarity 0.8 meets in one with probability 0.95, of 0.9 with 0.9998."""

THRESHOLD = 0.8
"""Pairs whose estimated Jaccard similarity reaches this are near duplicates."""

_SHINGLE = 5
_SEED = 42
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_BIG_BUCKET = 64
_BLOCK = 50_000


def signatures(texts: Sequence[str]) -> np.ndarray:
    """Return the MinHash signature of each text, shape (N, 128), uint32.

    A text shorter than a shingle is one shingle.
    """
    if not texts:
        return np.zeros((0, NUM_PERMUTATIONS), dtype=np.uint32)
    padded = [text.ljust(_SHINGLE) for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in padded])
    ends = np.cumsum(lengths)
    hashes = np.zeros(len(codes) - _SHINGLE + 1, dtype=np.uint64)
    for offset in range(_SHINGLE):
        hashes = hashes * _MIX[0] + codes[offset : offset + len(hashes)] + np.uint64(1)
    hashes = _mixed(hashes)
    # A shingle that would reach into the next text does not count.
    inside = np.ones(len(hashes), dtype=bool)
    for back in range(1, _SHINGLE):
        inside[ends[:-1] - back] = False
    offsets = np.concatenate([[0], np.cumsum(lengths - _SHINGLE + 1)]).tolist()
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes[inside], offsets, NUM_PERMUTATIONS, _SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32)


def similar_pairs(digests: np.ndarray, rows: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the near-duplicate pairs, blocks of first and second row numbers; a pair may come more than once.

    Args:
        digests: Signatures, shape (N, 128), of texts that are not equal to one another: in a bucket of more than 64
            equal signatures only neighbours are compared.
        rows: Numbers of the rows that take part, rising; None: all.
    """
    for first, second in _candidates(digests, np.arange(len(digests)) if rows is None else rows):
        for start in range(0, len(first), _BLOCK):
            one, other = first[start : start + _BLOCK], second[start : start + _BLOCK]
            close = (digests[one] == digests[other]).mean(axis=1) >= THRESHOLD
            yield one[close], other[close]


def groups(digests: np.ndarray, rows: np.ndarray | None = None) -> list[list[int]]:
    """Return the groups of rows that are near duplicates of one another, each sorted, of two rows or more.

    Similarity is followed through: if a resembles b and b resembles c, all three form a group.

    Args:
        digests: Signatures, shape (N, 128).
        rows: Numbers of the rows that take part, rising; None: all.
    """
    parents = list(range(len(digests)))
    touched: set[int] = set()
    for first, second in similar_pairs(digests, rows):
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            root, branch = sorted((_root(parents, one), _root(parents, other)))
            parents[branch] = root
            touched.update((one, other))
    members: dict[int, list[int]] = {}
    for row in sorted(touched):
        members.setdefault(_root(parents, row), []).append(row)
    return [members[root] for root in sorted(members)]


def _root(parents: list[int], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


def _candidates(digests: np.ndarray, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    width = NUM_PERMUTATIONS // NUM_BANDS
    for band in range(NUM_BANDS):
        keys = _folded(digests[:, band * width : (band + 1) * width])[rows]
        order = np.argsort(keys, kind="stable")
        ordered, placed = keys[order], rows[order]
        # Rows of one bucket lie side by side: each is compared with those up to 64 places before it, so that a bucket
        # of thousands costs thousands of comparisons, not millions.
        for distance in range(1, min(_BIG_BUCKET, len(keys) - 1) + 1):
            same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
            if not len(same):
                break
            yield placed[same], placed[same + distance]


def _folded(columns: np.ndarray) -> np.ndarray:
    folded: np.ndarray = np.zeros(len(columns), dtype=np.uint64)
    for column in columns.T:
        folded = _mixed(folded * _MIX[0] + column)
    return folded


def _mixed(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * _MIX[1]
    values = (values ^ (values >> np.uint64(27))) * _MIX[2]
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
