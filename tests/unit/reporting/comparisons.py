"""The results of a comparison as it leaves them, made up."""

from __future__ import annotations

from typing import Any


def results(label: str = "lora (rank 8)", command: str = "afina compare recipe.yaml") -> dict[str, Any]:
    """Return results of three ranked entries and one that failed."""
    ranked = [
        _entry("lora", label, 0.91, "leader", 31.0, ["train_s"]),
        _entry("full", "full", 0.905, "leader", 70.0, []),
        _entry("head", "head", 0.84, "worse", 2.5, ["train_s", "artefact_bytes"]),
    ]
    failed = {**_entry("qlora", "qlora", 0.0, "failed", 0.0, []), "quality": None, "cost": None, "runs": []}
    failed["error"] = {"code": "E-EXTRA-001", "what": "The Python package bitsandbytes is not installed.", "run": ""}
    names = [("lora", "full", False), ("lora", "head", True), ("full", "head", True)]
    return {
        "version": 1,
        "name": "20260102-030405-reviews",
        "command": command,
        "axes": [{"path": "tuning", "values": ["lora", "full", "head", "qlora"]}],
        "metric": "accuracy",
        "higher_is_better": True,
        "n": 1200,
        "seeds": [42, 43],
        "confidence": 0.95,
        "num_resamples": 2000,
        "threads": 2,
        "device": "cpu",
        "base": "builtin:minilm",
        "base_score": 0.8,
        "entries": [*ranked, failed],
        "pairs": [
            {"first": a, "second": b, "difference": 0.03, "low": 0.01, "high": 0.05, "p_value": 0.01, "adjusted": 0.02}
            | {"is_told_apart": told}
            for a, b, told in names
        ],
        "budget": None,
        "search": None,
        "verdict": {
            "sentence": "No difference between lora (rank 8) and full at n = 1,200 test rows and 2 seeds: ...",
            "remarks": ["Worse than lora (rank 8): head (-7.0 points)."],
            "winner": None,
            "best": "lora",
            "leaders": ["lora", "full"],
            "smallest_visible": 0.02,
        },
    }


def _entry(name: str, label: str, value: float, outcome: str, train_s: float, fronts: list[str]) -> dict[str, Any]:
    runs = [
        {
            "name": f"{name}-seed{seed}",
            "seed": seed,
            "path": f"runs/{name}-seed{seed}",
            "status": "finished",
            "value": value,
            "train_s": train_s,
            "filled_bytes": 9 if name == "head" and seed == 42 else 0,
            "shared": [],
            "is_kept": True,
        }
        for seed in (42, 43)
    ]
    against = {"difference": value - 0.91, "low": value - 0.93, "high": value - 0.89, "p_value": 0.2, "adjusted": 0.4}
    lost = {"name": "old.csv", "metric": "accuracy", "difference": -0.02, "lowest": -0.03, "highest": -0.01}
    return {
        "name": name,
        "label": label,
        "values": {"tuning": name},
        "error": None,
        "quality": {"value": value, "low": value - 0.02, "high": value + 0.02},
        "by_seed": [value - 0.003, value + 0.003],
        "against_best": None if name == "lora" else against,
        "outcome": outcome,
        "forgetting": [{**lost, "is_worse": name == "full"}],
        "cost": {
            "train_s": train_s,
            "peak_memory_bytes": 4e8,
            "num_trainable_parameters": 1.2e6,
            "num_parameters": 2.27e7,
            "artefact_bytes": 4.9e6,
        },
        "fronts": fronts,
        "learning_rate": 3e-4,
        "epochs": 3.0,
        "runs": runs,
    }
