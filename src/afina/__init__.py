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
    from afina.run.python import open_run, resume, train

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

_IN_RUN = frozenset({"open_run", "resume", "train"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _IN_RUN:
        from afina.run import python as home
    else:
        from afina.base import errors as home
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
