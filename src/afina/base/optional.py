"""Optional dependencies, imported when they are needed and named when they are missing."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from afina.base.errors import MissingExtraError
from afina.base.messages import say

FETCHING = "bitsandbytes"
"""A package that on its first import fetches compiled code from the network, if it finds the package `kernels`."""

_ITS_COMPLAINT = "bitsandbytes.backends.cpu.ops"
"""Who says in the log that it could not."""


def need(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or say which extra installs it.

    Args:
        module: Dotted name of a module, for example `accelerate`.
        extra: The extra of this package that brings it, for example `train`.

    Raises:
        MissingExtraError: If the module is not installed. An error inside an installed module is not hidden.
    """
    if module.split(".")[0] in {FETCHING, "peft"}:
        _import_without_fetching()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            "E-EXTRA-001",
            say("The Python package {module} is not installed.", module=module.split(".")[0]),
            mend=f'pip install "afina[{extra}]"',
        ) from error


def _import_without_fetching() -> None:
    if FETCHING in sys.modules or importlib.util.find_spec(FETCHING) is None:
        return
    with _nothing_to_fetch_with():
        importlib.import_module(FETCHING)


@contextmanager
def _nothing_to_fetch_with() -> Iterator[None]:
    """Hide `kernels` as if it were not installed, and hold back the complaint about it."""
    log, there = logging.getLogger(_ITS_COMPLAINT), sys.modules.pop("kernels", None)
    level = log.level
    log.setLevel(logging.ERROR)
    sys.modules["kernels"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        log.setLevel(level)
        del sys.modules["kernels"]
        if there is not None:
            sys.modules["kernels"] = there
