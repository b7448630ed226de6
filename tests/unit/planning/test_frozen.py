import pytest
import torch

from afina.planning import frozen
from afina.planning.activations import Activations
from afina.planning.figures import Frozen
from afina.planning.measuring import measure
from afina.planning.workload import Sizes, longest_rows

HEAD, LAST = "head", {"kind": "last-blocks", "num_blocks": 1}
NOTHING = Activations(0.0, 0.0, 0.0)

pytestmark = pytest.mark.usefixtures("own_cache")


def _filled(job):
    prefix = job.material.forward.prefix
    prefix.fill(prefix.missing(job.rows))
    prefix.store.look()
    return job


def _longest(job):
    return longest_rows(Sizes.of(job.material.segments), 8)


def _trace(prefix):
    store = prefix.store
    return len(store), len(store._states), dict(store._numbers), prefix.folder.exists()


@pytest.mark.parametrize("tuning", [HEAD, LAST])
def test_what_is_computed_once_is_counted_as_it_is_then_kept(make_job, facts, tuning):
    job = make_job(tuning)
    plan = measure(job, facts)
    documents = {row.documents[0].tobytes(): row.num_tokens for row in job.rows}
    assert (plan.frozen.num_texts, plan.frozen.num_tokens) == (len(documents), sum(documents.values()))
    _filled(job)
    written = sum(path.stat().st_size for path in job.material.forward.prefix.folder.glob("*.safetensors"))
    assert plan.frozen.disk_bytes <= written <= plan.frozen.disk_bytes + 30 * len(documents) + 500
    assert 0 < plan.frozen.fill_s.low < plan.frozen.fill_s.high < plan.total_s.high


def test_only_what_is_missing_is_counted(make_job, facts):
    assert frozen.missing(make_job()) is None
    half = make_job(HEAD)
    prefix = half.material.forward.prefix
    prefix.fill(prefix.missing(half.rows[:20]))
    prefix.store.look()
    found = frozen.figures(half, frozen.missing(half), None)
    assert found.num_texts == 40
    # The position that the head reads, and what the pooler makes of it.
    assert found.disk_bytes == 40 * 2 * 4 * half.material.forward.model.network.config.hidden_size
    done = measure(_filled(half), facts)
    part = done.frozen.part
    assert done.frozen == Frozen(part, 0, 0, 0, done.frozen.fill_s)
    assert done.frozen.fill_s.high == 0
    assert any("kept already" in line for line in done.lines())


def test_an_epoch_more_does_not_compute_the_frozen_part_again(make_job, facts):
    few, many = (measure(make_job(HEAD, training={"epochs": epochs}), facts) for epochs in (2, 20))
    assert many.steps.num_steps == 10 * few.steps.num_steps
    assert many.frozen.num_tokens == few.frozen.num_tokens
    assert many.frozen.disk_bytes == few.frozen.disk_bytes
    # All that is computed whole is computed once.
    assert many.frozen.fill_s.low < 5 * few.frozen.fill_s.low
    assert many.total_s.low < 5 * few.total_s.low


@pytest.mark.parametrize("tuning", [HEAD, LAST])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_timing_leaves_nothing_behind(make_job, own_cache, tuning, precision):
    job = make_job(tuning, training={"precision": precision})
    forward = job.material.forward
    before, was_training = _trace(forward.prefix), forward.model.training
    missing = frozen.missing(job)
    steps = frozen.timed_steps(job.material, _longest(job), 10**9)
    filling = frozen.timed_filling(forward, missing, NOTHING, 10**9)
    assert _trace(forward.prefix) == before
    assert not own_cache.exists()
    assert forward.model.training is was_training
    assert all(parameter.dtype == torch.float32 for parameter in forward.model.parameters())
    assert all(parameter.grad is None for parameter in forward.model.parameters())
    assert len(frozen.missing(job)) == len(missing)
    assert filling.large.backward_s == 0 < filling.large.forward_s
    assert steps.large.num_tokens == (1 if forward.prefix.part.one_position else steps.one.num_tokens)


def test_steps_on_what_is_kept_do_not_compute_the_frozen_part(make_job):
    job = make_job(LAST)
    model, computed = job.material.forward.model, []
    lowest = next(iter(model.block_modules[0].children()))
    lowest.register_forward_pre_hook(lambda *_: computed.append(1) if model.training else None)
    frozen.timed_steps(job.material, _longest(job), 10**9)
    assert computed == [], "a training step computed what is frozen"


def test_texts_are_computed_once_in_the_batches_that_are_counted(make_job, monkeypatch):
    from afina.inference import prefix as prefixes

    monkeypatch.setattr(prefixes, "BATCH_TOKENS", 40)
    job = make_job(LAST)
    missing, ran = frozen.missing(job), []
    prefix = job.material.forward.prefix
    run = prefix.part.run
    monkeypatch.setattr(prefix.part, "run", lambda batch: (ran.append(tuple(batch.input_ids.shape)), run(batch))[1])
    prefix.fill(missing)
    shapes = frozen.fill_shapes(missing)
    assert list(zip(shapes.num_sequences, shapes.num_tokens, strict=True)) == ran
    assert len(shapes) > 3


def test_rows_are_as_wide_as_they_are_computed(make_job):
    widths = []
    for tuning in ("full", LAST, HEAD):
        job = make_job(tuning, training={"precision": "bfloat16"})
        forward = job.material.forward
        sizes = frozen.read_sizes(forward, Sizes.of(job.material.segments, forward.width))
        widths.append([sizes.width(tokens) for tokens in (5, 25)])
    assert widths == [[5, 28], [5, 25], [1, 1]]
