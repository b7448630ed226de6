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
    from afina.regimes.compare.python import compare
    from afina.run.adapters import load_adapters
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
    "compare",
    "load_adapters",
    "open_run",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "compare":
        from afina.regimes.compare.python import compare

        return compare
    if name == "load_adapters":
        from afina.run.adapters import load_adapters

        return load_adapters
    if name == "open_run":
        from afina.run.opened import open_run

        return open_run
    if name in {"resume", "train"}:
        from afina.run import python

        return getattr(python, name)
    from afina.base import errors

    return getattr(errors, name)


def __dir__() -> list[str]:
    return sorted(__all__)
