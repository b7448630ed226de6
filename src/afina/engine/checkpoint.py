"""Checkpoints: the whole state of a run at a step, whole or absent.

    checkpoints/
      step-000200/
        model.safetensors  optimizer.safetensors  rng.safetensors     the tensors of each component that has any
        state.json                                                    the rest of each component, as JSON
        manifest.json                                                 size and SHA-256 of each file, written last
      best.json                                                       {"step": 200}

What a component is, only its owner knows: here it is a flat dict of tensors and a dict that JSON holds exactly.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from afina.base import durable
from afina.base.disk import full
from afina.base.errors import Problem, RunError
from afina.base.messages import say
from afina.base.tensors import num_bytes

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "checkpoints"
"""Name of the folder, inside a run's, that holds the checkpoints."""

_STATE = "state.json"
_BEST = "best.json"
_NAME = re.compile(r"step-(\d{6,})")
_NOT_FINITE = "$float"
# Room for headers, the manifest, block rounding and the events written meanwhile.
_SPARE_BYTES = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What one component needs to go on exactly.

    Attributes:
        tensors: Tensors by name, each written and read bit by bit.
        values: What JSON holds: None, bool, int, float (not finite ones too), str, lists, dicts with str keys.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class Component(Protocol):
    """A part of a run that has a state: the model, the optimiser, the place in the data, ..."""

    def state(self) -> State:
        """Return everything that `load` needs."""
        ...

    def load(self, state: State) -> None:
        """Go on from `state`."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint on the disk.

    Attributes:
        path: Its folder.
        step: Optimiser steps done.
        best: The best step so far when it was written, or None.
        components: Names of the components in it.
    """

    path: Path
    step: int
    best: int | None
    components: tuple[str, ...]

    def read(self) -> dict[str, State]:
        """Return the state of each component, tensors on the CPU. The folder must have been verified."""
        document = _document(self.path)["components"]
        return {
            name: State(_tensors(self.path, name, entry), _decoded(entry["values"])) for name, entry in document.items()
        }

    def values(self) -> dict[str, dict[str, Any]]:
        """Return what each component has beside tensors, which stay on the disk."""
        return {name: _decoded(entry["values"]) for name, entry in _document(self.path)["components"].items()}


def save(
    run: Path, step: int, components: Mapping[str, State], *, keep: int = 2, best: int | None = None
) -> Checkpoint:
    """Write a checkpoint, then remove those that are no longer needed.

    Kept are the newest `keep`, the best, and what each of these calls the best, so that falling back from a damaged
    checkpoint never meets a best that is gone. Those beyond `step` belong to a future that a resumed run left: removed.

    Args:
        run: The run's folder.
        step: Optimiser steps done; a checkpoint of the same step is replaced.
        components: The state of each component, by name (a file name: letters, digits, `-` and `_`).
        keep: Number of newest checkpoints to keep, >= 2, so that a damaged one is never the last.
        best: The step of the best checkpoint so far, `step` itself included, or None.

    Raises:
        ResourceError: If the disk does not hold it; every checkpoint from before is intact.
        ValueError: If `keep` is below 2 or a value is not one that JSON holds exactly.
    """
    if keep < 2:
        raise ValueError(f"keep must be at least 2, not {keep}")
    folder = durable.make_folder(run / FOLDER)
    path = folder / f"step-{step:06d}"
    document = _described(step, best, components)
    _reserve(folder, components)
    with durable.atomic_folder(path, replace=True, num_bytes=estimate(components)) as aside:
        for name, state in components.items():
            if state.tensors:
                durable.write_tensors(aside / f"{name}.safetensors", state.tensors)
        durable.write_json(aside / _STATE, document)
    if best is not None:
        durable.write_json(folder / _BEST, {"step": best})
    _retain(folder, step, keep, best)
    return Checkpoint(path, step, best, tuple(components))


def newest(run: Path, required: Collection[str] = ()) -> tuple[Checkpoint | None, list[Problem]]:
    """Return the newest checkpoint of which every byte is as written, and why newer ones were passed over.

    Args:
        run: The run's folder; leftovers of dead processes in it are ignored.
        required: Components without which a run cannot go on.
    """
    problems: list[Problem] = []
    for step, path in sorted(_found(run / FOLDER).items(), reverse=True):
        checkpoint, wrong = _checked(path, step, required)
        if checkpoint is not None:
            return checkpoint, problems
        problems += wrong
    return None, problems


def best(run: Path, required: Collection[str] = ()) -> Checkpoint | None:
    """Return the best checkpoint, verified, or None when none was called the best yet.

    Raises:
        RunError: If it is damaged or gone.
    """
    try:
        step = json.loads((run / FOLDER / _BEST).read_text(encoding="utf-8"))["step"]
    except FileNotFoundError:
        return None
    return at(run, step, required)


def at(run: Path, step: int, required: Collection[str] = ()) -> Checkpoint:
    """Return the checkpoint of `step`, verified.

    Raises:
        RunError: If it is damaged or gone.
    """
    path = run / FOLDER / f"step-{step:06d}"
    checkpoint, problems = _checked(path, step, required)
    if checkpoint is None:
        raise RunError(
            "E-CHECKPOINT-001",
            say("The checkpoint of step {step} cannot be used.", step=step),
            where=str(path),
            mend=say("Resume the run from an earlier checkpoint: afina resume {run}", run=run),
            problems=tuple(problems),
        )
    return checkpoint


def steps(run: Path) -> list[int]:
    """Return the steps of which there is a checkpoint, verified or not, in order."""
    return sorted(_found(run / FOLDER))


def clean(run: Path) -> list[Path]:
    """Remove what saves of dead processes left aside, and return the paths of it; call it while holding the lease."""
    return [path for folder in (run, run / FOLDER) for path in durable.remove_leftovers(folder)]


def estimate(components: Mapping[str, State]) -> int:
    """Return the bytes that a checkpoint of `components` takes, with some to spare."""
    return sum(num_bytes(state.tensors) for state in components.values()) + _SPARE_BYTES


def _reserve(folder: Path, components: Mapping[str, State]) -> None:
    needed = estimate(components)
    if durable.free_bytes(folder) < needed:
        durable.remove_leftovers(folder)
        if durable.free_bytes(folder) < needed:
            raise full(folder, needed)


def _found(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir() if path.is_dir())
    return {int(match[1]): path for match, path in matches if match is not None}


def _checked(path: Path, step: int, required: Collection[str]) -> tuple[Checkpoint | None, list[Problem]]:
    if not path.is_dir():
        return None, [Problem(what=say("The checkpoint is missing."), where=str(path))]
    if problems := durable.verify(path):
        return None, problems
    try:
        document = _document(path)
        present = document["components"]
        checkpoint = Checkpoint(path, document["step"], document["best"], tuple(present))
    except (OSError, ValueError, KeyError, TypeError):
        return None, [Problem(what=say("The checkpoint has no readable state."), where=str(path / _STATE))]
    problems = [
        Problem(what=say("The checkpoint lacks {component}.", component=name), where=str(path))
        for name in required
        if name not in present
    ]
    problems += [
        Problem(what=say("The file is missing."), where=str(path / f"{name}.safetensors"))
        for name, entry in present.items()
        if entry["tensors"] and not (path / f"{name}.safetensors").is_file()
    ]
    if checkpoint.step != step:
        what = say("The checkpoint of step {step} lies in another's folder.", step=checkpoint.step)
        problems.append(Problem(what=what, where=str(path)))
    return (None if problems else checkpoint), problems


def _retain(folder: Path, step: int, keep: int, best: int | None) -> None:
    found = _found(folder)
    kept = set(sorted(number for number in found if number <= step)[-keep:])
    kept |= {earlier for number in kept if (earlier := _best_then(found[number])) is not None}
    if best is not None:
        kept.add(best)
    for number in found.keys() - kept:
        durable.remove_folder(found[number])


def _best_then(path: Path) -> int | None:
    try:
        earlier: int | None = _document(path)["best"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # A damaged checkpoint has no say in what is kept.
    return earlier


def _described(step: int, best: int | None, components: Mapping[str, State]) -> dict[str, Any]:
    entries = {
        name: {"values": _encoded(dict(state.values)), "tensors": len(state.tensors)}
        for name, state in components.items()
    }
    return {"format": 1, "step": step, "best": best, "components": entries}


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((path / _STATE).read_text(encoding="utf-8"))
    return document


def _tensors(path: Path, name: str, entry: Mapping[str, Any]) -> dict[str, Tensor]:
    return durable.read_tensors(path / f"{name}.safetensors") if entry["tensors"] else {}


def _encoded(value: Any) -> Any:
    """Return `value` as JSON that gives it back exactly, or refuse it: a state that changes in writing is worthless."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_NOT_FINITE: str(value)}
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) and key != _NOT_FINITE for key in value):
        return {key: _encoded(item) for key, item in value.items()}
    raise ValueError(f"a checkpoint cannot hold {value!r}")


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_NOT_FINITE}:
            return float(value[_NOT_FINITE])
        return {key: _decoded(item) for key, item in value.items()}
    return [_decoded(item) for item in value] if isinstance(value, list) else value
