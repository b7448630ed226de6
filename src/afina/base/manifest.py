"""The list of a folder's files with their sizes and hashes, and the check of a folder against it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afina.base.disk import sync
from afina.base.errors import Problem
from afina.base.messages import say

MANIFEST = "manifest.json"
"""Name of the file that lists the others."""


def manifest(folder: Path) -> bytes:
    """Return the content of the manifest for every file now under `folder`, each flushed to the disk before."""
    files: dict[str, dict[str, Any]] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        files[file.relative_to(folder).as_posix()] = _fingerprint(file, flush=True)
    return _content(files)


def verify(folder: Path | str) -> list[Problem]:
    """Return what is wrong with a folder that `durable.atomic_folder` made; every byte is hashed.

    An empty list means: the manifest is whole, each file that it lists has its size and SHA-256, and there is no
    tensors file that it does not list.
    """
    root = Path(folder)
    try:
        text = (root / MANIFEST).read_bytes()
        files: dict[str, dict[str, Any]] = json.loads(text)["files"]
        # Compared as bytes, so that a flipped bit is seen even where it is still valid JSON.
        is_whole = text == _content(files)
    except FileNotFoundError:
        return [Problem(what=say("The manifest is missing."), where=str(root / MANIFEST))]
    except (OSError, ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        return [Problem(what=say("The manifest is damaged."), where=str(root / MANIFEST))]
    problems = [problem for name, entry in files.items() if (problem := _compare(root / name, entry)) is not None]
    extra = {file.relative_to(root).as_posix() for file in root.rglob("*.safetensors")} - files.keys()
    unlisted = say("The manifest does not list this tensors file.")
    return problems + [Problem(what=unlisted, where=str(root / name)) for name in sorted(extra)]


def _content(files: Mapping[str, Mapping[str, Any]]) -> bytes:
    document = {"format": 1, "files": files}
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return (json.dumps({**document, "sha256": digest}, indent=2, sort_keys=True) + "\n").encode()


def _fingerprint(file: Path, *, flush: bool = False) -> dict[str, Any]:
    with file.open("rb") as stream:
        if flush:
            sync(stream.fileno())
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"bytes": os.fstat(stream.fileno()).st_size, "sha256": digest}


def _compare(file: Path, entry: Mapping[str, Any]) -> Problem | None:
    try:
        found = _fingerprint(file)
    except FileNotFoundError:
        return Problem(what=say("The file is missing."), where=str(file))
    except OSError as error:
        return Problem(what=say("The file cannot be read: {reason}.", reason=error.strerror), where=str(file))
    if found["bytes"] != entry["bytes"]:
        what = say("The file has {found} bytes instead of {expected}.", found=found["bytes"], expected=entry["bytes"])
        return Problem(what=what, where=str(file))
    if found["sha256"] != entry["sha256"]:
        return Problem(what=say("The file's content is not what was written (SHA-256 differs)."), where=str(file))
    return None
