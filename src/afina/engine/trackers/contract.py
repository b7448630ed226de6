"""What a tracker is told of a run. The run folder is the truth; a tracker is a mirror that may fail without harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Ending = Literal["finished", "interrupted", "failed"]
"""How a run ended."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The run that is mirrored.

    Attributes:
        folder: Its folder, to which the mirror leads back.
        name: What it is called.
        parameters: Every value of its resolved recipe, by dotted path, as text.
        store: A folder of its own for what the tracker keeps on this machine; it may not exist yet.
        known_as: Under which name the tracker keeps this run, from an earlier time; empty the first time.
    """

    folder: Path
    name: str
    parameters: Mapping[str, str]
    store: Path
    known_as: str = ""


class Tracker(Protocol):
    """A mirror of a run."""

    failures: tuple[type[Exception], ...]
    """What it raises when its store fails it; the run then goes on without it."""

    def begin(self, run: Tracked, step: int) -> str:
        """Open the mirror, or go on with the one that is there.

        Args:
            run: The run.
            step: Steps done; what was mirrored of later ones was lost, and comes again.

        Returns:
            The name that the run has there, to be given again when it is gone on with.
        """
        ...

    @property
    def command(self) -> str:
        """The command that shows it, or sends it on."""
        ...

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Mirror figures of a step; steps never go back."""
        ...

    def flush(self) -> None:
        """Hand everything to the disk: a kill from here on loses none of it."""
        ...

    def conclude(self, values: Mapping[str, float], sentence: str) -> None:
        """Mirror what came out.

        Args:
            values: Figures of the final comparison, by name.
            sentence: The verdict.
        """
        ...

    def end(self, ending: Ending) -> None:
        """Close the mirror."""
        ...
