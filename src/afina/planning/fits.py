"""What a machine can fine-tune, by two formulas, before any model is there: the coarse answer of `afina doctor`.

Memory of a full fine-tuning in float32 with AdamW: 16 bytes per parameter (weight, gradient, two moments) and 68 bytes
per token, block and hidden unit for what backward needs (34 in half precision: Korthikanti et al. 2022,
arXiv:2205.05198, eq. 2, without the attention scores, which fused attention does not keep). A frozen encoder keeps 4
bytes per parameter and the activations of one block. Time: 6 operations per parameter of the blocks and token for a
training step, 2 for a forward pass (Kaplan et al. 2020, arXiv:2001.08361, section 2.1), divided by a range of rates.

`afina train --dry-run` measures instead of estimating.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from afina.base.device import DeviceFacts
from afina.base.messages import say

PROCESS_BYTES = 700_000_000
"""Memory that Python, torch and transformers take before any model."""

ROWS, TOKENS_PER_ROW, EPOCHS = 1000, 64, 3
"""The job that times are stated for."""

MICRO_BATCH_SIZE, MAX_TOKENS = 32, 128
"""The batch that memory is stated for; a run halves it when memory is short."""

CORE_RATES = (20e9, 80e9)
"""Operations per second and core in float32 matrix products: an old laptop's and a current server's."""

CARD_RATES = (5e12, 60e12)
"""Operations per second of an accelerator."""

BFLOAT16_GAIN = 2.0
"""How much faster bfloat16 products are where the hardware has them."""

Verdict = Literal["fits", "tight", "no"]
"""Whether a job fits as it is, only with a smaller micro-batch, or not."""


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of fine-tuning, by its size alone.

    Attributes:
        num_parameters: All parameters.
        num_block_parameters: Those of the blocks, without embeddings: the ones that cost time.
        num_blocks: Transformer blocks.
        hidden_size: Width of a block.
        trains_encoder: False when only a head learns on frozen features.
    """

    num_parameters: int
    num_block_parameters: int
    num_blocks: int
    hidden_size: int
    trains_encoder: bool

    def memory_bytes(self, micro_batch_size: int = MICRO_BATCH_SIZE) -> int:
        """Return the peak memory of a step, the process itself included."""
        per_block = 68 * self.hidden_size * MAX_TOKENS * micro_batch_size
        if self.trains_encoder:
            return PROCESS_BYTES + 16 * self.num_parameters + per_block * self.num_blocks
        return PROCESS_BYTES + 4 * self.num_parameters + per_block

    def operations(self) -> float:
        """Return the arithmetic operations of the whole job: three epochs, or one pass when features are frozen."""
        tokens = ROWS * TOKENS_PER_ROW
        return float(self.num_block_parameters * tokens * (6 * EPOCHS if self.trains_encoder else 2))


@dataclass(frozen=True, slots=True)
class Fit:
    """A job on a machine.

    Attributes:
        name: What it is, in the user's language.
        verdict: Whether it fits.
        memory_bytes: What it needs at micro-batch 32 of 128 tokens.
        seconds: Shortest and longest expected time for 1,000 rows of 64 tokens and 3 epochs.
    """

    name: str
    verdict: Verdict
    memory_bytes: int
    seconds: tuple[float, float]


def jobs() -> dict[str, Job]:
    """Return the jobs that are judged, by name in the user's language."""
    return {
        say("classify text, MiniLM, all weights"): Job(22_713_216, 10_646_784, 6, 384, trains_encoder=True),
        say("classify text, BERT-base size, head only"): Job(109_482_240, 85_054_464, 12, 768, trains_encoder=False),
        say("classify text, BERT-base size, all weights"): Job(109_482_240, 85_054_464, 12, 768, trains_encoder=True),
        say("classify text, BERT-large size, all weights"): Job(
            335_141_888, 302_309_376, 24, 1024, trains_encoder=True
        ),
    }


def fits(facts: DeviceFacts) -> list[Fit]:
    """Judge every job on the machine that `facts` describes; on its accelerator where there is one."""
    card = facts.accelerator
    memory = facts.memory_available_bytes if card is None else card.memory_bytes
    rates = [rate * facts.num_cores for rate in CORE_RATES] if card is None else list(CARD_RATES)
    if facts.has_native_bfloat16 if card is None else card.has_native_bfloat16:
        rates = [rate * BFLOAT16_GAIN for rate in rates]
    return [
        Fit(name, _verdict(job, memory), job.memory_bytes(), (job.operations() / rates[1], job.operations() / rates[0]))
        for name, job in jobs().items()
    ]


def _verdict(job: Job, memory_bytes: int) -> Verdict:
    if job.memory_bytes() <= memory_bytes:
        return "fits"
    return "tight" if job.memory_bytes(micro_batch_size=1) <= memory_bytes else "no"
