"""Run folders as a real run leaves them, made by drawing rather than by training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from afina.base import messages

INTENTS = (
    "order_status",
    "refund_request",
    "payment_problem",
    "change_address",
    "complaint",
    "praise",
    "cancel_order",
    "product_question",
)
TEXTS = (
    "wheres my parcel?? said tuesday and its friday now",
    "Great job delivering half of the order. Truly a masterclass.",
    "I was charged twice for the same lamp, please look into it before my bank does.",
    "não sei se quero trocar ou cancelar, me ajudem por favor",
    "<script>alert('never run')</script> & \"quotes\"",
)
RECIPE = """\
version: 1
base: {base}            # given
data:
  train: {data}         # given
task:
  kind: text-classification
  problem: {problem}    # inferred: from the label column
  pooling: mean         # inferred: the base's own files say so
tuning:
  kind: full            # given
  layer_decay: 0.9      # override
objective: supervised   # default
retention: none         # default
training:
  epochs: 3.0
  learning_rate: 2e-05  # inferred: ten times below the base's own
  global_batch_size: 32
  optimizer: adamw
  schedule: linear
  precision: float32
seed: 42
"""


def write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")


# fmt: off
def write_events(folder: Path, num_steps: int = 240, every: int = 24, metric: str = "accuracy", end: bool = True):
    rng = np.random.default_rng(3)
    planned = num_steps if end else num_steps * 2
    events: list[dict[str, Any]] = [{"kind": "fit_start", "step": 0, "num_steps": planned, "epochs": 3}]
    for step in range(1, num_steps + 1):
        fallen = math.exp(-4 * step / num_steps)
        rate = 2e-5 * min(step / (0.1 * planned), (planned - step) / (0.9 * planned))
        loss = max(0.01, 0.25 + 1.9 * fallen + float(rng.normal(0, 0.12)))
        events.append({"kind": "step", "step": step, "loss": loss, "learning_rate": rate,
                       "gradient_norm": 1.0, "epoch": 3 * step / planned, "rows_per_s": 61.5})
        if step % every == 0:
            share = step / num_steps
            events.append({"kind": "evaluation", "split": "validation", "step": step,
                           "loss": 0.42 + 1.7 * fallen + 0.12 * share**3,
                           "metrics": {metric: 0.9 - 0.55 * math.exp(-5 * share)}})
            events.append({"kind": "checkpoint", "step": step, "path": f"checkpoints/step-{step:06d}"})
    if end:
        best = num_steps - 2 * every
        events.append({"kind": "note", "step": 10, "level": "warn", "code": "long-rows", "message": "Rows were cut."})
        events.append({"kind": "fit_end", "step": num_steps, "reason": "", "best_step": best})
        (folder / "checkpoints" / f"step-{best:06d}").mkdir(parents=True)
    when = "2026-01-02T03:04:05+00:00"
    lines = [json.dumps({"time": when, "sequence": number, **event}) for number, event in enumerate(events)]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_start(folder: Path, problem: str, labels: tuple[str, ...], data: str = "messages.csv") -> None:
    folder.mkdir(parents=True)
    recipe = RECIPE.format(base="builtin:minilm", data=data, problem=problem)
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    write_json(folder / "environment.json", {
        "command": f"afina train recipe.yaml data={data}",
        "afina": "0.1.0", "python": "3.11.9", "platform": "Linux x86_64",
        "versions": {"torch": "2.13.0", "transformers": "5.23.0"},
        "device": {"processor": "An 8-core processor", "num_cores": 2, "memory_total_bytes": 8_000_000_000},
        "seed": 42,
        "base": {"name": "builtin:minilm", "fingerprint": "ab" * 32,
                 "facts": ["The packaged MiniLM reads English, without capitals and accents."]},
        "tuning": {"kind": "full", "num_trainable": 22_716_296, "num_total": 22_716_296, "frozen_blocks": 0},
        "recipe": {"seed": 42},
    })
    write_json(folder / "status.json", {"status": "finished", "created": "2026-01-02T03:04:05+00:00"})
    write_json(folder / "data.json", {
        "format": "CSV, comma, UTF-8",
        "columns": {"text": ["text"], "label": ["intent"], "group": None},
        "counts": {"read": 1284, "usable": 1280, "refused": 4},
        "splits": {"train": 896, "validation": 128, "test": 256, "rule": "Stratified by label, seed 42."},
        "classes": {label: 40 + 3 * index for index, label in enumerate(labels)},
        "tokens": {"p50": 18, "p95": 61, "max": 212},
        "fingerprint": {f"/home/someone/secret/{data}": "9f2c" * 16},
        "findings": [
            {"code": "E-DATA-213", "level": "info", "what": "3 rows hold an e-mail address.", "count": 3, "where": []},
            {"code": "E-DATA-202", "level": "warning", "what": "12 rows are near duplicates of others.", "count": 12,
             "where": [f"{data}:{line}" for line in range(20, 140, 10)], "mend": "afina data fix --dedup near"},
            {"code": "E-DATA-003", "level": "error", "what": "4 rows have no label.", "count": 4,
             "where": [f"{data}:7"]},
        ],
    })
# fmt: on


def per_class(matrix: np.ndarray, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = []
    for index, label in enumerate(labels):
        right, said, true = matrix[index, index], matrix[:, index].sum(), matrix[index].sum()
        precision, recall = right / max(1, said), right / max(1, true)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        rows.append(
            {
                "label": label,
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "support": int(true),
            }
        )
    return rows


# fmt: off
def calibration(skill: float) -> dict[str, Any]:
    bins = []
    for index in range(15):
        low, high = index / 15, (index + 1) / 15
        count, middle = (0 if index < 3 else int(2 + 0.4 * index**2)), (low + high) / 2
        right = min(1.0, max(0.0, middle - 0.05 * math.sin(index) - 0.04))
        bins.append({"low": low, "high": high, "count": count, "confidence": middle if count else None,
                     "accuracy": right if count else None})
    return {"ece": 0.043, "brier": 0.4 - 0.3 * skill, "log_loss": 0.9 - 0.5 * skill, "num_bins": 15, "bins": bins}


def score(metric: str, value: float, half: float = 0.02) -> dict[str, Any]:
    return {"metric": metric, "value": value, "low": max(0.0, value - half), "high": value + half}


def contender(name: str, metrics: dict[str, float], **parts: Any) -> dict[str, Any]:
    rows = [score(metric, value) for metric, value in metrics.items()]
    method = {"majority": "always says praise", "base": "logistic probe on frozen features, mean pooling"}.get(name, "")
    return {"name": name, "method": method, "main": rows[0], "metrics": rows, "per_class": [], "confusion": None,
            "calibration": None, **parts}


def evaluation(
    problem: str, labels: tuple[str, ...], scores: dict[str, Any], sentence: str, outcome: str = "better"
) -> dict[str, Any]:
    metric = scores["tuned"]["main"]["metric"]
    differences = []
    for base, tuned in zip(scores["base"]["metrics"], scores["tuned"]["metrics"], strict=True):
        gain = tuned["value"] - base["value"]
        half = 0.6 * abs(gain) if outcome != "no difference" else 1.4 * abs(gain) + 0.004
        differences.append({"metric": base["metric"], "base": base["value"], "tuned": tuned["value"],
                            "difference": gain, "interval": {"low": gain - half, "high": gain + half},
                            "outcome": outcome})
    verdict = {"sentence": sentence, "outcome": outcome, "metric": metric, "difference": differences[0]["difference"],
               "interval": differences[0]["interval"], "confidence": 0.95, "p_value": 0.0031, "test": "mcnemar mid-p",
               "n": 256, "smallest_visible": 0.031, "differences": differences, "remarks": []}
    losses = [
        {"row": 17 + index, "where": f"/home/secret/messages.csv:{18 + index}", "text": text, "loss": 4.4 - index / 3,
         "reference": labels[0] if labels else "2.5", "prediction": labels[1] if labels else "4.125",
         "probability": 0.97 - index / 50 if labels else None}
        for index, text in enumerate(TEXTS)
    ]
    forgetting = {"name": "old-tickets.csv", "problem": "single", "metric": "accuracy", "n": 300, "num_folds": 5,
                  "base": 0.803, "tuned": 0.771, "difference": -0.032, "interval": {"low": -0.06, "high": -0.004},
                  "outcome": "worse", "sentence": "On old-tickets.csv a probe lost 3.2 points."}
    cost = {"train_s": 93.1, "evaluation_s": 6.0, "peak_memory_bytes": 1_234_000_000, "artefact_bytes": 91_000_000,
            "num_trainable_parameters": 22_716_296, "num_parameters": 22_716_296, "device": "cpu"}
    gap = {"metric": metric, "train": 0.97, "test": 0.9, "difference": 0.07, "num_train": 896}
    return {"version": 1, "problem": problem, "labels": list(labels), "n": 256, "confidence": 0.95, "seed": 42,
            "num_resamples": 2000, "verdict": verdict, "scores": scores, "gap": gap, "top_losses": losses,
            "forgetting": [forgetting], "cost": cost}
# fmt: on


def confusion(num_classes: int, rows_per_class: int, right: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    for truth in range(num_classes):
        likely = [(truth + 1) % num_classes, (truth + 3) % num_classes]
        for _ in range(rows_per_class + truth % 5):
            wrong = int(rng.choice(likely)) if rng.random() < 0.7 else int(rng.integers(num_classes))
            matrix[truth, truth if rng.random() < right else wrong] += 1
    return matrix


def single(labels: tuple[str, ...], rows_per_class: int) -> dict[str, Any]:
    scores = {}
    for seed, (name, right) in enumerate({"majority": 0.0, "base": 0.8, "tuned": 0.89}.items()):
        matrix = confusion(len(labels), rows_per_class, right, seed)
        if name == "majority":
            matrix = np.zeros_like(matrix)
            matrix[:, 0] = rows_per_class
        accuracy = float(np.trace(matrix) / matrix.sum())
        classes = per_class(matrix, labels)
        macro = float(np.mean([row["f1"] for row in classes]))
        parts = {
            "per_class": classes,
            "confusion": matrix.tolist(),
            "calibration": calibration(accuracy) if name != "majority" else None,
        }
        scores[name] = contender(name, {"accuracy": accuracy, "macro_f1": macro}, **parts)
    return scores


@pytest.fixture
def portuguese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compile the translations as they stand, so that a test speaks what the catalogues say."""
    whole = Catalog(locale="pt_BR", charset="utf-8", fuzzy=False)
    for path in sorted((messages._LOCALE / "pt_BR").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id:
                    whole.add(message.id, message.string)
    target = tmp_path / "locale" / "pt_BR" / "LC_MESSAGES" / "afina.mo"
    target.parent.mkdir(parents=True)
    with target.open("wb") as file:
        write_mo(file, whole)
    monkeypatch.setattr(messages, "_LOCALE", tmp_path / "locale")
    messages._catalogue.cache_clear()
    yield
    messages._catalogue.cache_clear()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_chosen", "en")


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a run folder of one of the kinds a user meets."""

    def make(kind: str) -> Path:
        folder = tmp_path / f"20260102-030405-{kind}"
        return MAKERS[kind](folder)

    return make


def make_single(folder: Path) -> Path:
    write_start(folder, "single", INTENTS)
    write_events(folder)
    scores = single(INTENTS, 30)
    tuned, base = (f"{100 * scores[name]['main']['value']:.1f}%" for name in ("tuned", "base"))
    sentence = f"Better than the base: accuracy {tuned} against {base} (95% interval +2.4 to +9.5 points, n = 256)."
    write_json(folder / "evaluation.json", evaluation("single", INTENTS, scores, sentence))
    return folder


def make_many(folder: Path) -> Path:
    labels = tuple(
        f"{('card', 'payment', 'transfer', 'top_up', 'exchange')[i % 5]}_question_number_{i}" for i in range(77)
    )
    write_start(folder, "single", labels, "banking.csv")
    write_events(folder, num_steps=5000, every=250)
    values = evaluation(
        "single",
        labels,
        single(labels, 38),
        "No difference from the base can be shown: the interval holds zero.",
        "no difference",
    )
    values["forgetting"] = []
    write_json(folder / "evaluation.json", values)
    return folder


def make_multi(folder: Path) -> Path:
    write_start(folder, "multi", INTENTS[:6])
    write_events(folder, metric="micro_f1")
    scores = {}
    for name, skill in {"majority": 0.3, "base": 0.71, "tuned": 0.84}.items():
        classes = [
            {
                "label": label,
                "precision": skill,
                "recall": skill - 0.04 * i,
                "f1": skill - 0.02 * i,
                "support": 30 * (i + 1),
            }
            for i, label in enumerate(INTENTS[:6])
        ]
        metrics = {"micro_f1": skill, "macro_f1": skill - 0.04, "subset_accuracy": skill - 0.2}
        scores[name] = contender(name, metrics, per_class=classes, calibration=calibration(skill))
    values = evaluation("multi", INTENTS[:6], scores, "Better than the base: micro-F1 84.0% against 71.0%.")
    values["verdict"]["test"] = "paired bootstrap"
    write_json(folder / "evaluation.json", values)
    return folder


def make_regression(folder: Path) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    write_start(folder, "regression", ())
    write_events(folder, metric="mae")
    rng = np.random.default_rng(1)
    true = rng.uniform(1, 5, 2600)
    said = 0.8 * true + 0.6 + rng.normal(0, 0.35, 2600)
    parquet.write_table(pyarrow.table({"reference": true, "prediction": said}), folder / "predictions.parquet")
    metrics = {
        "majority": {"mae": 1.02, "rmse": 1.19, "r2": 0.0, "spearman": None},
        "base": {"mae": 0.51, "rmse": 0.66, "r2": 0.68, "spearman": 0.81},
        "tuned": {"mae": 0.57, "rmse": 0.71, "r2": 0.62, "spearman": 0.8},
    }
    scores = {}
    for name, values in metrics.items():
        numbers = {metric: 0.0 if value is None else value for metric, value in values.items()}
        scores[name] = contender(name, numbers)
    scores["majority"]["metrics"][3] = {"metric": "spearman", "value": None, "low": None, "high": None}
    values = evaluation(
        "regression", (), scores, "Worse than the base: mean absolute error 0.570 against 0.510.", "worse"
    )
    values["gap"] = None
    write_json(folder / "evaluation.json", values)
    return folder


def make_failed(folder: Path) -> Path:
    write_start(folder, "single", INTENTS)
    write_events(folder, num_steps=60, end=False)
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "step", "step": 61, "loss": NaN}\n')
        file.write('{"kind": "note", "level": "error", "step": 61, "message": "The loss is not a number."}\n')
    return folder


def make_interrupted(folder: Path) -> Path:
    write_start(folder, "single", INTENTS)
    write_events(folder, num_steps=60, end=False)
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "step", "st')
    return folder


def make_empty(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "single": make_single,
    "many": make_many,
    "multi": make_multi,
    "regression": make_regression,
    "failed": make_failed,
    "interrupted": make_interrupted,
    "empty": make_empty,
}
