"""Every error that Afina raises on purpose, as one tree.

    AfinaError                 exit code, stable code
    ├── UsageError      2      a command or a call that cannot be understood          (ValueError)
    │   ├── RecipeError        one or more problems in a recipe
    │   └── RunError           a run that does not exist, is busy, or does not match   (LookupError)
    ├── DataError       3      rows or files that cannot be used                      (ValueError)
    ├── ResourceError   4      memory or disk that does not suffice                   (MemoryError)
    ├── MissingExtraError 5    an optional dependency is not installed, or too old    (ImportError)
    ├── SourceError     6      a model that cannot be found, fetched or trusted       (OSError)
    └── QualityError    7      the run ended, and what it made must not be used       (ArithmeticError)

An error says what happened, where, what was expected and how to mend it, in the user's language; its code is stable and
language-free, so it can be searched for. Exit code 1 is left to our own bugs, 130 to Ctrl-C.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from afina.base.messages import say


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, as an error's reader needs it."""

    what: str
    """What happened, one sentence."""
    where: str = ""
    """Where: `file:line:column`, a row, or a dotted recipe path."""
    expected: str = ""
    """What would have been right."""
    mend: str = ""
    """How to mend it: a command or an edit."""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            lines.append(say("  expected: {text}", text=self.expected))
        if self.mend:
            lines.append(say("  mend: {text}", text=self.mend))
        return "\n".join(lines)


class AfinaError(Exception):
    """The root: catch it to catch everything that Afina refuses on purpose.

    Args:
        code: Stable code such as `E-DATA-003`.
        what: What happened, one sentence in the user's language.
        where: `file:line:column`, a row, or a dotted recipe path.
        expected: What would have been right.
        mend: How to mend it.
        problems: Further problems found in the same pass; all are reported at once.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        code: str,
        what: str,
        *,
        where: str = "",
        expected: str = "",
        mend: str = "",
        problems: tuple[Problem, ...] = (),
    ) -> None:
        self.code = code
        self.problem = Problem(what=what, where=where, expected=expected, mend=mend)
        self.problems = problems
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n".join([f"{self.code} {self.problem}", *(f"- {problem}" for problem in self.problems)])

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments are lost by Exception's own pickling, which a worker process relies on.
        return (_rebuild, (type(self), self.code, self.problem, self.problems))

    def as_dict(self) -> dict[str, object]:
        """Return the error as `--json` prints it."""
        return {"code": self.code, **asdict(self.problem), "problems": [asdict(problem) for problem in self.problems]}


def _rebuild(kind: type[AfinaError], code: str, problem: Problem, problems: tuple[Problem, ...]) -> AfinaError:
    return kind(code, **asdict(problem), problems=problems)


class UsageError(AfinaError, ValueError):
    """A command or a call that cannot be understood."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe with one or more problems, all of them listed."""


class RunError(UsageError, LookupError):
    """A run that does not exist, is held by another process, or does not match its recipe."""


class DataError(AfinaError, ValueError):
    """Rows or files that cannot be used."""

    exit_code = 3


class ResourceError(AfinaError, MemoryError):
    """Memory or disk that does not suffice."""

    exit_code = 4


class MissingExtraError(AfinaError, ImportError):
    """An optional dependency that is not installed, or below its safe version."""

    exit_code = 5


class SourceError(AfinaError, OSError):
    """A model that cannot be found, fetched, understood or trusted."""

    exit_code = 6


class QualityError(AfinaError, ArithmeticError):
    """A run that ended, but whose result must not be used: it diverged, or its self-check failed."""

    exit_code = 7
