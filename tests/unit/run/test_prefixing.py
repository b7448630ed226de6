"""Whether a run computes its frozen part once, and what it does where it cannot."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import torch

from afina.base import durable, environment
from afina.base.disk import full
from afina.base.lease import Lease
from afina.inference import prefix_folder
from afina.inference.prefix import Prefix
from afina.recipe import reading
from afina.recipe.resolved import Resolved
from afina.run import prefixing, python
from afina.run.execute import prepare
from afina.run.listener import Silent

VALUE = "training.prefix_cache.use"


class Heard(Silent):
    """Remembers what it heard."""

    def __init__(self):
        self.remarks, self.warnings, self.stages = [], [], []

    def remark(self, sentence):
        self.remarks.append(sentence)

    def warning(self, sentence):
        self.warnings.append(sentence)

    def stage(self, sentence):
        self.stages.append(sentence)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path / "cache")


@pytest.fixture
def ready(tiny_bert, make_csv):
    """A function that prepares a run."""
    rows = str(make_csv())

    def make(tuning="head", **training):
        recipe = {"base": str(tiny_bert), "data": rows, "tuning": tuning}
        return prepare(reading.from_keywords({**recipe, "training": {"epochs": 3, "precision": "float32", **training}}))

    return make


def _decided(prepared):
    return prepared.resolved.recipe.training.prefix_cache.use, prepared.resolved.origins[VALUE].why or ""


def test_what_is_computed_once_is_laid_out_padded_and_the_recipe_says_so(ready, monkeypatch):
    from afina.run import settling

    monkeypatch.setattr(settling, "PADDING_TO_PACK", 1.0)
    assert ready(prefix_cache="off").resolved.recipe.training.layout == "packed"
    prepared = ready()
    assert _decided(prepared)[0] == "on"
    assert prepared.resolved.recipe.training.layout == "padded"
    assert not prepared.forward.model.layout.is_packed
    asked = ready(layout="packed")
    assert _decided(asked)[0] == "off"
    assert asked.forward.model.layout.is_packed


def test_auto_computes_once_what_several_epochs_read(ready):
    for tuning in ("head", {"kind": "last-blocks", "num_blocks": 1}, {"kind": "full", "freeze_blocks": 1}):
        prepared = ready(tuning)
        value, why = _decided(prepared)
        assert value == "on"
        assert "every epoch" in why
        assert prepared.forward.prefix is not None
        assert not prefix_folder.kept(), "preparing writes nothing"


def test_auto_leaves_it_where_nothing_is_frozen_at_the_bottom_or_one_epoch_reads_it(ready):
    for prepared, reason in ((ready("full"), "nothing"), (ready("bias"), "nothing"), (ready(epochs=1), "one pass")):
        value, why = _decided(prepared)
        assert value == "off"
        assert reason in why
        assert prepared.forward.prefix is None


def test_one_epoch_reads_what_another_run_kept(ready):
    prefixing.filled(ready(), Silent())
    assert _decided(ready(epochs=1)) == ("on", "what the frozen part (base) says of these texts is kept already")


def test_off_is_off(ready):
    prepared = ready(prefix_cache="off")
    assert prepared.forward.prefix is None
    assert prefixing.filled(prepared, Silent()).gathered is not None
    assert not prefix_folder.kept()


def test_on_is_obeyed_for_one_epoch_and_what_prevents_it_is_said(ready):
    assert ready(epochs=1, prefix_cache="on").forward.prefix is not None
    prepared = ready("full", prefix_cache="on")
    assert prepared.forward.prefix is None
    assert any("not computed once" in note for note in prepared.forward.notes)


def test_more_than_the_limit_is_refused_with_the_figures(ready):
    prepared = ready(prefix_cache={"max_bytes": 1000})
    value, why = _decided(prepared)
    assert value == "off"
    assert "GB" in why


def test_every_split_is_filled_and_nothing_is_computed_twice(ready):
    heard = Heard()
    kept = prefixing.filled(ready(), heard).gathered.segments
    assert all(row.cached is not None for rows in kept.values() for row in rows)
    assert "60 texts" in heard.stages[0]
    again = Heard()
    prefixing.filled(ready(), again)
    assert again.stages == []


def test_a_disk_that_refuses_is_told_and_the_run_goes_on_without(ready, monkeypatch):
    def refuse(self, missing, heard=None):
        raise full(self.folder, 10**12)

    monkeypatch.setattr(Prefix, "fill", refuse)
    prepared, heard = ready(), Heard()
    after = prefixing.filled(prepared, heard)
    assert "disk is full" in heard.warnings[0]
    assert after.forward.prefix is None
    assert all(row.cached is None for row in after.gathered.segments["train"])


def test_a_cache_folder_that_cannot_be_made_is_told_and_the_run_goes_on_without(ready, tmp_path):
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    heard = Heard()
    assert prefixing.filled(ready(), heard).forward.prefix is None
    assert heard.warnings


def test_a_second_run_waits_for_the_first_and_finds_it_filled(ready, monkeypatch):
    monkeypatch.setattr(prefixing, "WAIT_S", 0.05)
    first, second = ready(), ready()
    prefix_folder.begin(first.forward.prefix.folder, first.forward.prefix.about)
    lease = Lease(first.forward.prefix.folder).acquire()

    def finish():
        time.sleep(0.8)
        rows = [row for rows in first.gathered.segments.values() for row in rows]
        first.forward.prefix.fill(first.forward.prefix.missing(rows))
        lease.release()

    thread = threading.Thread(target=finish)
    thread.start()
    heard = Heard()
    prefixing.filled(second, heard)
    thread.join()
    assert "waiting" in heard.remarks[0]
    assert heard.stages == [], "what the first computed was computed again"


def test_a_run_killed_while_it_fills_leaves_what_the_next_completes(ready):
    """A real process, killed with SIGKILL between its pieces and in the middle of them."""
    prepared = ready()
    prefix = prepared.forward.prefix
    process = os.fork()
    if not process:
        _fill_slowly(prepared)
    deadline = time.monotonic() + 20
    while not list(prefix.folder.glob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert list(prefix.folder.glob("*.safetensors")), "it was killed before its first piece"
    durable.write_bytes(prefix.folder / ".half.1-00000000-0.tmp", b"left by a dead process")
    rows = prepared.gathered.segments["train"]
    num_missing = len(prefix.missing(rows))
    assert num_missing, "it was killed too late"
    kept = prefixing.filled(prepared, Silent())
    for row in kept.gathered.segments["train"]:
        said = prefix.store.read(np.asarray(row.cached), 1)
        assert np.abs(said.numpy()).max() > 0
    batch = prepared.forward.collate(kept.gathered.segments["train"], "class")
    prepared.model.eval()
    with torch.no_grad():
        expected = prepared.forward(prepared.forward.collate(rows, "class"))
        assert float((prepared.forward(batch) - expected).abs().max()) < 1e-5


def _fill_slowly(prepared):
    try:
        from afina.inference import prefix as prefixes

        prefixes.PIECE_BYTES, prefixes.BATCH_TOKENS = 1, 40

        class Slow(Silent):
            def stage(self, sentence):
                prefixes.Prefix._write = _slowly(prefixes.Prefix._write)

        prefixing.filled(prepared, Slow())
    finally:
        os._exit(1)


def _slowly(write):
    def slow(self, piece):
        write(self, piece)
        time.sleep(0.05)

    return slow


def test_a_whole_run_reads_what_is_kept_and_says_so_in_its_recipe(tiny_bert, make_csv, tmp_path):
    recipe = {
        "base": str(tiny_bert),
        "data": str(make_csv()),
        "tuning": {"kind": "last-blocks", "num_blocks": 1},
        "training": {"epochs": 3, "precision": "float32", "callbacks": []},
        "evaluation": {"num_resamples": 100},
        "output": str(tmp_path / "run"),
    }
    heard = Heard()
    run = python.begin(reading.from_keywords(recipe), listener=heard)
    assert run.evaluation.verdict.sentence
    assert any("computing the frozen part once" in stage for stage in heard.stages)
    resolved = Resolved.load((tmp_path / "run" / "recipe.yaml").read_text("utf-8"), "recipe.yaml")
    assert resolved.recipe.training.prefix_cache.use == "on"
    assert [one.about["part"] for one in prefix_folder.kept()] == ["1 blocks"]
