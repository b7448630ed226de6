"""What was trained, how training went, what it cost, and which checkpoints it left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.curves import Curves, smooth
from afina.reporting.facts import Facts, at, finite, kind
from afina.reporting.first_screen import base_name, moving_parameters
from afina.reporting.page import Cell, bullets, details, esc, pairs, section, table
from afina.reporting.picture_curves import main_metric

_MOST_CHECKPOINTS = 60
_WORDS_OF_LEVEL = {"warn", "warning", "error"}


def trained_section(facts: Facts) -> str:
    """Return the base, the task, the technique and the numbers of the training, in the words of the recipe."""
    recipe, training = facts.recipe, facts.recipe.get("training")
    rows: list[tuple[str, str | Cell]] = [
        (say("Base"), base_name(facts)),
        (say("Task"), choice_words(facts, "task")),
        (say("Problem"), _problem(facts)),
        (say("Tuning"), choice_words(facts, "tuning")),
        (say("Parameters that move"), moving_words(facts)),
        (say("Objective"), choice_words(facts, "objective")),
        (say("Retention"), choice_words(facts, "retention")),
        (say("Epochs"), wording.number(_or_integer(at(training, "epochs")), 2) if at(training, "epochs") else ""),
        (
            say("Rows per step"),
            wording.number(at(training, "global_batch_size")) if at(training, "global_batch_size") else "",
        ),
        (say("Learning rate"), _rate(training)),
        (say("Optimiser"), choice_words(facts, "training.optimizer")),
        (say("Schedule"), choice_words(facts, "training.schedule")),
        (say("Precision"), str(at(training, "precision") or "")),
        (say("Seed"), str(recipe.get("seed", "")) if recipe.get("seed") is not None else ""),
    ]
    return section("trained", say("What was trained"), "", pairs(rows, class_="wide"))


def course_section(facts: Facts) -> str:
    """Return, in words, how training went; the curves are on the first screen."""
    curves = facts.curves
    if curves.last_step is None:
        return section("course", say("How training went"), say("Not one step was taken."))
    rows = [
        (
            say("Steps"),
            say("{done} of {planned}", done=wording.number(curves.last_step), planned=wording.number(curves.num_steps)),
        ),
        (say("Best step"), wording.number(curves.best_step) if curves.best_step is not None else ""),
        (say("Ended because"), _end(curves)),
        (
            say("Speed"),
            say("{rows} rows per second", rows=wording.number(curves.rows_per_s, 1)) if curves.rows_per_s else "",
        ),
    ]
    return section(
        "course", say("How training went"), "", pairs(rows), bullets(health(facts)), _mixture(curves), _notes(facts)
    )


def health(facts: Facts) -> list[str]:
    """Return what the curves tell, in sentences; silence is a sentence too."""
    sentences = []
    curves = facts.curves
    losses = [value for _, value in curves.validation_loss]
    if len(losses) > 1 and losses[-1] > 1.2 * min(losses):
        ratio = wording.number(losses[-1] / min(losses), 2)
        sentences.append(
            say(
                "Validation loss ended {ratio} times above its lowest: from there on the model learnt rows by heart.",
                ratio=ratio,
            )
        )
    calm = [value for _, value in smooth(curves.train_loss)]
    if len(calm) > 20 and calm[-1] > 3 * sorted(calm)[len(calm) // 2]:
        sentences.append(
            say("Training loss ended far above its middle: training diverged. Try a lower learning rate first.")
        )
    elif len(calm) > 20 and calm[-1] > 0.97 * calm[len(calm) // 5]:
        sentences.append(
            say("Training loss hardly fell after its first fifth: too low a learning rate, or labels unlike the texts.")
        )
    gap = at(facts.evaluation, "gap")
    difference = finite(at(gap, "difference"))
    if difference is not None:
        metric = str(at(gap, "metric"))
        sentences.append(
            say(
                "On rows it learnt from: {train}; on test rows: {test} (gap {gap}).",
                train=measures.value(metric, at(gap, "train")),
                test=measures.value(metric, at(gap, "test")),
                gap=measures.difference(metric, difference),
            )
        )
    return sentences or [say("No problem found in the curves.")]


def cost_section(facts: Facts) -> str:
    """Return time, memory, parameters and size."""
    if facts.evaluation is None:
        return ""
    cost = at(facts.evaluation, "cost")
    if not isinstance(cost, Mapping):
        return section("cost", say("What it cost"), say("The cost of this run was not recorded."))
    rows = [
        (say("Training time"), wording.duration(cost.get("train_s"))),
        (
            say("Evaluation time"),
            wording.duration(cost.get("evaluation_s")) if cost.get("evaluation_s") is not None else "",
        ),
        (say("Peak memory"), wording.size(cost.get("peak_memory_bytes")) if cost.get("peak_memory_bytes") else ""),
        (say("Parameters that moved"), moving_words(facts)),
        (
            say("Size of the model folder"),
            wording.size(cost.get("artefact_bytes")) if cost.get("artefact_bytes") else "",
        ),
        (say("Device"), str(cost.get("device") or "")),
    ]
    return section("cost", say("What it cost"), "", pairs(rows))


def checkpoints_section(facts: Facts) -> str:
    """Return the checkpoints that were written and which of them are still there."""
    if not facts.curves.checkpoints:
        return section("checkpoints", say("Checkpoints"), say("No checkpoint was written."))
    scores = dict(facts.curves.validation_loss)
    kept: list[tuple[str | Cell, ...]] = []
    removed: list[tuple[str | Cell, ...]] = []
    for step, path in dict(facts.curves.checkpoints[-_MOST_CHECKPOINTS:]).items():
        best = step == facts.curves.best_step
        loss = wording.number(scores[step], 4) if step in scores else ""
        row = (Cell(esc(wording.number(step)), strong=best), loss, say("best") if best else "")
        (kept if (facts.folder / "checkpoints" / Path(path).name).is_dir() else removed).append(row)
    headings = (say("Step"), say("Validation loss"), "")
    title = say("Checkpoints that made room for newer ones ({count})", count=wording.number(len(removed)))
    lead = "" if kept else say("None of the checkpoints is on the disk any more.")
    blocks = [table(headings, rows) if rows else "" for rows in (kept, removed)]
    return section("checkpoints", say("Checkpoints"), lead, blocks[0], details(title, blocks[1]))


def _end(curves: Curves) -> str:
    if curves.end_reason is None:
        return say("it was cut off")
    return curves.end_reason or say("every planned step was taken")


def _mixture(curves: Curves) -> str:
    """Return which mix of base and tuned weights was kept, and how every other did on validation."""
    alpha, tried = finite(at(curves.mixture, "alpha")), at(curves.mixture, "curve")
    if alpha is None or not isinstance(tried, Mapping):
        return ""
    sentence = say(
        "Of all mixes of base and tuned weights, the one with {share} of the tuned was best on validation.",
        share=wording.percent(alpha, 0),
    )
    rows = []
    for share, value in tried.items():
        part = float(share)
        rows.append((Cell(wording.percent(part, 0), strong=part == alpha), wording.number(finite(value), 4)))
    name, _ = main_metric(curves)
    headings = (say("Share of the tuned weights"), measures.title(name) or say("Score"))
    return f"<p>{esc(sentence)}</p>" + details(say("Every mix that was tried"), table(headings, rows))


def _notes(facts: Facts) -> str:
    items = "".join(
        f'<li><span class="level {"error" if level == "error" else "warn"}">{esc(wording.level(level))}</span>'
        f"<span>{esc(text)}<small>{esc(say('step {step}', step=step)) if step is not None else ''}</small></span></li>"
        for level, step, text in facts.curves.notes[:100]
        if level in _WORDS_OF_LEVEL
    )
    return f'<ul class="findings">{items}</ul>' if items else ""


def choice_words(facts: Facts, path: str) -> str:
    """Return the technique at a path of the recipe with its options, defaults left out: `full (layer_decay 0.9)`."""
    choice = at(facts.recipe, *path.split("."))
    if not isinstance(choice, Mapping):
        return kind(choice)
    quiet = facts.defaults
    options = [
        f"{key} {_plain(value)}"
        for key, value in choice.items()
        if key != "kind" and value not in (None, [], {}) and f"{path}.{key}" not in quiet
    ]
    return f"{kind(choice)} ({', '.join(options)})" if options else kind(choice)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value[:12]) + (" …" if len(value) > 12 else "")
    return wording.scientific(value) if isinstance(value, float) else str(value)


def _problem(facts: Facts) -> str:
    labels = at(facts.evaluation, "labels") or []
    count = wording.number(len(labels))
    return {
        "single": say("one class per row, of {count}", count=count),
        "multi": say("any number of {count} labels per row", count=count),
        "regression": say("a number per row"),
    }.get(str(at(facts.evaluation, "problem")), "")


def moving_words(facts: Facts) -> str:
    """Return how many parameters move, of how many; nothing when it was not recorded."""
    moving, total = moving_parameters(facts)
    if moving is None or not total:
        return ""
    return say(
        "{moving} of {total} ({share})",
        moving=wording.number(int(moving)),
        total=wording.number(int(total)),
        share=wording.share(moving / total),
    )


def _rate(training: Any) -> str:
    rate = at(training, "learning_rate")
    return wording.scientific(rate) if finite(rate) is not None else str(rate or "")


def _or_integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value == int(value) else value
