"""What is kept is whole or absent, found by content, and read as it was written."""

import os
import random
import signal
import time

import numpy as np
import pytest
import torch

from afina.base import durable
from afina.inference.prefix_store import Store, digest

WIDTH = 5
NUM_KILLS = 8


def _rows(seed, length):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((length, WIDTH)).astype(np.float32))


def _add(store, seeds, dtype=torch.float32):
    lengths = [1 + seed % 4 for seed in seeds]
    rows = torch.cat([_rows(seed, length) for seed, length in zip(seeds, lengths, strict=True)])
    store.add([_key(seed) for seed in seeds], lengths, rows.to(dtype))


def _key(seed):
    return digest(np.asarray([seed, 7], dtype=np.int32), None)


def _assert_holds(store, seeds, dtype=torch.float32):
    numbers = np.asarray([store.number(_key(seed)) for seed in seeds])
    read = store.read(numbers, 4)
    assert read.dtype == dtype
    for place, seed in enumerate(seeds):
        length = 1 + seed % 4
        expected = _rows(seed, length).to(dtype)
        assert torch.equal(read[place, :length], expected)
        assert torch.equal(read[place, length:], expected[-1:].expand(4 - length, -1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_documents_of_several_pieces_are_read_as_they_were_written(tmp_path, dtype):
    store = Store(tmp_path)
    _add(store, [3, 1, 2], dtype)
    _add(store, [5, 4], dtype)
    store.look()
    assert len(store) == 5
    _assert_holds(store, [4, 1, 5, 3, 2, 1], dtype)
    _assert_holds(Store(tmp_path), [5], dtype)


def test_a_document_that_two_runs_computed_is_read_once(tmp_path):
    store = Store(tmp_path)
    _add(store, [1, 2])
    _add(store, [2, 3])
    store.look()
    _assert_holds(store, [1, 2, 3])


def test_digests_tell_apart_tokens_types_and_lengths():
    ids = np.asarray([1, 2, 3], dtype=np.int32)
    digests = {
        digest(ids, None),
        digest(ids[:2], None),
        digest(ids[::-1].copy(), None),
        digest(ids, np.asarray([0, 0, 1])),
        digest(ids, np.asarray([0, 1, 1])),
    }
    assert len(digests) == 5
    assert digest(ids, None) == digest(ids.astype(np.int64), None)


def test_a_piece_cut_short_or_garbled_is_left_out(tmp_path):
    store = Store(tmp_path)
    for seeds in ([1], [2], [3]):
        _add(store, seeds)
    first, second, _ = sorted(tmp_path.glob("*.safetensors"))
    first.write_bytes(first.read_bytes()[:-4])
    second.write_bytes(b"nonsense")
    left = Store(tmp_path)
    assert len(left) == 1


def test_a_writer_killed_anywhere_leaves_whole_pieces_alone(tmp_path):
    """Real processes, killed with SIGKILL while they write."""
    draw = random.Random(0)
    for _ in range(NUM_KILLS):
        process = os.fork()
        if not process:
            _write_for_ever(tmp_path)
        time.sleep(draw.uniform(0.02, 0.12))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    store = Store(tmp_path)
    written = [seed for seed in range(400) if _key(seed) in store]
    assert written, "no kill came late enough"
    _assert_holds(store, written)
    durable.remove_leftovers(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"}
    _add(store, [1000])
    store.look()
    _assert_holds(store, [*written, 1000])


def _write_for_ever(folder):
    try:
        store = Store(folder)
        begin = random.SystemRandom().randrange(300)
        for seed in range(begin, 10_000):
            _add(store, [seed % 400])
    finally:
        os._exit(1)
