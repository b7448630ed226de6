"""The answer to "what will this run take?": figures, whether it fits, and what would make it fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from afina.base.errors import Problem, ResourceError
from afina.planning import wording
from afina.planning.figures import Disk, Frozen, Memory, Mend, Steps, Verdict
from afina.planning.span import Span


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will take.

    Attributes:
        steps: How much there is to do.
        num_trainable: Parameters that move at some time.
        num_parameters: Parameters of the model.
        memory: Memory at its peak.
        disk: Disk at its peak.
        training_s: Seconds of steps, judging and checkpoints; None when nothing could be timed.
        total_s: Seconds to the verdict; None when nothing could be timed.
        mends: What would make it fit, cheapest in quality first; empty when it does.
        gradient_checkpointing: Whether blocks are computed again on the way back; the figures are those with it.
        gradient_checkpointing_reason: Why, where the recipe left it open.
        frozen: The part that is computed once; None where everything is computed at every step.
    """

    steps: Steps
    num_trainable: int
    num_parameters: int
    memory: Memory
    disk: Disk
    training_s: Span | None
    total_s: Span | None
    mends: tuple[Mend, ...] = ()
    gradient_checkpointing: Literal["on", "off"] = "off"
    gradient_checkpointing_reason: str = ""
    frozen: Frozen | None = None

    @property
    def trainable_share(self) -> float:
        """Share of the parameters that move, 0 to 1."""
        return self.num_trainable / self.num_parameters

    @property
    def verdict(self) -> Verdict:
        """The worse of memory's and disk's verdict."""
        verdicts = {self.memory.verdict, self.disk.verdict}
        return "no" if "no" in verdicts else "tight" if "tight" in verdicts else "fits"

    @property
    def fits(self) -> bool:
        """Whether the run may begin: the low end of every need is there."""
        return self.verdict != "no"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it does not fit, or only just does."""
        return wording.reasons(self)

    @property
    def sentence(self) -> str:
        """The plan in one sentence, for a run that begins."""
        return wording.sentence(self)

    def lines(self) -> list[str]:
        """Return the plan for the terminal, in the language in force."""
        return wording.lines(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as `--json` prints it."""
        steps = {**asdict(self.steps), "epochs": self.steps.epochs, "padding_share": self.steps.padding_share}
        return {
            **asdict(self),
            "steps": steps,
            "memory": {**asdict(self.memory), "verdict": self.memory.verdict},
            "disk": {**asdict(self.disk), "verdict": self.disk.verdict},
            "trainable_share": self.trainable_share,
            "verdict": self.verdict,
            "fits": self.fits,
            "reasons": list(self.reasons),
            "left_out": wording.left_out(),
        }

    def require(self) -> None:
        """Refuse to begin a run that cannot fit.

        Raises:
            ResourceError: If memory (E-PLAN-001) or disk (E-PLAN-002) does not suffice; the mends are listed.
        """
        if self.fits:
            return
        is_memory = self.memory.verdict == "no"
        problems = [Problem(what=reason) for reason in self.reasons[1:]]
        problems += [Problem(what=str(mend)) for mend in self.mends[1:]]
        raise ResourceError(
            "E-PLAN-001" if is_memory else "E-PLAN-002",
            self.reasons[0] if is_memory else self.reasons[-1],
            where="training" if is_memory else "output",
            mend=str(self.mends[0]),
            problems=tuple(problems),
        )
