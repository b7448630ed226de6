"""The learning rate that is kept: by validation rows, at the step whose weights were kept."""

from afina.base.events import Events
from afina.regimes.compare import choice
from afina.run.folder import RunFolder


def _run(folder, judged, best_step, metric="accuracy"):
    run = RunFolder(folder)
    folder.mkdir()
    with Events(run.events) as events:
        for step, (value, loss) in judged.items():
            events.write("evaluation", step=step, split="validation", loss=loss, metrics={metric: value, "macro_f1": 0})
        events.write("fit_end", step=max(judged, default=0), reason="", best_step=best_step)
    return run


def test_what_counts_is_the_best_step(tmp_path):
    run = _run(tmp_path / "a", {10: (0.9, 0.3), 20: (0.8, 0.2)}, 10)
    assert choice.validation(run) == (0.9, -0.3)


def test_of_errors_less_is_better(tmp_path):
    assert choice.validation(_run(tmp_path / "a", {10: (0.5, 0.3)}, 10, "mae")) == (-0.5, -0.3)


def test_a_run_without_a_judgement_takes_no_part(tmp_path):
    assert choice.validation(_run(tmp_path / "a", {}, None)) is None
    assert choice.validation(RunFolder(tmp_path / "nothing")) is None


def test_best_is_the_score_then_the_loss_then_the_first():
    assert choice.best([(0.8, -0.5), (0.9, -0.9), (0.9, -0.4)]) == 2
    assert choice.best([(0.9, -0.4), (0.9, -0.4)]) == 0
    assert choice.best([None, (0.1, -3.0)]) == 1
    assert choice.best([None, None]) is None
