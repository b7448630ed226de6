"""A frozen part run alone, and spoken for."""

import pytest
import torch

from afina.inference.forward import Forward
from afina.inference.prefix_parts import LowerBlocks, StandIn, WholeBase
from tests import tiny

CPU = torch.device("cpu")


def _count(modules):
    """Count how often each module is really run."""
    runs = dict.fromkeys(range(len(modules)), 0)

    def counting(place, forward):
        def run(*args, **kwargs):
            runs[place] += 1
            return forward(*args, **kwargs)

        return run

    for place, module in enumerate(modules):
        module.forward = counting(place, module.forward)
    return runs


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_lower_blocks_and_embedding_are_not_run_and_nothing_above_is_to_hear_them(tiny_folder, family):
    model = tiny.load(tiny_folder(family), "mean").eval()
    embedding = model.encoder.embeddings
    runs = _count([embedding, *model.block_modules])
    part = LowerBlocks(model, 1)
    batch = tiny.batch(model, tiny.rows(4, "mean"))
    with torch.no_grad():
        plain = model(batch.input_ids, batch.attention_mask, batch.token_type_ids)
        runs.update(dict.fromkeys(runs, 0))
        states = part.run(batch)
        assert runs == {0: 1, 1: 1, 2: 0}
        with part.saying(states):
            spoken_for = model(batch.input_ids, batch.attention_mask, batch.token_type_ids)
        assert runs == {0: 1, 1: 1, 2: 1}
    assert torch.equal(plain, spoken_for)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_whole_base_is_not_run(tiny_folder, pooling):
    forward = Forward(tiny.load(tiny_folder("bert"), pooling).eval(), CPU, "float32")
    model = forward.model
    part = WholeBase(model, forward.graded)
    batch = tiny.batch(model, tiny.rows(4, pooling))
    with torch.no_grad():
        plain = forward(batch)
        said = part.run(batch)
        assert said.shape[:2] == (4, 1)
        runs = _count(model.block_modules)
        with part.saying(said):
            short = model(torch.zeros(4, 1, dtype=torch.int64), torch.ones(4, 1, dtype=torch.bool))
    assert set(runs.values()) == {0}
    assert torch.allclose(plain, short, rtol=0, atol=1e-6)


def test_removed_parts_leave_the_model_as_it_was(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean").eval()
    before = {path: dict(vars(module)) for path, module in model.named_modules()}
    batch = tiny.batch(model, tiny.rows(3, "mean"))
    for part in (LowerBlocks(model, 2), WholeBase(model, None)):
        with torch.no_grad():
            part.run(batch)
        part.remove()
    assert all("forward" not in vars(module) for module in model.modules())
    assert before.keys() == {path for path, _ in model.named_modules()}


def test_a_stand_in_answers_only_while_it_has_an_answer():
    module = torch.nn.Linear(1, 1)
    stand_in = StandIn(module)
    plain = module(torch.ones(1))
    stand_in.answer = "this"
    assert module(torch.ones(1)) == "this"
    stand_in.answer = None
    assert torch.equal(module(torch.ones(1)), plain)
    stand_in.remove()
    assert "forward" not in vars(module)
