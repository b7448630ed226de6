"""What becomes of adapters after their runs: folded into their base, mixed with others, or side by side on one base.

merge           an adapter, or a mix of several, and its base become a plain model
load_adapters   several adapters share one base in memory; `use` switches between them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from afina.base.errors import Problem, QualityError, RunError
from afina.base.messages import say
from afina.inference.forward import Forward
from afina.models import loading, quantised, saving, sources
from afina.models.contract import Model
from afina.models.processor import Processor
from afina.run import folder as folders
from afina.run import reload
from afina.tuning import _combined
from afina.tuning._combined import Mix
from afina.tuning.contract import Tuning

SAME = 1e-5
"""Largest difference, relative to the largest output, between an adapter on its base and what is written of both."""

PROBES = ("A short text.", "Outro texto, um pouco mais comprido: 3 frases!", "?", "one two three four five six seven")
"""Texts on which the two must agree."""

_ALIKE = ("task", "labels", "problem", "pooling")
"""What the heads of two adapters must have in common to be averaged."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What `merge` made.

    Attributes:
        folder: Where it is.
        num_bytes: Its size.
        difference: Largest difference to the adapter on its base, over `PROBES`.
    """

    folder: Path
    num_bytes: int
    difference: float


def model_folder(reference: str, root: Path = folders.ROOT) -> Path:
    """Return where the model is that a run's name, or a path, stands for.

    Raises:
        RunError: If there is no such run, or it is not finished.
    """
    if (Path(reference) / "afina.json").is_file():
        return Path(reference)
    run = folders.find(reference, root)
    if not (run.model / "afina.json").is_file():
        raise RunError(
            "E-RUN-031",
            say("The run {name} is not finished.", name=run.name),
            where=str(run.path),
            mend=f"afina resume {run.name}",
        )
    return run.model


def merge(
    adapters: Sequence[Path],
    output: Path,
    mix: Mix | None = None,
    *,
    in_float32: bool = False,
    as_adapter: bool = False,
) -> Merged:
    """Fold an adapter, or a mix of several, into its base, and write the plain model that results.

    Args:
        adapters: Folders that hold one adapter each, all of one base.
        output: The folder to make.
        mix: How several are mixed; None for their mean.
        in_float32: Whether the base is loaded in float32 although the adapter was trained on a quantised one; it then
            says something else than in its run, by what quantising loses.
        as_adapter: Whether a mix is written as one adapter beside its base, instead of a whole model.

    Raises:
        RunError: If one holds no adapter, they do not go together, or `output` exists.
        RecipeError: If a technique cannot be folded or mixed.
        QualityError: If what was written says something else.
    """
    descriptions = [loading.describe(folder) for folder in adapters]
    if output.exists():
        raise RunError(
            "E-MERGE-001",
            say("{path} exists already.", path=output),
            where=str(output),
            mend=say("Choose another folder with -o."),
        )
    refuse_whole(adapters, descriptions)
    _refuse_different(adapters, descriptions)
    if mix is not None or len(adapters) > 1 or as_adapter:
        mix = mix or Mix()
        _check_mix(mix, len(adapters))
    model, processor, _ = _built(adapters, descriptions, mix, in_float32)
    if as_adapter:
        _refuse_quantised(model, adapters)
    task = reload.task_of(descriptions[0], processor)
    rows = reload.as_rows([dict.fromkeys(task.columns.text, text) for text in PROBES])
    expected = Forward(model.eval(), torch.device("cpu"), "float32").predict(task, task.encode(rows))
    # What ran has been rewired to run fast: what is written is built afresh.
    built = _built(adapters, descriptions, mix, in_float32)
    _write(*built, output, descriptions[0], as_adapter)
    again = reload.reload(output, torch.device("cpu"), "float32")
    difference = _compared(expected, again.forward.predict(again.task, again.task.encode(rows)), output)
    return Merged(output, sum(path.stat().st_size for path in output.rglob("*") if path.is_file()), difference)


def _write(
    model: Model, processor: Processor, tuning: Tuning, output: Path, description: Mapping[str, Any], as_adapter: bool
) -> None:
    """Write a mix beside its base, or fold what is on the base into it and write that."""
    if as_adapter:
        published, described = sources.published_name(model.origin), {**description, "tuning": {"kind": "lora"}}
        saving.save(model, processor, output, described, lambda folder: tuning.save(model, folder, published))
        return
    tuning.merge(model)
    saving.save(model, processor, output, dict(description))


def _compared(expected: np.ndarray, found: np.ndarray, output: Path) -> float:
    """Return the largest difference, and refuse one beyond rounding."""
    difference = float(np.abs(found - expected).max())
    if not difference <= SAME * max(1.0, float(np.abs(expected).max())):
        raise QualityError(
            "E-CHECK-006",
            say("What was written says something else than the adapter on its base: by {gap:.2g}.", gap=difference),
            where=str(output),
            mend=say("Do not use it; use the adapter beside its base."),
        )
    return difference


def _built(
    adapters: Sequence[Path], descriptions: Sequence[Mapping[str, Any]], mix: Mix | None, in_float32: bool
) -> tuple[Model, Processor, Tuning]:
    """Return the base with the adapter, or the mix, on it."""
    spec = reload.spec_of(descriptions[0])
    model, processor, tuning = reload.base_of(adapters[0], spec, descriptions[0], in_float32=in_float32)
    if mix is None:
        tuning.restore(model, adapters[0])
        loading.load_head(model, adapters[0])
        return model, processor, tuning
    combined: Tuning = _combined.combine(model, adapters, mix)
    if model.head is not None:
        _average_heads(model.head.linear, adapters, model, mix)
    return model, processor, combined


def _average_heads(linear: nn.Linear, adapters: Sequence[Path], model: Model, mix: Mix) -> None:
    states = []
    for folder in adapters:
        loading.load_head(model, folder)
        states.append({name: weight.clone() for name, weight in linear.state_dict().items()})
    mean = _combined.mean_of(states, _combined.weights_of(mix, len(states)), linear.state_dict())
    linear.load_state_dict(mean)


def _check_mix(mix: Mix, count: int) -> None:
    problems = []
    weights = _combined.weights_of(mix, count)
    if len(weights) != count:
        problems.append(
            Problem(
                what=say("There are {given} weights for {count} adapters.", given=len(weights), count=count),
                where="--weights",
            )
        )
    if abs(sum(weights)) < 1e-6:
        problems.append(Problem(what=say("The weights sum to zero, so the heads have no mean."), where="--weights"))
    if mix.density is not None and mix.method not in _combined.DENSITIES:
        problems.append(Problem(what=say("Only ties and dare drop entries."), where="--density"))
    if mix.rank is not None and mix.method == "mean":
        problems.append(Problem(what=say("The mean is exact and has no rank."), where="--rank", mend="--method svd"))
    if problems:
        raise RunError("E-MERGE-002", say("The adapters cannot be mixed like this."), problems=tuple(problems))


def refuse_whole(adapters: Sequence[Path], descriptions: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what is no adapter.

    Raises:
        RunError: Naming the first that is a whole model.
    """
    whole = [folder for folder, one in zip(adapters, descriptions, strict=True) if not one.get("is_adapter")]
    if whole:
        raise RunError(
            "E-MERGE-003",
            say("{folder} is a whole model already: there is nothing to merge.", folder=str(whole[0])),
            where=str(whole[0]),
            mend=f"base: {whole[0]}",
        )


def _refuse_quantised(model: Model, adapters: Sequence[Path]) -> None:
    """Refuse to write a mix for the base in float32 that was made on a quantised one, where it says something else."""
    if quantised.digests(model.named_parameters()):
        raise RunError(
            "E-MERGE-007",
            say("A mix is written as a LoRA on the base in float32, and these adapters stand on a quantised one."),
            where=str(adapters[0]),
            mend="afina merge RUNS -o FOLDER --adapter --onto-float32",
        )


def _refuse_different(adapters: Sequence[Path], descriptions: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to mix what stands on different bases, or answers different questions."""
    first, problems = descriptions[0], []
    for folder, one in zip(adapters[1:], descriptions[1:], strict=True):
        if one["base"]["fingerprint"] != first["base"]["fingerprint"]:
            problems.append(
                Problem(
                    what=say("It stands on another base, {base}.", base=one["base"]["name"]),
                    where=str(folder),
                    expected=first["base"]["name"],
                )
            )
        problems += [
            Problem(
                what=say("Its head is another one ({what}), and heads can only be averaged alike.", what=name),
                where=str(folder),
                expected=str(first[name]),
                mend=say("Load them side by side instead, and switch."),
            )
            for name in _ALIKE
            if one[name] != first[name]
        ]
    if problems:
        raise RunError("E-MERGE-004", say("These adapters do not go together."), problems=tuple(problems))
