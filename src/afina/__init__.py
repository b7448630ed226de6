"""Afina turns a generalist pre-trained model into a specialist on your own data, and proves that it did.

    import afina

    run = afina.train(base="builtin:minilm", data="reviews.csv", tuning="full")
    print(run.verdict)

Names are imported when they are first used, so that `import afina` costs nothing and brings no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afina.base.about import __version__

if TYPE_CHECKING:
    from afina.base.errors import (
        AfinaError,
        DataError,
        MissingExtraError,
        QualityError,
        RecipeError,
        ResourceError,
        RunError,
        SourceError,
        UsageError,
    )
    from afina.run.opened import open_run
    from afina.run.python import resume, train

__all__ = [
    "AfinaError",
    "DataError",
    "MissingExtraError",
    "QualityError",
    "RecipeError",
    "ResourceError",
    "RunError",
    "SourceError",
    "UsageError",
    "__version__",
    "open_run",
    "resume",
    "train",
]

_HOMES = {"open_run": "afina.run.opened", "resume": "afina.run.python", "train": "afina.run.python"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "afina.base.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
