"""The one planner that makes every batch: which rows together, in which order, laid out how.

`Plan` orders rows into steps of equally many rows, `TokenPlan` rows into packs of a token budget; `portions` cuts a
step into what is computed at once; `collate` lays rows out, padded or packed as the model's layout says. The plan of an
epoch depends on the seed and the epoch alone, so a position in it is enough to go on from there.
"""

from afina.data.batching.collate import collate, targets
from afina.data.batching.packs import TokenPlan, best_fit
from afina.data.batching.plan import JITTER, Plan, in_order, micro_batches
from afina.data.batching.portions import portions

__all__ = ["JITTER", "Plan", "TokenPlan", "best_fit", "collate", "in_order", "micro_batches", "portions", "targets"]
