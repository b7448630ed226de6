"""Loading a base as a `Model` with the head a task asks for; weights in float32, from safetensors alone."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification
from transformers.utils import logging as transformers_logging

from afina.base import floors
from afina.base.errors import SourceError
from afina.base.messages import say
from afina.base.types import Layout
from afina.models import blocks, quantised
from afina.models.contract import HeadSpec, Model, PooledHead, Wiring
from afina.models.depths import Blocks
from afina.models.processor import Processor
from afina.models.sources import Source

HEAD_FILE = "head.safetensors"
"""The head of a model that is pooled by us: `weight` (C, H) and `bias` (C,)."""

_PROBLEM_TYPES = {
    "single": "single_label_classification",
    "multi": "multi_label_classification",
    "regression": "regression",
}


def load(
    source: Source,
    spec: HeadSpec,
    processor: Processor,
    *,
    seed: int,
    dropout: float | None = None,
    requires: Mapping[str, object] | None = None,
) -> Model:
    """Load a base and give it the head that `spec` asks for, freshly drawn from `seed`.

    Args:
        source: The base, as `sources.locate` found it.
        spec: The head.
        processor: The base's processor, for the length and padding of the layout.
        seed: Seed of the head's first weights.
        dropout: Probability that replaces every dropout of the base, or None to keep its own.
        requires: What a tuning requires of the base (`Tuning.requires`).

    Raises:
        SourceError: If transformers has no such model, or its blocks cannot be told apart.
        MissingExtraError: If an installed package stands below its safe version.
    """
    floors.assert_safe()
    torch.manual_seed(seed)
    network, drawn = _network(source, spec, requires or {})
    head = None
    if spec.pooling != "cls":
        config = network.config
        own_dropout = float(getattr(config, "hidden_dropout_prob", getattr(config, "dropout", 0.1)))
        head = PooledHead(int(config.hidden_size), len(spec.labels), own_dropout)
    set_aside = _set_aside(network) if spec.pooling != "cls" else {}
    found = _with_drawn(blocks.discover(network, _base_prefix(network), has_own_head=head is None), drawn)
    model = Model(
        network,
        head,
        wiring=Wiring(blocks.family(network), found, set_aside),
        layout=_layout(network, processor),
        spec=spec,
        origin=source.origin,
    )
    if dropout is not None:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
    return model


def load_head(model: Model, folder: Path) -> None:
    """Read the head that a run saved in `folder` into a model that is pooled by us."""
    if model.head is not None:
        model.head.linear.load_state_dict(load_file(folder / HEAD_FILE))


def _network(source: Source, spec: HeadSpec, requires: Mapping[str, object]) -> tuple[Any, frozenset[str]]:
    """Return the network, and the names of the parameters that the base does not bring, which were drawn."""
    trust: dict[str, Any] = {"trust_remote_code": source.trusted, "local_files_only": True}
    keywords: dict[str, Any] = {"dtype": torch.float32, "use_safetensors": True, **trust}
    kind, head = (AutoModel, {}) if spec.pooling != "cls" else (AutoModelForSequenceClassification, _head(spec))
    try:
        with _quiet():
            if head:
                keywords["ignore_mismatched_sizes"] = True
            config = AutoConfig.from_pretrained(source.folder, **head, **trust)
            as_required = quantised.keywords(
                requires, lambda: kind.from_config(config, trust_remote_code=source.trusted)
            )
            network, told = kind.from_pretrained(
                source.folder, config=config, output_loading_info=True, **as_required, **keywords
            )
            quantised.settle(network)
            return network, frozenset(f"network.{name}" for name in told["missing_keys"])
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise SourceError(
            "E-MODEL-008",
            say("transformers cannot load {name}: {reason}", name=source.origin.name, reason=str(error).split("\n")[0]),
            where=str(source.folder),
            mend=say("Choose an encoder that transformers can classify with."),
        ) from error


def _head(spec: HeadSpec) -> dict[str, Any]:
    """Return what transformers' own head is made from."""
    return {
        "num_labels": len(spec.labels),
        "id2label": dict(enumerate(spec.labels)),
        "label2id": {label: index for index, label in enumerate(spec.labels)},
        "problem_type": _PROBLEM_TYPES[spec.problem],
    }


class _quiet:
    """Hold back transformers' table of missing head weights: a new head is what was asked for."""

    def __enter__(self) -> None:
        self._level = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity(logging.ERROR)
        transformers_logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        transformers_logging.set_verbosity(self._level)


def _base_prefix(network: Any) -> str:
    prefix = network.base_model_prefix
    return prefix if network.base_model is not network and hasattr(network, prefix) else ""


def _with_drawn(found: Blocks, drawn: frozenset[str]) -> Blocks:
    """Count what stands above the base's last block and was drawn, such as a pooler, as part of the task's head.

    Nobody else has it: it must learn, and be saved with what was learnt.
    """
    fresh = tuple(name for name in found.top if name in drawn)
    top = tuple(name for name in found.top if name not in drawn)
    return replace(found, top=top, head=(*fresh, *found.head))


def _set_aside(network: Any) -> dict[str, nn.Module]:
    # We pool the last hidden state, so a pooler would be computed for nobody and never get a gradient.
    if isinstance(getattr(network, "pooler", None), nn.Module):
        pooler = network.pooler
        # Not None: some models call it without asking whether it is there.
        network.pooler = nn.Identity()
        return {"pooler": pooler}
    return {}


def _layout(network: Any, processor: Processor) -> Layout:
    takes = inspect.signature(network.base_model.forward).parameters
    type_count = int(getattr(network.config, "type_vocab_size", 0) or 0)
    return Layout(
        max_tokens=processor.max_tokens,
        pad_token_id=processor.pad_token_id,
        takes_token_types="token_type_ids" in takes and type_count > 1,
    )


def describe(folder: Path) -> dict[str, Any]:
    """Return what a run wrote about the model it saved in `folder` (`afina.json`).

    Raises:
        SourceError: If the folder was not written by a run.
    """
    path = folder / "afina.json"
    if not path.is_file():
        raise SourceError(
            "E-MODEL-009",
            say("{folder} holds no model that a run saved.", folder=str(folder)),
            expected="afina.json",
            mend=say("Give a run, or the model folder inside it."),
        )
    return json.loads(path.read_text("utf-8"))  # type: ignore[no-any-return]
