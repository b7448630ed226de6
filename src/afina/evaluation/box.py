"""The verdict as lines for a terminal: who scored what, what was forgotten, what it cost, the three worst mistakes."""

from __future__ import annotations

from afina.base.messages import say
from afina.evaluation.contender import Score, Scores
from afina.evaluation.contract import Cost, Evaluation, TopLoss
from afina.metrics import wording

NUM_MISTAKES = 3
"""Mistakes shown."""

_TEXT_WIDTH = 60


def lines(evaluation: Evaluation) -> list[str]:
    """Return the box's lines in the language in force, without borders or colour."""
    block = [evaluation.verdict.sentence, *evaluation.verdict.remarks, "", *_table(evaluation)]
    if evaluation.gap is not None:
        block.append(
            say(
                "On the training rows: {metric} {value}.",
                metric=wording.title(evaluation.gap.metric),
                value=wording.value_text(evaluation.gap.metric, evaluation.gap.train),
            )
        )
    if evaluation.forgetting:
        block += ["", *(loss.sentence for loss in evaluation.forgetting)]
    if evaluation.cost is not None:
        block += ["", *_cost(evaluation.cost)]
    mistakes = [row for row in evaluation.top_losses if row.reference != row.prediction][:NUM_MISTAKES]
    if mistakes:
        block += ["", say("Worst mistakes:"), *(line for row in mistakes for line in _mistake(row))]
    return block


def _table(evaluation: Evaluation) -> list[str]:
    names = {"majority": say("trivial answer"), "base": say("base"), "tuned": say("tuned")}
    contenders = [evaluation.scores.majority, evaluation.scores.base, evaluation.scores.tuned]
    head = ["", *(wording.title(metric.metric) for metric in contenders[0].metrics)]
    rows = [head, *([names[contender.name], *_cells(contender)] for contender in contenders)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(contender: Scores) -> list[str]:
    return [_cell(metric) for metric in contender.metrics]


def _cell(score: Score) -> str:
    text = wording.value_text(score.metric, score.value)
    if score.low is None or score.high is None:
        return text
    low, high = (wording.value_text(score.metric, end).removesuffix("%") for end in (score.low, score.high))
    return say("{value} ({low} to {high})", value=text, low=low, high=high)


def _cost(cost: Cost) -> list[str]:
    share = 100 * cost.num_trainable_parameters / max(1, cost.num_parameters)
    parts = [
        say("Trained in {duration} on {device}", duration=duration(cost.train_s), device=cost.device),
        say(
            "{moved} of {all} parameters moved ({share}%)",
            moved=wording.count(cost.num_trainable_parameters),
            all=wording.count(cost.num_parameters),
            share=wording.number(share, 1),
        ),
    ]
    if cost.peak_memory_bytes is not None:
        parts.append(say("peak memory {size}", size=size(cost.peak_memory_bytes)))
    if cost.artefact_bytes is not None:
        parts.append(say("{size} to ship", size=size(cost.artefact_bytes)))
    return ["; ".join(parts) + "."]


def _mistake(row: TopLoss) -> list[str]:
    where = row.where or say("row {number}", number=row.row)
    # A multi-label row may have no class at all.
    reference, prediction = row.reference or say("no class"), row.prediction or say("no class")
    answer = say("{reference} taken for {prediction}", reference=reference, prediction=prediction)
    if row.probability is not None:
        sure = wording.localised(f"{100 * row.probability:.0f}%")
        answer = say("{answer} ({sure} sure)", answer=answer, sure=sure)
    text = " ".join(row.text.split())
    short = text if len(text) <= _TEXT_WIDTH else text[: _TEXT_WIDTH - 1].rstrip() + "…"
    return [f"  {where}: {answer}", *([f"    {short}"] if short else [])]


def duration(seconds: float) -> str:
    """Return a duration as `8.2 s`, `1 min 33 s` or `2 h 5 min`."""
    if seconds < 60:
        return say("{seconds} s", seconds=wording.number(seconds, 1))
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return say("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return say("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def size(num_bytes: int) -> str:
    """Return a size as `90.9 MB`, in powers of ten."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= scale:
            return f"{wording.number(num_bytes / scale, 1)} {unit}"
    return f"{num_bytes} B"
