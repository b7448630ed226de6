"""The shape of a recipe: its sections, their fields, units, ranges and defaults.

The text beneath each field is the only description that exists of it: help, the JSON schema, forms and the reference
page are made from it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from afina.base.messages import say
from afina.recipe.choice import Choice, Shorthand
from afina.recipe.section import Section

Automatic = Literal["auto"]


def _as_names(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_as_names, json_schema_input_type=str | list[str]),
]
"""One name or a list of names."""
Text = Annotated[str, Field(min_length=1)]
PositiveInt = Annotated[int, Field(ge=1)]


class Base(Section):
    """The pre-trained model to start from."""

    name: Text
    """`builtin:minilm`, a folder, an earlier run, or a model's name on the Hub."""
    revision: Text | None = None
    """Branch, tag or commit on the Hub; null means its main branch. The run records the SHA-256 of the weights."""
    trust_remote_code: bool = False
    """Whether Python code that comes with the model may run. It can do anything that you can: only for a source you
    trust."""
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Share of activations dropped while training, 0 to below 1; null keeps what the base's own configuration says."""


class Split(Section):
    """How rows are set aside when no file is given for it."""

    validation: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the rows that choose (early stopping, mixing weight), 0 to below 1; unused when `data.validation` is a
    file."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the rows that judge, never looked at before, 0 to below 1; unused when `data.test` is a file."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Seed of the division alone, 0 to 4294967295; null takes the recipe's. Give it to train with several seeds and
    judge all on the same rows."""

    @model_validator(mode="after")
    def _leaves_rows_to_train(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError(say("Validation and test together take every row; nothing would be left to train on."))
        return self


class Data(Section):
    """The rows to learn from and to be judged on. Paths are relative to the recipe file."""

    train: Text
    """The labelled rows: a file (CSV, TSV, JSON, JSONL, parquet), a folder (of such files, or of one folder of `.txt`
    files per class), or a data set on the Hub (`hub:owner/name`)."""
    validation: Text | None = None
    """Rows that choose, spelled like `train`; null takes those that lie in its folder or data set, else a share of the
    training rows (`data.split.validation`)."""
    test: Text | None = None
    """Rows that judge, spelled like `train`; null takes those that lie in its folder or data set, else a share of the
    training rows (`data.split.test`)."""
    format: Annotated[Section, Choice("data.formats", default="auto")] = Field(default="auto", validate_default=True)
    """How the files are written; auto tells by name and content, and the finding is shown."""
    text: Names | None = None
    """Column or columns that the model reads, in order (two make a sentence pair); null infers them."""
    label: Names | None = None
    """Column that holds the answer; several mean one 0/1 column per class; null infers it."""
    group: Text | None = None
    """Column whose equal values must stay on one side of a split (a customer, a ticket); null takes a column that is
    named like one (`group`, `grupo`, a repeating `user_id`), and shows it."""
    split: Split = Split()
    """Shares set aside when no file is given for them."""
    on_bad_row: Literal["stop", "skip"] = "stop"
    """Rows that cannot be used: stop refuses the data when they are more than `max_bad_share`, skip never does; all are
    listed."""
    max_bad_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of bad rows, 0 to 1, up to which they are skipped and listed when `on_bad_row` is stop."""
    long_text: Literal["truncate", "windows"] = "truncate"
    """Rows longer than `max_tokens`: truncate keeps the beginning, windows reads all in pieces and averages the
    answer."""
    max_tokens: Automatic | Annotated[int, Field(ge=4, le=1_000_000)] = "auto"
    """Longest row in tokens, 4 and up; auto takes the base's own limit."""


class PrefixCache(Section):
    """What the frozen lower part of the model says of each text, kept on the disk for later epochs, runs and trials."""

    use: Literal["auto", "on", "off"] = "auto"
    """auto keeps it where that pays: over two epochs or more, or where what is needed is there already. `afina cache`
    lists and removes it."""
    max_bytes: PositiveInt = 20_000_000_000
    """Most bytes that all of it may take on the disk, all runs together, 1 and up; what was used longest ago gives way,
    and a run that would need more computes everything at every step."""


class Training(Section):
    """How long, how fast and in what portions the model learns."""

    epochs: Automatic | Annotated[float, Field(gt=0, le=10_000)] = "auto"
    """Passes over the training rows, above 0; may be a fraction. auto takes 3, and on small data as many as about 150
    steps need, at most 10."""
    max_steps: PositiveInt | None = None
    """Optimiser steps after which training stops even if epochs remain; null for no such limit."""
    learning_rate: Automatic | Annotated[float, Field(gt=0, le=10)] = "auto"
    """Peak step size, above 0; auto follows a stated rule by kind of base and technique, and the value is shown."""
    optimizer: Annotated[Section, Choice("engine.optimizers", default="adamw")] = Field(
        default="adamw", validate_default=True
    )
    """What turns gradients into steps."""
    schedule: Annotated[Section, Choice("engine.schedules", default="linear")] = Field(
        default="linear", validate_default=True
    )
    """How the learning rate changes over the steps."""
    global_batch_size: PositiveInt = 32
    """Rows per optimiser step, over all processes, 1 and up."""
    micro_batch_size: Automatic | PositiveInt = "auto"
    """Rows computed at once on one device, 1 and up; auto takes the whole batch and halves it where memory does not
    suffice. It changes speed and memory, not what is learnt."""
    max_gradient_norm: Annotated[float, Field(gt=0)] | None = 1.0
    """Length above which a step's gradient is scaled down, above 0; null switches it off."""
    layout: Literal["auto", "padded", "packed"] = "auto"
    """How texts are laid out in a batch: padded fills all to the longest, of about equal length; packed puts them into
    one sequence, each attending to itself alone, where the model is seen to read that as it reads each alone. The same
    is learnt either way. auto packs on a CPU where padding would add a quarter to the tokens, as in small data of very
    different lengths, and pads otherwise, which is faster there."""
    precision: Literal["auto", "float32", "bfloat16", "float64"] = "auto"
    """Number format of the computation; auto takes bfloat16 where the hardware has it natively, else float32."""
    gradient_checkpointing: Literal["auto", "on", "off"] = "auto"
    """Whether blocks keep their input alone and are computed again on the way back: less memory for about a third more
    time, and the same result. Nothing below the lowest weight that moves is computed again. auto does it only where the
    run would not fit into memory otherwise."""
    prefix_cache: Annotated[PrefixCache, Shorthand("use")] = Field(default_factory=PrefixCache)
    """What the frozen lower part of the model says of each text, computed once and kept on the disk. It changes time,
    not what is learnt."""
    save_every_steps: Automatic | PositiveInt = "auto"
    """Optimiser steps between checkpoints, 1 and up; auto saves whenever the validation rows are evaluated."""
    evaluate_every_steps: Automatic | PositiveInt = "auto"
    """Optimiser steps between evaluations on the validation rows, 1 and up; auto evaluates once per epoch, and at most
    twenty times a run."""
    callbacks: tuple[Annotated[Section, Choice("engine.callbacks")], ...] = Field(
        default=("early-stop",), validate_default=True
    )
    """What listens to the training loop, in order; an empty list for nothing."""

    @model_validator(mode="after")
    def _micro_fits_in_global(self) -> Training:
        if isinstance(self.micro_batch_size, int) and self.micro_batch_size > self.global_batch_size:
            raise ValueError(say("`micro_batch_size` must not be larger than `global_batch_size`."))
        return self


class Retained(Section):
    """Labelled rows from elsewhere, on which the model should not get worse."""

    path: Text
    """The labelled rows, spelled like `data.train`."""
    text: Names | None = None
    """Column or columns that the model reads; null infers them."""
    label: Text | None = None
    """Column that holds the answer; null infers it."""


class Evaluation(Section):
    """How the tuned model is compared with its base."""

    retained: tuple[Annotated[Retained, Shorthand("path")], ...] = ()
    """Labelled files from elsewhere, to measure what was forgotten; each a path or {path, text, label}."""
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    """Confidence of the intervals, 0.5 to below 1."""
    num_resamples: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    """Bootstrap resamples behind each interval, 100 and up."""


class Recipe(Section):
    """Everything a run was asked for. `base`, `data` and `tuning` are enough; the rest is inferred or has a default."""

    version: Literal[1] = 1
    """Version of the recipe's grammar."""
    base: Annotated[Base, Shorthand("name")]
    """The pre-trained model to start from: `builtin:minilm`, a folder, an earlier run, or a model's name on the Hub."""
    data: Annotated[Data, Shorthand("train")]
    """The rows to learn from: a file, a folder, a data set on the Hub, or a section that says more."""
    task: Annotated[Section | Automatic, Choice("tasks", auto=True)] = "auto"
    """What the model is for; auto infers it from the columns."""
    tuning: Annotated[Section, Choice("tuning")]
    """Which weights move, when and how fast."""
    objective: Annotated[Section, Choice("objectives", default="supervised")] = Field(
        default="supervised", validate_default=True
    )
    """What is minimised."""
    retention: Annotated[Section, Choice("retention", default="none")] = Field(default="none", validate_default=True)
    """What keeps the model from forgetting."""
    training: Training = Field(default_factory=Training)
    """How long, how fast and in what portions the model learns."""
    evaluation: Evaluation = Evaluation()
    """How the tuned model is compared with its base."""
    tracking: tuple[Annotated[Section, Choice("engine.trackers")], ...] = ()
    """Where the run is mirrored for comparing it with others, beside its own folder; none by default."""
    output: Text | None = None
    """Run folder; null makes `runs/<time>-<name>`."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    """Seed of everything random: splits, order, dropout, new weights; 0 to 4294967295."""
