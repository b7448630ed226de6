"""The loop as a page to read: its events in order, with the callbacks bound to each."""

from __future__ import annotations

from collections.abc import Sequence

from afina.engine.contract import EVENTS, Callback, in_order

_PLACE = {
    "fit_start": 0,
    "stage_start": 1,
    "epoch_start": 1,
    "step_start": 2,
    "loss_ready": 2,
    "backward_done": 2,
    "step_done": 2,
    "evaluate_done": 2,
    "checkpoint_saved": 2,
    "epoch_end": 1,
    "fit_end": 0,
    "weights_chosen": 0,
    "error": 0,
}
"""How deep in the loop each event lies."""

_BEFORE = {
    "epoch_start": "for epoch in epochs:",
    "step_start": "for rows in plan.epoch(epoch):",
    "loss_ready": "loss, count = sum over micro-batches and processes",
    "backward_done": "gradient = clipped(summed gradient / count)",
    "step_done": "optimizer.step(learning_rate * schedule(step))",
    "evaluate_done": "if due: judge validation rows",
    "checkpoint_saved": "if due: save a checkpoint, whole or not at all",
    "fit_end": "keep the best weights",
    "weights_chosen": "if asked: mix base and tuned weights",
}
"""What the loop does just before each event."""


def describe(callbacks: Sequence[Callback]) -> str:
    """Return the loop with the callbacks bound to its events, one line each."""
    ordered = in_order(callbacks)
    lines = []
    for event in EVENTS:
        indent = "    " * _PLACE[event]
        if event in _BEFORE:
            # A loop's head stands one level above the events inside it.
            outside = _BEFORE[event].endswith(":") and not _BEFORE[event].startswith("if")
            lines.append(("    " * (_PLACE[event] - 1) if outside else indent) + _BEFORE[event])
        bound = [type(callback).__name__ for callback in ordered if hasattr(callback, event)]
        lines.append(f"{indent}@{event}" + (f"  {', '.join(bound)}" if bound else ""))
    return "\n".join(lines)
