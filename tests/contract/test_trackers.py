"""The laws that every tracker keeps, seen in the stores that they really leave on this machine."""

import contextlib
import shutil
import sqlite3

import pytest

from afina.base import registry
from afina.engine.contract import Judgement, Progress, in_order
from afina.engine.tracking import FOLDER, Mirrors, Tracking
from tests import stores, tiny

KINDS = registry.names("engine.trackers")
every_tracker = pytest.mark.parametrize("kind", KINDS)
PARAMETERS = {"training.epochs": "3", "data.train": "rows | of.csv", "tuning.kind": "full"}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database of MLflow's as it makes it itself, which takes seconds."""
    folder = tmp_path_factory.mktemp("made")
    _mirror("mlflow", folder, 0)
    return folder / FOLDER / "mlflow" / "mlflow.db"


@pytest.fixture
def folder(tmp_path, database, kind):
    """A run's folder; where MLflow is the tracker, its database is there."""
    if kind == "mlflow":
        store = tmp_path / FOLDER / kind
        store.mkdir(parents=True)
        shutil.copy(database, store)
        with contextlib.closing(sqlite3.connect(store / "mlflow.db")) as connection:
            for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
                connection.execute(f"DELETE FROM {table}")
            connection.commit()
    return tmp_path


def _progress(step=0, **values):
    return Progress(num_steps=6, steps_per_epoch=3, step=step, loss=1.0 / (step + 1), learning_rate=0.1, **values)


def _mirror(kind, folder, steps, start=0, said=None, end=None):
    """Drive a tracker as the loop does, from a step on; `end` is raised after the last one."""
    said = [] if said is None else said
    trackers = {kind: tiny.technique("engine.trackers", kind)}
    with Mirrors(trackers, folder, PARAMETERS, said.append, said.append) as mirrors:
        tracking = Tracking(mirrors)
        assert in_order([tracking]) == [tracking]
        tracking.fit_start(_progress(start))
        for step in range(start + 1, steps + 1):
            tracking.step_done(_progress(step, gradient_norm=2.0))
            if step % 3 == 0:
                judgement = Judgement(0.5, {"macro_f1": 0.1 * step}, 0.1 * step)
                tracking.evaluate_done(_progress(step, judgement=judgement))
                tracking.checkpoint_saved(_progress(step))
        if end is not None:
            raise end
        mirrors.conclude({"test/macro_f1": 0.75, "retained/a.csv/accuracy/difference": -0.125}, "Better, at last.")
    return said


@every_tracker
def test_steps_evaluations_recipe_verdict_and_folder_are_found_in_the_store(kind, folder):
    said = _mirror(kind, folder, 6)
    assert len(said) == 1
    assert str(folder / FOLDER / kind) in said[0]
    found = stores.read(kind, folder / FOLDER / kind)
    assert found.figures["train/loss"] == pytest.approx({step: 1 / (step + 1) for step in range(1, 7)})
    assert found.figures["train/gradient_norm"][6] == 2.0
    assert found.figures["validation/macro_f1"] == pytest.approx({3: 0.3, 6: 0.6})
    assert found.figures["validation/loss"][3] == 0.5
    assert list(found.figures["test/macro_f1"].values()) == [0.75]
    assert list(found.figures["retained/a.csv/accuracy/difference"].values()) == [-0.125]
    assert {path: value.replace("\\|", "|") for path, value in found.parameters.items()} == PARAMETERS
    assert found.verdict == "Better, at last."
    assert found.folder == str(folder)
    assert found.ending in ("finished", "")


@every_tracker
def test_a_run_that_goes_on_goes_on_in_the_same_mirror(kind, folder):
    with pytest.raises(KeyboardInterrupt):
        _mirror(kind, folder, 5, end=KeyboardInterrupt())
    before = stores.read(kind, folder / FOLDER / kind)
    assert before.ending in ("killed", "")
    assert max(before.figures["train/loss"]) == 5
    _mirror(kind, folder, 6, start=3)
    found = stores.read(kind, folder / FOLDER / kind)
    assert found.figures["train/loss"] == pytest.approx({step: 1 / (step + 1) for step in range(1, 7)})
    assert found.figures["validation/macro_f1"] == pytest.approx({3: 0.3, 6: 0.6})
    assert found.verdict == "Better, at last."
    assert found.ending in ("finished", "")
    if kind != "wandb":  # which keeps the two times apart until they are sent on
        assert found.num_values == 6 * 4 + 2 * 2 + 2


@every_tracker
def test_a_failed_run_says_so(kind, folder):
    with pytest.raises(ValueError, match="broken"):
        _mirror(kind, folder, 2, end=ValueError("broken"))
    found = stores.read(kind, folder / FOLDER / kind)
    assert max(found.figures["train/loss"]) == 2
    assert (found.verdict, found.ending in ("failed", "")) == ("", True)


@every_tracker
def test_a_store_that_cannot_be_written_is_said_and_the_run_goes_on(kind, tmp_path):
    # A file stands where the store's folder should be, which no rights can overcome.
    place = tmp_path / FOLDER / kind
    place.parent.mkdir()
    place.write_text("in the way", encoding="utf-8")
    said = _mirror(kind, tmp_path, 3)
    assert len(said) == 1
    assert said[0].startswith(f"{kind} failed; the run goes on without it: ")


def test_one_that_fails_on_the_way_is_let_go_and_the_others_go_on(tmp_path):
    class Failing:
        failures = (OSError,)
        command = "none"

        def __init__(self):
            self.heard = []

        def begin(self, run, step):
            return "name"

        def log(self, step, values):
            self.heard.append(step)
            if step == 2:
                raise OSError("disk gone\nand more")

    said, failing = [], Failing()
    with Mirrors(
        {"one": failing, "tensorboard": tiny.technique("engine.trackers", "tensorboard")},
        tmp_path,
        PARAMETERS,
        lambda sentence: None,
        said.append,
    ) as mirrors:
        tracking = Tracking(mirrors)
        tracking.fit_start(_progress())
        for step in range(1, 5):
            tracking.step_done(_progress(step))
        tracking.weights_chosen(_progress(4, mixture={"alpha": 0.5}))
    assert failing.heard == [1, 2]
    assert said == ["one failed; the run goes on without it: disk gone"]
    found = stores.read("tensorboard", tmp_path / FOLDER / "tensorboard")
    assert max(found.figures["train/loss"]) == 4
    assert found.figures["mixture/alpha"] == {4: 0.5}


def test_a_mistake_of_ours_is_not_taken_for_a_failing_store(tmp_path):
    class Broken:
        failures = (OSError,)

        def begin(self, run, step):
            raise TypeError("a mistake")

    with (
        pytest.raises(TypeError, match="a mistake"),
        Mirrors({"one": Broken()}, tmp_path, {}, print, print) as mirrors,
    ):
        mirrors.begin(0)


def test_mlflow_keeps_runs_where_the_user_says(tmp_path, database):
    from mlflow.tracking import MlflowClient

    shutil.copy(database, tmp_path / "shared.db")
    uri = f"sqlite:///{tmp_path / 'shared.db'}"
    for name in ("a", "b"):
        tracker = tiny.technique("engine.trackers", "mlflow", uri=uri, experiment="mine")
        with Mirrors({"mlflow": tracker}, tmp_path / name, PARAMETERS, print, print) as mirrors:
            mirrors.begin(0)
            mirrors.log(1, {"train/loss": 1.0})
    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert {run.info.run_name for run in runs} == {"a", "b"}
    assert not (tmp_path / "a" / FOLDER / "mlflow" / "mlflow.db").exists()
