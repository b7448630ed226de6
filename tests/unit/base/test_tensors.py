"""The safetensors layout that we write, against the format's own library."""

import json

import pytest
import torch
from safetensors.torch import load, save

from afina.base import tensors


def joined(given, metadata=None):
    return b"".join(bytes(piece) for piece in tensors.pieces(given, metadata))


def test_layout_is_what_the_library_writes():
    given = {"b": torch.randn(3, 2), "a": torch.arange(4), "c": torch.randn(5).bfloat16(), "d": torch.tensor([True])}
    ours, theirs = joined(given), save(given)
    assert ours[8 + int.from_bytes(ours[:8], "little") :] == theirs[8 + int.from_bytes(theirs[:8], "little") :]
    assert {name: value.tolist() for name, value in load(ours).items()} == {
        name: value.tolist() for name, value in given.items()
    }


def test_metadata_is_kept_and_tensors_are_aligned():
    content = joined({"odd": torch.ones(3, dtype=torch.uint8), "wide": torch.ones(2)}, {"format": "pt"})
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert size % 8 == 0
    assert header["__metadata__"] == {"format": "pt"}
    assert header["wide"]["data_offsets"][0] % 4 == 0


def test_num_bytes_counts_the_numbers():
    assert tensors.num_bytes({"a": torch.ones(3, 2), "b": torch.ones(5, dtype=torch.int64)}) == 24 + 40


def test_a_number_type_without_a_name_is_refused():
    with pytest.raises(TypeError, match="complex128"):
        joined({"a": torch.ones(1, dtype=torch.complex128)})
