"""The safetensors layout of a set of tensors, piece by piece: a file is written without a second copy of all.

Writing the format ourselves, rather than through its library, lets every byte pass through `durable`: a full disk is
then an ordinary error, and the crash tests can stop at each write. Tests read the result back with the library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from afina.base.optional import need

if TYPE_CHECKING:
    from torch import Tensor

_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


def num_bytes(tensors: Mapping[str, Tensor]) -> int:
    """Return the bytes that the numbers of `tensors` take, without the header."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def pieces(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a safetensors file: the header, then each tensor.

    Args:
        tensors: Tensors by name, of any device and stride; those that share memory are each written whole.
        metadata: Free text kept in the header, by name.

    Raises:
        TypeError: If a tensor's number type has no name in safetensors.
    """
    # Wide numbers first keeps every tensor aligned, as the format's own writer does.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _dtype(tensor), "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    uint8 = need("torch", extra="train").uint8
    for name in order:
        numbers: Any = tensors[name].detach().cpu().contiguous().reshape(-1).view(uint8).numpy()
        yield memoryview(numbers)


def _dtype(tensor: Tensor) -> str:
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in _DTYPES:
        raise TypeError(f"safetensors has no name for {name}")
    return _DTYPES[name]
