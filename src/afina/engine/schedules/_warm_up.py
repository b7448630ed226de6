"""The rise that schedules begin with."""

from __future__ import annotations


def warm_up(step: int, num_steps: int, share: float) -> tuple[float, float]:
    """Return the factor of a linear rise over the first `share` of the steps, and how much of the rest is done.

    The first step already learns: its factor is 1 / (warm-up steps + 1), or 1 without a warm-up.

    Returns:
        The factor, 1 once the rise is over, and the share in [0, 1) of the steps after it that are done.
    """
    rising = int(share * num_steps)
    if step < rising:
        return (step + 1) / (rising + 1), 0.0
    return 1.0, (step - rising) / max(1, num_steps - rising)
