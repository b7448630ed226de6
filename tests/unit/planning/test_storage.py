import pytest

from afina.planning import storage
from afina.planning.storage import SPARE_BYTES


@pytest.mark.parametrize(("num_steps", "every", "judged"), [(10, 3, None), (10, 3, 5), (10, 20, None), (1, 1, 1)])
def test_num_saves_counts_what_the_loop_would_save(num_steps, every, judged):
    steps = range(1, num_steps + 1)
    due = [step for step in steps if step % every == 0 or (judged and step % judged == 0) or step == num_steps]
    assert storage.num_saves(num_steps, every, judged) == len(due)


def test_a_checkpoint_is_what_the_loop_writes(make_job, tmp_path):
    from afina.engine import checkpoint
    from afina.engine.loop import Loop
    from afina.planning.state import state_bytes
    from afina.run import machine

    job = make_job({"kind": "full", "head_first_epochs": 0}, training={"max_steps": 1})
    material = job.material
    state = state_bytes(material.optimizer, material.report.groups, dict(material.forward.model.named_parameters()))
    predicted = storage.storage(4 * material.report.num_trainable, state, 0, 1)
    Loop(material, job.settings, [], machine.processes(), tmp_path).fit()
    found = sum(file.stat().st_size for file in checkpoint.at(tmp_path, 1).path.iterdir())
    assert predicted.checkpoint - SPARE_BYTES < found < predicted.checkpoint


def test_a_run_keeps_several_checkpoints_and_one_model():
    few, many = (storage.storage(60.0, 40.0, 100.0, saves) for saves in (1, 50))
    assert few.peak.low == few.peak.high == few.checkpoint + 100 + storage.REST_BYTES
    assert many.peak.low == 3 * many.checkpoint + 100 + storage.REST_BYTES
    assert many.peak.low < many.peak.high
