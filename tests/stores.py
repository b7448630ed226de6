"""The stores that trackers leave on this machine, read back: figures by name and step, texts, and how the run ended."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Mirrored:
    """What a store says of one run."""

    figures: dict[str, dict[int, float]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    verdict: str = ""
    folder: str = ""
    ending: str = ""
    num_values: int = 0
    """Values written, those counted twice that were written twice."""


def read(kind: str, store: Path) -> Mirrored:
    """Read the one run in a tracker's store."""
    return {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}[kind](store)


def _tensorboard(store: Path) -> Mirrored:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(store), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    found = Mirrored()
    for name in events.Tags()["scalars"]:
        scalars = events.Scalars(name)
        found.figures[name] = {scalar.step: scalar.value for scalar in scalars}
        found.num_values += len(scalars)
    texts = {
        name.removesuffix("/text_summary"): events.Tensors(name)[-1].tensor_proto.string_val[0].decode()
        for name in events.Tags()["tensors"]
    }
    rows = [line.strip("| ").split(" | ", 1) for line in texts["recipe"].splitlines()[2:]]
    found.parameters = dict(rows)
    found.verdict, found.folder = texts.get("verdict", ""), texts["run"]
    return found


def _mlflow(store: Path) -> Mirrored:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{store / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("afina")
    [run] = client.search_runs([experiment.experiment_id])
    found = Mirrored(parameters=dict(run.data.params), ending=run.info.status.lower())
    for name in run.data.metrics:
        history = client.get_metric_history(run.info.run_id, name)
        found.figures[name] = {metric.step: metric.value for metric in history}
        found.num_values += len(history)
    found.verdict = run.data.tags.get("mlflow.note.content", "")
    found.folder = run.data.tags["afina.run_folder"]
    return found


def _wandb(store: Path) -> Mirrored:
    from wandb.proto import wandb_internal_pb2

    found, paths = Mirrored(), sorted(store.glob("wandb/offline-run-*/*.wandb"))
    for path in paths:
        for content in _whole(path):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(content)
            _take(record, found)
    assert len({path.name for path in paths}) == 1, "one run, whatever the number of times that it was begun"
    return found


def _whole(path: Path) -> list[bytes]:
    """Return a file's records once the last one is there: a process of its own writes them."""
    from wandb.proto import wandb_internal_pb2

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        records = list(_records(path.read_bytes()))
        last = wandb_internal_pb2.Record()
        last.ParseFromString(records[-1] if records else b"")
        if last.WhichOneof("record_type") == "exit":
            return records
        time.sleep(0.02)
    raise AssertionError(f"{path} was never finished")


def _take(record, found: Mirrored) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        values = {item.key: json.loads(item.value_json) for item in record.run.config.update}
        found.folder = values.pop("run_folder", found.folder)
        found.parameters.update({name: value for name, value in values.items() if name != "_wandb"})
    elif kind == "history":
        row = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for name, value in row.items():
            if not name.startswith("_"):
                found.figures.setdefault(name, {})[row["_step"]] = value
                found.num_values += 1
    elif kind == "summary":
        for item in record.summary.update:
            name, value = "/".join(item.nested_key) or item.key, json.loads(item.value_json)
            if name == "verdict":
                found.verdict = value
            elif name.startswith(("test/", "retained/", "cost/")):
                found.figures.setdefault(name, {})[-1] = value
    elif kind == "exit":
        found.ending = {0: "finished", 130: "killed", 1: "failed"}[record.exit.exit_code]


def _records(raw: bytes):
    """Yield the records of a file in blocks of 32 KiB, as LevelDB writes its log: header, piece, and so on."""
    position, pieces = 7, b""  # after the file's own header
    while position + 7 <= len(raw):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        size, kind = int.from_bytes(raw[position + 4 : position + 6], "little"), raw[position + 6]
        pieces += raw[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):
            yield pieces
            pieces = b""
