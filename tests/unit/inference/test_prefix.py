"""Filling, finding and handing in what the frozen part says."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from afina.base import environment
from afina.base.types import Segments
from afina.inference import prefix as prefixes
from afina.inference.forward import Forward
from afina.tasks.text_classification import TextClassification
from tests import tiny

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path / "cache")


def _ready(folder, pooling="mean", kind="last-blocks", precision="float32", **options):
    model = tiny.load(folder, pooling)
    options = options or ({"num_blocks": 1} if kind == "last-blocks" else {})
    _, report = tiny.tuned(model, kind, **options)
    forward = Forward(model, CPU, precision)
    assert forward.leave_out(report.frozen_blocks, report.names) == ""
    return forward


def _filled(forward, rows):
    forward.prefix.fill(forward.prefix.missing(rows))
    forward.prefix.store.look()
    return forward.prefix.attach(rows)


@pytest.mark.parametrize("kind", ["head", "last-blocks"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_outputs_from_what_is_kept_are_those_computed(tiny_folder, kind, pooling):
    forward = _ready(tiny_folder("bert"), pooling, kind)
    rows = tiny.rows(12, pooling, windows=3)
    plain = forward(forward.collate(rows, "class"))
    kept = _filled(forward, rows)
    batch = forward.collate(kept, "class")
    assert batch.cached is not None
    if kind == "head":
        assert batch.input_ids.shape[1] == 1, "no token is laid out for nobody"
    assert torch.allclose(forward(batch), plain, rtol=0, atol=1e-6)


def test_a_pooler_that_the_base_does_not_bring_is_computed_at_every_step(tmp_path):
    folder = tiny.save("bert", tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight for name, weight in weights.items() if "pooler" not in name}, folder / "model.safetensors")
    forward = _ready(folder, "cls", "head")
    kept = _filled(forward, tiny.rows(8))
    batch = forward.collate(kept, "class")
    assert batch.cached is not None
    model = forward.model.train()
    learning = dict(model.named_parameters())["network.bert.pooler.dense.weight"]
    forward(batch).square().sum().backward()
    assert learning.grad is not None
    with torch.no_grad():
        learning.add_(0.1)
    plain = forward(forward.collate(tiny.rows(8), "class"))
    assert torch.allclose(forward(batch), plain, rtol=0, atol=1e-6), "it learns, so what it said before is not kept"


def test_equal_documents_are_computed_once_and_nothing_twice(tiny_folder):
    forward = _ready(tiny_folder("bert"))
    rows = tiny.rows(6, "mean")
    twice = [*rows, *(Segments(9, row.documents) for row in rows)]
    missing = forward.prefix.missing(twice)
    assert len(missing) == len({row.documents[0].tobytes() for row in rows})
    kept = _filled(forward, twice)
    assert kept[0].cached == kept[len(rows)].cached
    assert len(forward.prefix.missing(twice)) == 0


def test_another_model_object_of_the_same_base_finds_what_is_kept(tiny_folder):
    rows = tiny.rows(6, "mean")
    _filled(_ready(tiny_folder("bert")), rows)
    again = _ready(tiny_folder("bert"), kind="full", freeze_blocks=1)
    assert len(again.prefix.missing(rows)) == 0
    assert len(_ready(tiny_folder("bert"), precision="bfloat16").prefix.missing(rows)) > 0


def test_rows_that_are_not_kept_are_run_whole(tiny_folder):
    forward = _ready(tiny_folder("bert"))
    rows = tiny.rows(6, "mean")
    kept = _filled(forward, rows[:3])
    mixed = [*kept, *rows[3:]]
    batch = forward.collate(mixed, "class")
    assert batch.cached is None
    forward.compute_all()
    assert torch.equal(forward(batch), forward(forward.collate(rows, "class")))


def test_a_row_without_entries_stays_as_it_is(tiny_folder):
    forward = _ready(tiny_folder("bert"))
    assert forward.prefix.attach(tiny.rows(2, "mean"))[0].cached is None


def test_the_bytes_are_those_that_are_written(tiny_folder):
    for kind, pooling in (("last-blocks", "mean"), ("head", "cls")):
        forward = _ready(tiny_folder("bert"), pooling, kind)
        rows = tiny.rows(40, pooling, longest=30)
        missing = forward.prefix.missing(rows)
        expected = forward.prefix.bytes_of(missing)
        _filled(forward, rows)
        written = sum(path.stat().st_size for path in forward.prefix.folder.glob("*.safetensors"))
        assert expected <= written <= expected + 30 * len(missing) + 500


def test_shares_are_disjoint_whole_and_alike(tiny_folder):
    forward = _ready(tiny_folder("bert"))
    missing = forward.prefix.missing(tiny.rows(40, "mean", longest=30))
    shares = [missing.share(rank, 3) for rank in range(3)]
    assert sorted(key for share in shares for key in share.digests) == sorted(missing.digests)
    tokens = [sum(segment.num_tokens for segment in share.segments) for share in shares]
    assert max(tokens) - min(tokens) <= 30


def test_pieces_are_written_on_the_way(tiny_folder, monkeypatch):
    monkeypatch.setattr(prefixes, "PIECE_BYTES", 1000)
    monkeypatch.setattr(prefixes, "BATCH_TOKENS", 40)
    forward = _ready(tiny_folder("bert"))
    rows = tiny.rows(30, "mean")
    heard = []
    forward.prefix.fill(forward.prefix.missing(rows), heard.append)
    assert len(list(forward.prefix.folder.glob("*.safetensors"))) > 3
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)
    forward.prefix.store.look()
    assert all(row.cached for row in forward.prefix.attach(rows))


def test_what_is_kept_has_the_training_precision_and_features_stay_as_they_come(tiny_folder):
    rows = tiny.rows(6, "mean")
    for kind, dtype in (("last-blocks", torch.bfloat16), ("head", torch.float32)):
        forward = _ready(tiny_folder("bert"), kind=kind, precision="bfloat16")
        kept = _filled(forward, rows)
        assert forward.prefix.store.read(np.asarray(kept[0].cached), 12).dtype == dtype


def test_evaluation_reads_what_is_kept_and_float32_does_not(tiny_folder):
    forward = _ready(tiny_folder("bert"), precision="bfloat16")
    rows = tiny.rows(20, "mean")
    task = _Task()
    plain = forward.predict(task, rows)
    kept = _filled(forward, rows)
    forward.prefix.part.run = None  # nothing may be computed anew
    assert np.abs(forward.predict(task, kept) - plain).max() < 2e-2
    assert forward.in_float32().prefix is None
    exact = forward.in_float32().predict(task, rows)
    assert np.array_equal(forward.in_float32().predict(task, kept), exact)


class _Task:
    """The part of a task that predicting needs."""

    target_kind = "class"
    head = type("Head", (), {"problem": "single"})
    predict = TextClassification.predict
