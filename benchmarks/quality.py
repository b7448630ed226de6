"""Is the tuned model as good as the peer's? The same base, rows and hyper-parameters, several seeds on both sides.

    python benchmarks/quality.py [--data FOLDER] [--seeds 5] [--epochs 3]

Each run is a process of its own and trains on sst2 from the packaged MiniLM. The peer is transformers' Trainer as a
user would call it: `AutoModelForSequenceClassification`, its own order of rows. Ours is a recipe with the same
numbers; pooling is left to the base's own files. The difference in test accuracy comes with a paired bootstrap over
rows and seeds. The last line is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from afina.metrics.bootstrap import paired_bootstrap
from afina.metrics.resampled import mean_of

BATCH_ROWS, LEARNING_RATE, WARM_UP, MAX_TOKENS = 32, 5e-5, 0.06, 128
"""What both sides share, beside epochs and seed; weight decay is 0, gradients are clipped at 1, both compute in
bfloat16."""

MARGIN = -0.01
"""Lower end of the interval that counts as not worse: one point."""


def rows(path: Path) -> tuple[list[str], list[int]]:
    """Return the texts and labels of a file of `text TAB label` lines."""
    pairs = [line.rsplit("\t", 1) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [text for text, _ in pairs], [int(label) for _, label in pairs]


def ours(asked: dict[str, Any]) -> list[int]:
    """Train our side, and return its answers for the test rows."""
    from against import ours as road

    folder = Path(asked["data"])
    recipe = {
        "base": "builtin:minilm",
        "data": {
            "train": str(folder / "train.tsv"),
            "test": str(folder / "test.tsv"),
            "split": {"validation": 0.0, "test": 0.0},
            "max_tokens": MAX_TOKENS,
        },
        "tuning": {"kind": "full", "head_first_epochs": 0.0},
        "training": {
            "epochs": float(asked["epochs"]),
            "learning_rate": LEARNING_RATE,
            "schedule": {"kind": "linear", "warm_up": WARM_UP},
            "global_batch_size": BATCH_ROWS,
            "precision": "bfloat16",
            "callbacks": [],
        },
        "seed": asked["seed"],
    }
    prepared = road.ready(recipe, asked["threads"])
    road.train(prepared, road.Timed())
    task = prepared.gathered.task
    predictions = prepared.forward.predict(task, prepared.gathered.segments["test"])
    return [int(answer) for answer in task.decide(predictions)]


def peer(asked: dict[str, Any]) -> list[int]:
    """Train the peer, and return its answers for the test rows."""
    import torch
    import transformers
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer

    from afina.models.sources import minilm_folder

    torch.set_num_threads(asked["threads"])
    transformers.set_seed(asked["seed"])
    transformers.logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())

    def encoded(name: str) -> list[dict[str, Any]]:
        texts, labels = rows(Path(asked["data"]) / name)
        ids = tokenizer(texts, truncation=True, max_length=MAX_TOKENS)
        return [{**{key: ids[key][row] for key in ids}, "labels": label} for row, label in enumerate(labels)]

    train, test = encoded("train.tsv"), encoded("test.tsv")
    steps = round(asked["epochs"] * -(-len(train) // BATCH_ROWS))
    arguments = transformers.TrainingArguments(
        tempfile.mkdtemp(),
        num_train_epochs=asked["epochs"],
        per_device_train_batch_size=BATCH_ROWS,
        per_device_eval_batch_size=BATCH_ROWS,
        learning_rate=LEARNING_RATE,
        warmup_steps=int(WARM_UP * steps),
        lr_scheduler_type="linear",
        bf16=True,
        seed=asked["seed"],
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    network = AutoModelForSequenceClassification.from_pretrained(minilm_folder(), num_labels=2)
    trainer = Trainer(network, arguments, train_dataset=train, data_collator=DataCollatorWithPadding(tokenizer))
    trainer.train()
    return [int(answer) for answer in trainer.predict(test).predictions.argmax(1)]


def run(side: str, asked: dict[str, Any]) -> tuple[list[int], float]:
    """Run one side in a process of its own, and return its answers and seconds."""
    started = time.monotonic()
    command = [sys.executable, __file__, "--side", side, "--asked", json.dumps(asked)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1]), time.monotonic() - started


def main() -> None:
    """Run both sides seed by seed, print a line each, then the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(__file__).parents[2] / "shared" / "data" / "sst2_en"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--asked", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        answers = (ours if options.side == "ours" else peer)(json.loads(options.asked))
        sys.stdout.write(json.dumps(answers) + "\n")
        return
    if not (Path(options.data) / "test.tsv").is_file():
        raise SystemExit(f"There is no {options.data}; say where with --data.")
    right: dict[str, list[np.ndarray]] = {"peer": [], "ours": []}
    truth = np.asarray(rows(Path(options.data) / "test.tsv")[1])
    for seed in range(options.seeds):
        asked = {"data": options.data, "epochs": options.epochs, "threads": options.threads, "seed": seed}
        for side, results in right.items():
            answers, seconds = run(side, asked)
            results.append((np.asarray(answers) == truth).astype(float))
            print(f"seed {seed}  {side:4}  accuracy {results[-1].mean():.4f}  {seconds:.0f} s", flush=True)
    found = paired_bootstrap(
        [mean_of(row) for row in right["peer"]], [mean_of(row) for row in right["ours"]], np.ones(len(truth), int)
    )
    means = {side: [float(result.mean()) for result in results] for side, results in right.items()}
    points = [100 * value for value in (found.difference, found.low, found.high)]
    print("ours - peer: {:+.2f} points, 95 % interval {:+.2f} to {:+.2f}".format(*points))
    print(
        json.dumps(
            {
                "accuracy": means,
                "difference": found.difference,
                "interval": [found.low, found.high],
                "not_worse": found.low > MARGIN,
            }
        )
    )


if __name__ == "__main__":
    main()
