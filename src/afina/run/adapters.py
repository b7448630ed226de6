"""Several adapters side by side on one base: its weights are in memory once, and switching moves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from afina.base.errors import RunError
from afina.base.messages import say
from afina.inference.forward import Forward
from afina.inference.precision import Precision
from afina.models import loading
from afina.models.contract import Model
from afina.run import folder as folders
from afina.run import merging, reload
from afina.run.opened import Prediction, answer
from afina.run.reload import Reloaded


class Adapters:
    """Several adapters on one base, whose weights are in memory once; each says what it says alone.

    They may have different techniques, labels and heads.

    Args:
        adapters: Where each is, by a name of your choice.
        device: Where they run.
        precision: What they compute in.

    Raises:
        RunError: If they stand on different bases, or one changes the base's own weights.
    """

    def __init__(
        self, adapters: Mapping[str, Path], device: torch.device | None = None, precision: Precision = "float32"
    ) -> None:
        self._models: dict[str, Reloaded] = {}
        shared: dict[str, nn.Parameter] = {}
        where, descriptions = list(adapters.values()), [loading.describe(folder) for folder in adapters.values()]
        merging.refuse_whole(where, descriptions)
        _refuse_other_bases(where, descriptions)
        for (name, folder), description in zip(adapters.items(), descriptions, strict=True):
            model, processor, tuning = reload.base_of(folder, reload.spec_of(description), description)
            _share(model, shared)
            versions = {key: weight._version for key, weight in shared.items()}
            tuning.restore(model, folder)
            loading.load_head(model, folder)
            if versions != {key: weight._version for key, weight in shared.items()}:
                raise RunError(
                    "E-MERGE-005",
                    say("{name} changes the base's own weights, which others stand on.", name=name),
                    where=str(folder),
                )
            forward = Forward(model.eval(), device or torch.device("cpu"), precision)
            self._models[name] = Reloaded(reload.task_of(description, processor), forward)

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters' names."""
        return tuple(self._models)

    def use(self, name: str) -> Reloaded:
        """Return one adapter on the base, ready to be used; nothing is loaded or moved.

        Raises:
            RunError: If there is none of that name.
        """
        if name not in self._models:
            raise RunError(
                "E-MERGE-006",
                say("There is no adapter {name}.", name=repr(name)),
                expected=", ".join(self._models),
            )
        return self._models[name]

    def predict(self, name: str, rows: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]) -> list[Prediction]:
        """Return what the model with one adapter says of texts, or of records, as `Run.predict` does.

        Raises:
            RunError: If there is no adapter of that name, or a record lacks a column.
        """
        return answer(self.use(name), rows)


def load_adapters(references: Mapping[str, str] | Sequence[str], root: Path = folders.ROOT) -> Adapters:
    """Load the adapters of several runs on one base.

    Args:
        references: Runs, or folders of models; by a name of your choice, or each by what it is called.
        root: The folder of runs.

    Raises:
        RunError: If one does not exist, or they do not stand on one base.
    """
    named = references if isinstance(references, Mapping) else {reference: reference for reference in references}
    return Adapters({name: merging.model_folder(reference, root) for name, reference in named.items()})


def _refuse_other_bases(adapters: Sequence[Path], descriptions: Sequence[Mapping[str, Any]]) -> None:
    bases = [one["base"]["fingerprint"] for one in descriptions]
    other = next((place for place, base in enumerate(bases) if base != bases[0]), None)
    if other is not None:
        raise RunError(
            "E-MERGE-004",
            say("These adapters do not go together."),
            where=str(adapters[other]),
            expected=descriptions[0]["base"]["name"],
        )


def _share(model: Model, shared: dict[str, nn.Parameter]) -> None:
    """Give a fresh base the weights of the first one in place of its own; those of the first are remembered."""
    encoder = model.encoder
    for name, own in list(encoder.named_parameters()):
        known = shared.setdefault(name, own)
        if known is not own and known.shape == own.shape and known.dtype == own.dtype:
            path, _, leaf = name.rpartition(".")
            setattr(encoder.get_submodule(path), leaf, known)
