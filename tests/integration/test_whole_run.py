"""One whole run over what a recipe may name beside files: a folder of texts per class, retained rows, and trackers."""

import csv
import json

import pytest

from afina.base.errors import MissingExtraError, RecipeError, RunError
from afina.recipe import reading
from afina.recipe.resolved import Resolved
from afina.run import python
from tests import stores

TRACKERS = ("tensorboard", "mlflow", "wandb")


@pytest.fixture(scope="module")
def project(tmp_path_factory, sentences):
    """A folder of texts per class, split in training and test, and a labelled file from elsewhere."""
    root = tmp_path_factory.mktemp("project")
    for split, num, seed in (("train", 60, 0), ("test", 30, 1)):
        for number, (text, label) in enumerate(sentences(num, seed=seed)):
            path = root / "reviews" / split / label / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    with (root / "elsewhere.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(sentences(60, labels=3, seed=2))
    return root


@pytest.fixture(scope="module")
def run(project, tiny_bert):
    return python.train(show_progress=False, **recipe(project, tiny_bert))


def recipe(project, base, **more):
    return {
        "base": str(base),
        "data": str(project / "reviews"),
        "tuning": {"kind": "full", "head_first_epochs": 0},
        "training": {"epochs": 2, "global_batch_size": 16, "learning_rate": 0.01, "callbacks": []},
        "evaluation": {"retained": [str(project / "elsewhere.csv")], "num_resamples": 200},
        "tracking": list(TRACKERS),
        "output": str(project / "runs" / "first"),
        **more,
    }


def test_folders_of_texts_are_trained_on_and_judged_by_their_own_splits(run, project):
    data = json.loads(run.folder.data.read_text("utf-8"))
    assert (data["splits"]["train"] + data["splits"]["validation"], data["splits"]["test"]) == (60, 30)
    assert set(data["classes"]) == {"good", "bad"}
    assert set(data["fingerprint"]) == {str(project / "reviews") + part for part in ("#train", "#test")}
    assert run.evaluation.n == 30
    resolved = Resolved.load(run.folder.recipe.read_text("utf-8"))
    assert resolved.recipe.data.test == f"{project / 'reviews'}#test"
    assert resolved.origins["data.test"].kind == "inferred"
    assert str(project / "reviews" / "test") in json.dumps(run.evaluation.to_dict())


def test_what_was_forgotten_is_measured_on_the_retained_rows(run):
    [lost] = run.evaluation.forgetting
    assert lost.name.endswith("elsewhere.csv")
    assert lost.n == 60
    assert lost.difference == pytest.approx(lost.tuned - lost.base)
    assert lost.interval.low <= lost.difference <= lost.interval.high
    assert lost.tuned != lost.base, "a model that learned has other features"
    assert lost.sentence in run.report.read_text("utf-8")


@pytest.mark.parametrize("kind", TRACKERS)
def test_every_tracker_mirrors_the_run(run, kind):
    found = stores.read(kind, run.folder.path / "tracking" / kind)
    events = [json.loads(line) for line in run.folder.events.read_text("utf-8").splitlines()]
    losses = {event["step"]: event["loss"] for event in events if event["kind"] == "step"}
    assert len(losses) > 4
    assert found.figures["train/loss"] == pytest.approx(losses)
    judged = {event["step"]: event["loss"] for event in events if event["kind"] == "evaluation"}
    assert found.figures["validation/loss"] == pytest.approx(judged)
    main = run.evaluation.verdict.differences[0]
    assert list(found.figures[f"test/{main.metric}"].values()) == pytest.approx([main.tuned])
    [lost] = run.evaluation.forgetting
    assert list(found.figures[f"retained/elsewhere.csv/{lost.metric}/difference"].values()) == pytest.approx(
        [lost.difference]
    )
    assert found.verdict == run.verdict
    assert found.folder == str(run.folder.path)
    assert found.parameters["tuning.kind"] == "full"
    assert found.parameters["training.learning_rate"] == "0.01"
    assert found.ending in ("finished", "")


def test_a_changed_text_is_seen_before_going_on(run, project, tmp_path):
    path = next((project / "reviews" / "train" / "good").iterdir())
    before = path.read_text("utf-8")
    status = run.folder.status_file.read_text("utf-8")
    try:
        path.write_text("another text", encoding="utf-8")
        run.folder.status_file.unlink()
        with pytest.raises(RunError, match="reviews#train") as caught:
            python.resume(run.folder)
        assert caught.value.code == "E-RUN-021"
    finally:
        path.write_text(before, encoding="utf-8")
        run.folder.status_file.write_text(status, encoding="utf-8")


def test_a_tracker_that_is_not_installed_or_does_not_exist_is_said_before_anything_is_made(
    project, tiny_bert, monkeypatch
):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    asked = recipe(project, tiny_bert, tracking=["tensorboard"], output=str(project / "runs" / "second"))
    with pytest.raises(MissingExtraError, match=r"afina\[track\]"):
        python.train(show_progress=False, **asked)
    assert not (project / "runs" / "second").exists()
    with pytest.raises(RecipeError, match="tensorboard") as caught:
        reading.from_keywords({**asked, "tracking": ["tensorbord"]})
    assert "tracking" in str(caught.value)
