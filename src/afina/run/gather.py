"""From a recipe to everything a run works with, before any weight is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from afina.base import registry
from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.base.types import Segments
from afina.data import places
from afina.data import source as data_source
from afina.data import splits as data_splits
from afina.data.contract import Dataset, Splits
from afina.data.hub import is_hub
from afina.models import processor as processors
from afina.models import sources
from afina.models.processor import Processor
from afina.models.sources import Source
from afina.recipe.resolved import Resolved
from afina.recipe.schema import Recipe
from afina.tasks.contract import Limit, Task
from afina.tuning.contract import Tuning


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a run works with.

    Attributes:
        resolved: The recipe, with what had to be inferred so far.
        dataset: The training file's rows.
        splits: The rows divided.
        source: The base, on this machine.
        processor: Its processor.
        task: What the model is for.
        tuning: Which weights will move.
        segments: The encoded rows by split: `train`, `validation`, `test`.
        fingerprints: SHA-256 of every data file, by path.
    """

    resolved: Resolved
    dataset: Dataset
    splits: Splits
    source: Source
    processor: Processor
    task: Task
    tuning: Tuning
    segments: Mapping[str, list[Segments]]
    fingerprints: Mapping[str, str]

    @property
    def recipe(self) -> Recipe:
        """The recipe alone."""
        return self.resolved.recipe


def gather(resolved: Resolved) -> Gathered:
    """Read the data, divide it, find the base, and settle the task.

    Raises:
        DataError: If rows cannot be used; all such rows are listed.
        SourceError: If the base cannot be found or trusted.
        RecipeError: If parts of the recipe do not go together.
    """
    resolved = _placed(resolved)
    recipe = resolved.recipe
    dataset, splits, fingerprints = _rows(recipe)
    source = sources.locate(recipe.base)
    processor = processors.load(source)
    tuning: Tuning = registry.build("tuning", recipe.tuning)
    _match(tuning, source, recipe)
    limit = Limit(_max_tokens(recipe, processor, tuning.virtual_tokens), recipe.data.long_text)
    options = recipe.task if recipe.task != "auto" else registry.config("tasks", "text-classification")()
    if recipe.task == "auto":
        resolved = resolved.infer("task", options, say("the data has texts and labels"))
    task: Task = registry.build(
        "tasks", options, rows=splits.train, columns=dataset.columns, source=source, processor=processor, limit=limit
    )
    for found in task.inferred:
        resolved = resolved.infer(found.path, found.value, found.why)
    for role in ("text", "label", "group"):
        found_columns = getattr(dataset.columns, role)
        if getattr(recipe.data, role) is None and found_columns:
            value = found_columns if isinstance(found_columns, str) else list(found_columns)
            resolved = resolved.infer(f"data.{role}", value, dict(dataset.columns.reasons).get(role, ""))
    if recipe.data.max_tokens == "auto":
        resolved = resolved.infer("data.max_tokens", limit.max_tokens, say("the longest text that the base reads"))
    segments = {name: task.encode(getattr(splits, name)) for name in ("train", "validation", "test")}
    return Gathered(resolved, dataset, splits, source, processor, task, tuning, segments, fingerprints)


def _placed(resolved: Resolved) -> Resolved:
    """Return the recipe with every folder and data set spelled in full: which part of it, and at which commit."""
    found: dict[str, str] = {
        f"data.{split}": name for split, name in places.settle(resolved.recipe.data, Path()).items()
    }
    for number, retained in enumerate(resolved.recipe.evaluation.retained):
        parts = places.splits_in(retained.path, Path())
        if parts:
            found[f"evaluation.retained.{number}.path"] = parts.get("train", next(iter(parts.values())))
    for path, name in found.items():
        why = say("the commit that it is at") if is_hub(name) else say("found there by its name")
        resolved = resolved.infer(path, name, why)
    return resolved


def read_labelled(path: str, recipe: Recipe, text: tuple[str, ...] | None, label: str | None) -> Dataset:
    """Read a labelled file from elsewhere, such as one that must not be forgotten."""
    section = recipe.data.model_copy(
        update={"train": path, "text": text, "label": (label,) if label else None, "group": None, "format": "auto"}
    )
    return data_source.read(section, Path())


def _rows(recipe: Recipe) -> tuple[Dataset, Splits, dict[str, str]]:
    root = Path()
    train = data_source.read(recipe.data, root)
    given: dict[str, Dataset] = {}
    fingerprints = dict(train.fingerprint)
    for name in ("validation", "test"):
        if getattr(recipe.data, name) is not None:
            given[name] = data_source.read(recipe.data, root, name, columns=train.columns)
            fingerprints.update(given[name].fingerprint)
    asked = recipe.data.split
    splits = data_splits.split(
        train,
        {"validation": asked.validation, "test": asked.test},
        seed=recipe.seed if asked.seed is None else asked.seed,
        validation=given.get("validation"),
        test=given.get("test"),
    )
    return train, splits, fingerprints


def _max_tokens(recipe: Recipe, processor: Processor, virtual_tokens: int) -> int:
    asked, limit = recipe.data.max_tokens, processor.max_tokens - virtual_tokens
    if limit < 1:
        raise RecipeError(
            "E-RECIPE-022",
            say(
                "The base reads {limit} tokens, and {virtual} virtual ones leave none for the text.",
                limit=processor.max_tokens,
                virtual=virtual_tokens,
            ),
            where="tuning",
        )
    return limit if asked == "auto" else min(int(asked), limit)


def _match(tuning: Tuning, source: Source, recipe: Recipe) -> None:
    """Refuse what does not go together, before anything is loaded."""
    kind = getattr(recipe.tuning, "kind", "")
    family = sources.family(source.config)
    if family not in tuning.supports:
        raise RecipeError(
            "E-RECIPE-020",
            say("{kind} does not work on this kind of model ({family}).", kind=kind, family=family),
            where="tuning",
            expected=", ".join(sorted(tuning.supports)),
        )
    if registry.build("retention", recipe.retention).walks and not tuning.interpolates:
        raise RecipeError(
            "E-RECIPE-021",
            say("There is no way from the base to what {kind} learns, so their weights cannot be mixed.", kind=kind),
            where="retention",
            mend="retention: none",
        )
