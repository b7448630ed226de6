"""What is known of a run, read from its folder: the files are the truth, and any of them may be missing.

A missing or unreadable file is never an error here, since a report of a failed run is wanted most; it is listed in
`Facts.unread`, and the page says so. Of the JSON files, these keys are read where they are present (all are optional):

    environment.json  any nested facts; of special use: command, finished or started (times), base {name, fingerprint,
                      facts: [sentences]}, tuning {what moves}
    data.json         format; columns {text, label, group, reasons}; counts {read, usable, refused}; splits {train,
                      validation, test, rule}; classes {label: rows, or {split: rows}}; fingerprint {file: sha256};
                      tokens {p50, p95, max, ...}; findings [{code, level: info|warn|error, what, count, where, mend}]
    status.json       created (time), error (a sentence, or {code, what, ...}) of a run that failed
    evaluation.json   as `afina/evaluation/contract.py` describes it
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from afina.base.messages import say
from afina.reporting.curves import Curves, read_curves

_VALUE = re.compile(r"(?P<indent> *)(?P<key>\w+):")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a report may say of one run.

    Attributes:
        folder: The run folder.
        recipe_text: The resolved recipe as written, with the origins of its values; empty when missing.
        recipe: The same as plain values.
        environment: Versions, hardware, seed, base.
        data: Findings, counts, columns, splits.
        curves: Losses, scores, learning rates and notes over the steps.
        evaluation: The comparison with the base, or None when the run was not evaluated.
        status: What the run last said of itself.
        unread: One sentence per file that is missing or cannot be read.
    """

    folder: Path
    recipe_text: str
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: Mapping[str, Any]
    curves: Curves
    evaluation: Mapping[str, Any] | None
    status: Mapping[str, Any]
    unread: tuple[str, ...] = ()

    @property
    def failure(self) -> str:
        """Why the run failed, one sentence; empty for a run that did not."""
        error = self.status.get("error")
        said = at(error, "what") if isinstance(error, Mapping) else error
        noted = [text for level, _, text in self.curves.notes if level == "error"]
        return str(said or (noted[-1] if noted else ""))

    @property
    def defaults(self) -> frozenset[str]:
        """Dotted paths of the recipe's values that nobody gave and nothing inferred, by the comments beside them."""
        found, parents = set(), [(-1, "")]
        for text in self.recipe_text.splitlines():
            match = _VALUE.match(text)
            if match is None:
                continue
            indent = len(match["indent"])
            parents = [parent for parent in parents if parent[0] < indent]
            path = f"{parents[-1][1]}{match['key']}"
            parents.append((indent, f"{path}."))
            if text.endswith("# default"):
                found.add(path)
        return frozenset(found)

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.folder.resolve().name


def read_facts(folder: Path) -> Facts:
    """Read what the run folder holds; the page that is made of it can say what is missing."""
    unread: list[str] = []
    recipe_text = _text(folder / "recipe.yaml", unread)
    environment = _json(folder / "environment.json", unread)
    data = _json(folder / "data.json", unread)
    events = _lines(folder / "events.jsonl", unread)
    evaluation = _json(folder / "evaluation.json", unread)
    return Facts(
        folder=folder,
        recipe_text=recipe_text,
        recipe=_yaml(recipe_text, unread),
        environment=environment,
        data=data,
        curves=read_curves(events),
        evaluation=evaluation or None,
        status=_json(folder / "status.json", unread) if (folder / "status.json").exists() else {},
        unread=tuple(unread),
    )


def at(values: Any, *keys: str) -> Any:
    """Return the value under a path of keys, or None where the path ends early."""
    for key in keys:
        if not isinstance(values, Mapping):
            return None
        values = values.get(key)
    return values


def listed(values: Any) -> list[Any]:
    """Return a list as it is, a single value as a list of one, and nothing as an empty list."""
    if values is None or values == "":
        return []
    return list(values) if isinstance(values, list | tuple) else [values]


def without_folder(place: Any) -> str:
    """Return `file:line`, or a file, without the folders before it, which say more of a machine than of the data."""
    return PurePath(str(place)).name


def finite(value: Any) -> float | None:
    """Return a real number as a float, and anything else, also NaN and infinity, as None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def kind(choice: Any) -> str:
    """Return the name of a technique, written short (`full`) or long (`{kind: full, ...}`)."""
    return str(choice.get("kind", "")) if isinstance(choice, Mapping) else str(choice or "")


def _text(path: Path, unread: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        unread.append(say("The run folder has no {name}.", name=path.name))
    except (OSError, UnicodeDecodeError) as error:
        unread.append(say("{name} cannot be read: {reason}.", name=path.name, reason=error))
    return ""


def _json(path: Path, unread: list[str]) -> dict[str, Any]:
    text = _text(path, unread)
    if not text:
        return {}
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        unread.append(say("{name} cannot be read: {reason}.", name=path.name, reason=error))
        return {}
    if not isinstance(values, dict):
        unread.append(say("{name} cannot be read: {reason}.", name=path.name, reason=say("it holds no object")))
        return {}
    return values


def _lines(path: Path, unread: list[str]) -> list[dict[str, Any]]:
    events = []
    num_broken = 0
    for line in _text(path, unread).splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            event = None
        if isinstance(event, dict):
            events.append(event)
        elif line.strip():
            num_broken += 1
    if num_broken:
        # A run killed in the middle of a line leaves half of it; the rest of the file is good.
        unread.append(say("{count} lines of {name} are broken and were left out.", count=num_broken, name=path.name))
    return events


def _yaml(text: str, unread: list[str]) -> dict[str, Any]:
    try:
        values = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        unread.append(say("{name} cannot be read: {reason}.", name="recipe.yaml", reason=str(error).splitlines()[0]))
        return {}
    return values if isinstance(values, dict) else {}
