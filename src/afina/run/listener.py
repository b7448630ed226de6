"""Who is told how far a run is, so that nobody looks at a silent screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from afina.run.folder import RunFolder
    from afina.run.prepared import Prepared


class Listener(Protocol):
    """Hears of a run, in the main process alone; the steps themselves are for callbacks."""

    def opened(self, folder: RunFolder) -> None:
        """The run has a folder."""
        ...

    def stage(self, sentence: str) -> None:
        """Something begins that may take a while."""
        ...

    def began(self, prepared: Prepared) -> None:
        """Everything is settled and written down; the steps come next."""
        ...

    def remark(self, sentence: str) -> None:
        """Something happened that is good to know."""
        ...

    def warning(self, sentence: str) -> None:
        """Something happened that the user must know."""
        ...


class Silent:
    """Keeps everything to itself."""

    def opened(self, folder: RunFolder) -> None:
        """Do nothing."""

    def stage(self, sentence: str) -> None:
        """Do nothing."""

    def began(self, prepared: Prepared) -> None:
        """Do nothing."""

    def remark(self, sentence: str) -> None:
        """Do nothing."""

    def warning(self, sentence: str) -> None:
        """Do nothing."""


class Plain(Silent):
    """Prints what begins, and what should be known, on standard error: for scripts and notebooks."""

    def stage(self, sentence: str) -> None:
        """Print it."""
        print(f"{sentence}...", file=sys.stderr, flush=True)

    def remark(self, sentence: str) -> None:
        """Print it."""
        print(sentence, file=sys.stderr, flush=True)

    def warning(self, sentence: str) -> None:
        """Print it."""
        print(sentence, file=sys.stderr, flush=True)
