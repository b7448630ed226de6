"""A process of its own in which commands are typed one after the other: its libraries are loaded once."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LOOP = """
import contextlib, io, json, sys
from afina.cli.main import main
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


class Typist:
    """Types commands of the `afina` program.

    Args:
        folder: The folder to work in.
        environment: The process's whole environment.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=folder,
            env=environment,
        )

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Return the exit code and what was printed on standard output and standard error."""
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._said()
        return tuple(json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate("")
        self._errors.close()

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read()
