"""A run to be killed, and two ways to start it; `benchmarks/kill.py` does the killing.

python benchmarks/victim.py --afina LEAVE_OUT WORDS...     one command, as `afina WORDS`
python benchmarks/victim.py --nursery                      many, forked on request
"""

from __future__ import annotations

import csv
import importlib
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

WORDS = ("great lovely fast works happy perfect", "broken awful slow late sad useless")
FILLERS = ["the", "a", "it", "was", "box", "came", "and", "very", "today", "my", "order", "phone", "is", "not", "so"]
RECIPE = """\
base: {{name: ./base, dropout: 0.1}}
data: rows.csv
tuning: full
training: {{epochs: 4, global_batch_size: 4, save_every_steps: 5, precision: float32, callbacks: []}}
evaluation: {{num_resamples: 100}}
output: {output}
"""


def make(folder: Path) -> None:
    """Write a tiny random base and rows that it can learn into `folder`."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    words = [word for text in WORDS for word in text.split()]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS, *words]
    BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=64).save_pretrained(
        folder / "base"
    )
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=64,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder / "base")
    draw = random.Random(0)
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        for row in range(72):
            text = draw.choices(FILLERS, k=draw.randint(4, 12)) + draw.choices(WORDS[row % 2].split(), k=2)
            writer.writerow((" ".join(draw.sample(text, len(text))), ("good", "bad")[row % 2]))


def recipe(folder: Path, name: str) -> list[str]:
    """Write the recipe of a run called `name`, and return the words that train it."""
    path = folder / f"{name}.yaml"
    path.write_text(RECIPE.format(output=f"runs/{name}"), encoding="utf-8")
    return ["train", str(path)]


def command(words: Sequence[str], leave_out: str) -> int:
    """Run the command line in this process; a resume forgets to restore the component `leave_out`."""
    from afina.cli.main import main
    from afina.engine.loop import Loop

    if leave_out:
        whole = Loop.restore

        def restore(loop: Any, components: dict[str, Any]) -> None:
            whole(loop, {**components, leave_out: loop.components()[leave_out]})

        Loop.restore = restore
    return main([*words, "--quiet"])


class Process(Protocol):
    """A running `afina`."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""
        ...

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        ...


class Fresh:
    """Starts `afina` as everybody does, in a process of its own."""

    def __call__(self, words: Sequence[str], log: Path, leave_out: str = "") -> Process:
        """Start it; `log` takes what it prints."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, __file__, "--afina", leave_out, *words], stdout=output, stderr=output,
                env=surroundings(),
            )  # fmt: skip


class Forked:
    """Starts `afina` in a fork of a process that has torch imported already: seconds instead of tens of them.

    Args:
        hash_seed: Seed of Python's hashes; sets come in another order in processes with another one.
    """

    def __init__(self, hash_seed: int = 0) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, __file__, "--nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**surroundings(), "PYTHONHASHSEED": str(hash_seed)},
        )  # fmt: skip

    def __call__(self, words: Sequence[str], log: Path, leave_out: str = "") -> Process:
        """Start it; `log` takes what it prints."""
        return ForkedProcess(self, self.ask({"words": list(words), "log": str(log), "leave_out": leave_out}))

    def ask(self, request: dict[str, Any]) -> Any:
        """Send one request, and return the answer to it."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps(request) + "\n")
        self._nursery.stdin.flush()
        return json.loads(self._nursery.stdout.readline())

    def close(self) -> None:
        """End the nursery."""
        self._nursery.communicate()


class InTurn:
    """Starts `afina` in one way after the other, so that no two runs in a row share what is the same by accident."""

    def __init__(self, *ways: Fresh | Forked) -> None:
        self._ways = itertools.cycle(ways)

    def __call__(self, words: Sequence[str], log: Path, leave_out: str = "") -> Process:
        """Start it; `log` takes what it prints."""
        return next(self._ways)(words, log, leave_out)


@dataclass
class ForkedProcess:
    """A process that the nursery forked."""

    nursery: Forked
    pid: int

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        code: int | None = self.nursery.ask({"pid": self.pid})
        return code


def surroundings() -> dict[str, str]:
    """Return the environment of every process: one thread, no network."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


def nursery() -> None:
    """Fork on request, and say how the children end; its own life ends with its standard input."""
    importlib.import_module("afina.run.python")
    codes: dict[int, int | None] = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer: int | None
        if "pid" in request:
            answer = codes.get(request["pid"])
            if answer is None:
                pid, status = os.waitpid(request["pid"], os.WNOHANG)
                answer = codes[request["pid"]] = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                descriptor = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.dup2(descriptor, 1)
                os.dup2(descriptor, 2)
                os._exit(command(request["words"], request["leave_out"]))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--nursery":
        nursery()
    else:
        sys.exit(command(sys.argv[3:], sys.argv[2]))
