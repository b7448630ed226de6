"""A plan in words, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from afina.base.messages import say
from afina.planning.figures import Frozen
from afina.planning.span import Span

if TYPE_CHECKING:
    from afina.planning.plan import Plan

GIB, MIB = 1 << 30, 1 << 20
"""Bytes in a gibibyte and in a mebibyte."""

MINUTE_S, HOUR_S = 60, 3600
"""Seconds in a minute and in an hour."""


def lines(plan: Plan) -> list[str]:
    """Return the plan as the terminal shows it: figures, verdict, mends, and what the figures leave out."""
    rows = {
        say("steps"): _steps(plan),
        say("tokens"): _tokens(plan),
        say("moves"): say(
            "{moving} of {all} parameters ({share})",
            moving=f"{plan.num_trainable:,}",
            all=f"{plan.num_parameters:,}",
            share=percent(plan.trainable_share),
        ),
        say("memory"): _memory(plan),
        "": _parts(plan),
        say("disk"): say(
            "{peak}: checkpoints of {checkpoint}, a model of {model}; {free} are free",
            peak=_sizes(plan.disk.peak),
            checkpoint=size(plan.disk.checkpoint_bytes),
            model=size(plan.disk.model_bytes),
            free=size(plan.disk.free_bytes),
        ),
        **({say("once"): _once(plan.frozen)} if plan.frozen is not None else {}),
        say("time"): _time(plan),
    }
    again = map(_indented, _again(plan))
    return [*(f"{name:<8} {text}" for name, text in rows.items()), *_verdict(plan), *again, _indented(left_out())]


def sentence(plan: Plan) -> str:
    """Return what the run will take, in one sentence, and in another what was decided for it."""
    figures = say(
        "Plan: {steps} steps; time: {time}; memory: {memory}; disk: {disk}.",
        steps=plan.steps.num_steps,
        time=_time(plan),
        memory=_sizes(plan.memory.peak),
        disk=_sizes(plan.disk.peak),
    )
    return " ".join([figures, *_again(plan)])


def reasons(plan: Plan) -> tuple[str, ...]:
    """Return why a plan does not fit, or only just does."""
    found = []
    if plan.memory.verdict != "fits":
        found.append(
            say(
                "Memory: {peak} are needed at the peak, {limit} are there.",
                peak=_sizes(plan.memory.peak),
                limit=size(plan.memory.limit_bytes),
            )
        )
    if plan.disk.verdict != "fits":
        found.append(
            say(
                "Disk: {peak} are needed, {free} are free.",
                peak=_sizes(plan.disk.peak),
                free=size(plan.disk.free_bytes),
            )
        )
    return tuple(found)


def left_out() -> str:
    """Return what the figures do not count."""
    return say(
        "Not counted: early stop, which shortens a run; `evaluation.retained`; the mixing curve of wise-ft; "
        "what other programs take meanwhile."
    )


def size(num_bytes: float) -> str:
    """Return bytes for people."""
    return f"{num_bytes / GIB:.1f} GiB" if num_bytes >= GIB else f"{num_bytes / MIB:.0f} MiB"


def percent(share: float) -> str:
    """Return a share for people; a small one keeps its first digits."""
    return f"{share:.0%}" if share >= 0.1 or share == 0 else f"{100 * share:.2g}%"


def _steps(plan: Plan) -> str:
    steps = plan.steps
    text = say(
        "{steps}: {epochs} epochs of {each}, {rows} rows a step, {micro} at once",
        steps=steps.num_steps,
        epochs=f"{steps.epochs:g}",
        each=steps.steps_per_epoch,
        rows=steps.rows_per_step,
        micro=steps.micro_batch_size,
    )
    return (
        text if steps.num_processes == 1 else text + say(" in each of {number} processes", number=steps.num_processes)
    )


def _tokens(plan: Plan) -> str:
    return say(
        "{tokens} a step, and {padding} of padding; the longest row has {longest}",
        tokens=f"{plan.steps.tokens_per_step:,.0f}",
        padding=percent(plan.steps.padding_share),
        longest=plan.steps.longest_tokens,
    )


def _memory(plan: Plan) -> str:
    moments = {
        "step": say("in a training step"),
        "descent": say("in the optimiser's step"),
        "checkpoint": say("while a checkpoint is written"),
        "judging": say("while held-out rows are judged"),
        "comparing": say("while base and tuned model are compared"),
    }
    return say(
        "{peak} at the peak, {moment}; {limit} are there",
        peak=_sizes(plan.memory.peak),
        moment=moments[plan.memory.moment],
        limit=size(plan.memory.limit_bytes),
    )


def _parts(plan: Plan) -> str:
    names = {
        "weights": say("weights"),
        "gradients": say("gradients"),
        "state": say("optimiser"),
        "kept": say("activations of the longest batch"),
    }
    parts = ", ".join(f"{name} {size(plan.memory.parts[part])}" for part, name in names.items())
    return parts if plan.memory.is_measured else parts + say(" (by formula)")


def _once(frozen: Frozen) -> str:
    if not frozen.num_texts:
        return say("what the frozen part ({part}) says of all texts is kept already", part=frozen.part)
    return say(
        "the frozen part ({part}) of {texts} texts, {tokens} tokens; {size} in the prefix cache",
        part=frozen.part,
        texts=f"{frozen.num_texts:,}",
        tokens=f"{frozen.num_tokens:,}",
        size=size(frozen.disk_bytes),
    )


def _time(plan: Plan) -> str:
    if plan.training_s is None or plan.total_s is None:
        return say("unknown: not even one row could be tried")
    if plan.frozen is not None and plan.frozen.num_texts and plan.frozen.fill_s is not None:
        return say(
            "{total}, of which computing the frozen part once {filling}, training {training}",
            total=_times(plan.total_s),
            filling=_times(plan.frozen.fill_s),
            training=_times(plan.training_s),
        )
    return say("{total}, of which training {training}", total=_times(plan.total_s), training=_times(plan.training_s))


def _verdict(plan: Plan) -> Iterable[str]:
    marks = {
        "fits": "✓ " + say("It fits."),
        "tight": "~ " + say("It may just fit."),
        "no": "✗ " + say("It does not fit."),
    }
    yield marks[plan.verdict]
    yield from map(_indented, plan.reasons)
    yield from (_indented(f"{number}. {mend}") for number, mend in enumerate(plan.mends, start=1))


def _again(plan: Plan) -> Iterable[str]:
    if plan.gradient_checkpointing == "on" and plan.gradient_checkpointing_reason:
        yield say(
            "Blocks are computed again on the way back (training.gradient_checkpointing): {why}.",
            why=plan.gradient_checkpointing_reason,
        )


def _sizes(span: Span) -> str:
    low, high = size(span.low), size(span.high)
    return low if low == high else say("{low} to {high}", low=low, high=high)


def _times(span: Span) -> str:
    unit, name = next(
        ((unit, name) for unit, name in ((HOUR_S, "h"), (MINUTE_S, "min")) if span.high >= 2 * unit), (1, "s")
    )
    digits = 1 if unit == HOUR_S or span.low < 10 * unit and unit != 1 else 0
    low, high = f"{span.low / unit:.{digits}f}", f"{span.high / unit:.{digits}f}"
    return f"{high} {name}" if low == high else say("{low} to {high}", low=low, high=f"{high} {name}")


def _indented(text: str) -> str:
    return f"  {text}"
