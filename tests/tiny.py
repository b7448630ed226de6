"""Tiny random networks of several families, and the parts of a run over them, for laws that must hold on all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForImageClassification, BertTokenizer

from afina.base import registry, seeds
from afina.base.types import Aids, Batch, Layout, Segments
from afina.data import batching
from afina.engine.loop import Loop
from afina.engine.material import Material, Settings
from afina.engine.optimizing import Optimizing
from afina.inference.forward import Forward
from afina.models import blocks, loading, sources
from afina.models import processor as processors
from afina.models.contract import HeadSpec, Model, Origin, Wiring
from afina.recipe.schema import Base
from afina.run import machine

VOCABULARY = 64
MAX_TOKENS = 48
_SIZE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 50,
    "pad_token_id": 0,
    "initializer_range": 0.2,
}
_SHIFTED = {**_SIZE, "pad_token_id": 1}
_DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_GATED = {**_SIZE, "num_key_value_heads": 1, "bos_token_id": 1, "eos_token_id": 2}
_OWN_IDS = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": _SIZE,
    "roberta": _SHIFTED,
    "distilbert": {
        "vocab_size": VOCABULARY,
        "dim": 16,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 32,
        "max_position_embeddings": 50,
        "pad_token_id": 0,
        "initializer_range": 0.2,
    },
    "electra": {**_SIZE, "embedding_size": 8},
    "albert": {**_SIZE, "embedding_size": 8, "num_hidden_groups": 1},
    "xlm-roberta": _SHIFTED,
    "mpnet": _SHIFTED,
    "deberta-v2": {**_SIZE, **_DISENTANGLED},
    "modernbert": {**_SIZE, **_OWN_IDS, "global_attn_every_n_layers": 2, "local_attention": 16},
    "roberta-prelayernorm": _SHIFTED,
    "megatron-bert": _SIZE,
    "layoutlm": _SIZE,
}
"""Configurations of encoders with two blocks of width 16, by transformers' model type."""
DECODERS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "vocab_size": VOCABULARY,
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 50,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "initializer_range": 0.2,
    },
    "llama": _GATED,
    "qwen2": {**_GATED, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0},
}
"""The same of decoders."""
IMAGE_FAMILIES: dict[str, dict[str, Any]] = {
    "vit": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "image_size": 16,
        "patch_size": 4,
        "initializer_range": 0.2,
    },
    "resnet": {"embedding_size": 16, "hidden_sizes": [16, 16], "depths": [1, 1], "layer_type": "basic"},
}
"""The same of networks that read images; a stage counts as a block."""
OPTIONS: dict[str, dict[str, Any]] = {
    "last-blocks": {"num_blocks": 1},
    "full": {"head_first_epochs": 0.0},
    "adapter": {"reduction_factor": 4, "placement": "houlsby"},
    "prompt": {"num_virtual_tokens": 4},
    "prefix": {"num_virtual_tokens": 4},
    "p-tuning": {"num_virtual_tokens": 4},
    "peft": {"method": "hira", "options": {"r": 4}},
}
"""Options under which a tuning moves a two-block model throughout, where the usual ones do not."""


def save(family: str, folder: Path) -> Path:
    """Write a random model of `family` with a tokenizer of whole letters, and return its folder."""
    config = AutoConfig.for_model(family, **{**FAMILIES, **DECODERS}[family])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AutoModel.from_config(config)
        with torch.no_grad():
            # No weight stands at a special place such as zero or one, where a mistake would not be seen.
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    network.save_pretrained(folder)
    specials = ["[CLS]", "[PAD]"] if config.pad_token_id == 1 else ["[PAD]", "[CLS]"]
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*specials, "[SEP]", "[UNK]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}).save_pretrained(folder)
    return folder


def load(
    folder: Path,
    pooling: str = "cls",
    problem: str = "single",
    *,
    num_labels: int = 3,
    seed: int = 0,
    dropout: float | None = 0.0,
    requires: Any = None,
) -> Model:
    """Load a folder that `save` wrote, with a fresh head."""
    source = sources.locate(Base(name=str(folder)))
    labels = ("value",) if problem == "regression" else tuple(f"label {place}" for place in range(num_labels))
    spec = HeadSpec(labels, problem, pooling)  # type: ignore[arg-type]
    return loading.load(source, spec, processors.load(source), seed=seed, dropout=dropout, requires=requires)


def image_model(family: str, *, num_labels: int = 3) -> Model:
    """Return a random network that classifies images."""
    config = AutoConfig.for_model(family, **IMAGE_FAMILIES[family], num_channels=3, num_labels=num_labels)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AutoModelForImageClassification.from_config(config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    spec = HeadSpec(tuple(f"label {place}" for place in range(num_labels)), "single", "cls")
    wiring = Wiring(blocks.family(network), blocks.discover(network, network.base_model_prefix, has_own_head=True))
    layout, origin = Layout(max_tokens=0, pad_token_id=0), Origin(family, "", "")
    return Model(network, None, wiring=wiring, layout=layout, spec=spec, origin=origin)


def outputs(model: Model, seed: int = 7) -> Tensor:
    """Return what a model says of six random rows or images, shape (6, C)."""
    if model.family in {"encoder", "decoder"}:
        rows_ = batch(model, rows(6, model.spec.pooling, model.spec.problem, seed=seed))
        return model(rows_.input_ids, rows_.attention_mask, rows_.token_type_ids, rows_.owner, len(rows_))
    draw = torch.Generator().manual_seed(seed)
    images = torch.rand(6, 3, 16, 16, generator=draw).to(next(model.parameters()).dtype)
    logits: Tensor = model.network(pixel_values=images).logits
    return logits


def steps(model: Model, report: Any, count: int = 3, optimizer: str = "adamw") -> Optimizing:
    """Take steps down the sum of the squared outputs, and return the optimiser."""
    optimizing = Optimizing.over(model, report.groups, technique("engine.optimizers", optimizer))
    for step in range(count):
        outputs(model, seed=step).square().sum().backward()
        optimizing.step(1e-2)
        optimizing.forget_gradients()
    return optimizing


def tuned(model: Model, kind: str = "full", **options: Any) -> tuple[Any, Any]:
    """Apply a tuning, and return it with its report."""
    tuning = technique("tuning", kind, **options)
    return tuning, tuning.apply(model)


def technique(point: str, kind: str, **options: Any) -> Any:
    """Build a technique of the registry."""
    return registry.build(point, registry.config(point, kind)(**options))


def rows(
    num_rows: int,
    pooling: str = "cls",
    problem: str = "single",
    *,
    num_labels: int = 3,
    seed: int = 0,
    longest: int = 12,
    windows: int = 1,
) -> list[Segments]:
    """Return random rows whose label their tokens give away; each of up to `windows` documents."""
    draw = np.random.default_rng(seed)
    result = []
    for row in range(num_rows):
        label = int(draw.integers(num_labels))
        documents = []
        for _ in range(int(draw.integers(1, windows + 1))):
            ids = draw.integers(5, VOCABULARY, int(draw.integers(2, longest))).astype(np.int32)
            ids[-1] = 5 + label
            documents.append(ids)
        target: Any = label
        if problem == "multi":
            target = (np.arange(num_labels) <= label).astype(np.float32)
        elif problem == "regression":
            target = float(label) - 1 + 0.1 * float(draw.standard_normal())
        result.append(Segments(row, tuple(documents), graded=(0,) if pooling == "cls" else None, target=target))
    return result


def kind_of(problem: str) -> Any:
    """Return the kind of target of a problem."""
    return {"single": "class", "multi": "multi_hot", "regression": "value"}[problem]


def batch(model: Model, segments: list[Segments]) -> Batch:
    """Lay rows out for a model."""
    return batching.collate(segments, model.layout, kind_of(model.spec.problem))


def weights(model: Model) -> dict[str, Tensor]:
    """Return copies of a model's weights."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the L2 distance over all weights, relative to the length of `one`."""
    squares = sum(float((one[name].double() - other[name].double()).square().sum()) for name in one)
    return (squares / sum(float(weight.double().square().sum()) for weight in one.values())) ** 0.5


def loop(
    model: Model,
    segments: list[Segments],
    *,
    tuning: tuple[str, dict[str, Any]] = ("full", {"head_first_epochs": 0.0}),
    retention: tuple[str, dict[str, Any]] = ("none", {}),
    optimizer: tuple[str, dict[str, Any]] = ("adamw", {}),
    schedule: tuple[str, dict[str, Any]] = ("linear", {}),
    precision: str = "float64",
    callbacks: Any = (),
    judge: Any = None,
    folder: Path | None = None,
    seed: int = 0,
    global_batch_size: int = 8,
    layout: str = "auto",
    **settings: Any,
) -> Loop:
    """Return a loop over rows, as a run would make it."""
    chosen, report = tuned(model, tuning[0], **tuning[1])
    processes = machine.processes()
    forward = Forward(model, processes.device, precision, layout)  # type: ignore[arg-type]
    kept = technique("retention", retention[0], **retention[1])
    kept.prepare(model, frozenset(model.blocks.head))
    plan = batching.Plan(np.asarray([segment.longest for segment in segments]), global_batch_size, seed)
    material = Material(
        forward=forward,
        tuning=chosen,
        report=report,
        objective=technique("objectives", "supervised"),
        aids=Aids(),
        retention=kept,
        segments=segments,
        target_kind=kind_of(model.spec.problem),
        plan=plan,
        optimizer=technique("engine.optimizers", optimizer[0], **optimizer[1]),
        schedule=technique("engine.schedules", schedule[0], **schedule[1]),
        judge=None if judge is None else judge(forward),
    )
    usual = {
        "num_steps": 2 * plan.steps_per_epoch,
        "learning_rate": 1e-3,
        "micro_batch_size": global_batch_size,
        "max_gradient_norm": 1.0,
        "evaluate_every_steps": 10**6,
        "save_every_steps": 10**6,
    }
    seeds.seed_everything(seed + processes.process_index)
    return Loop(material, Settings(**{**usual, **settings}), list(callbacks), processes, folder)
