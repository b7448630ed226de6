"""Optional dependencies, imported when they are needed and named when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from afina.base.errors import MissingExtraError
from afina.base.messages import say


def need(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or say which extra installs it.

    Args:
        module: Dotted name of a module, for example `accelerate`.
        extra: The extra of this package that brings it, for example `train`.

    Raises:
        MissingExtraError: If the module is not installed. An error inside an installed module is not hidden.
    """
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
