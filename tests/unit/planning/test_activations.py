import pytest

from afina.planning.activations import Activations, BlockShape, Learning, block_shape, formula, passing, recomputing
from afina.planning.probe import _pass, untouched
from afina.planning.workload import Sizes, longest_rows


def test_block_shape_reads_a_block(make_job):
    shape = block_shape(make_job().material.forward.model)
    assert (shape.width, shape.widest, shape.num_heads, shape.num_blocks) == (32, 64, 4, 2)
    assert shape.outputs == 3 * 32 + 32 + 64 + 32
    assert shape.num_weights == 2 * (4 * (32 * 32 + 32) + 2 * 32 * 64 + 64 + 32 + 4 * 32)


@pytest.mark.parametrize(("tuning", "learning"), [("full", 2), ({"kind": "last-blocks", "num_blocks": 1}, 1)])
def test_formula_is_near_what_autograd_keeps(make_job, tiny_sentence_encoder, tuning, learning):
    # With mean pooling, since with cls the last block computes one position alone.
    material = make_job(tuning, base=str(tiny_sentence_encoder)).material
    rows = longest_rows(Sizes.of(material.segments), 16)
    with untouched(material.forward):
        material.forward.model.train()
        sample = _pass(material, rows)
    expected = formula(block_shape(material.forward.model), learning, 4)
    predicted = expected.num_bytes(sample.num_sequences, sample.num_tokens)
    counted = sample.kept_bytes + sample.kept_pairs_bytes
    # The embeddings' own norm and the head are small beside blocks of a real size, not beside these.
    assert predicted / 1.6 < counted < predicted * 1.6


def test_activations_grow_with_pairs_of_positions():
    kept = Activations(constant=10.0, per_token=2.0, per_pair=0.5)
    assert kept.num_bytes(3, 4) == 10 + 3 * (2 * 4 + 0.5 * 16)
    assert kept.scaled(0.5).num_bytes(3, 4) == kept.num_bytes(3, 4) / 2


def test_passing_is_less_than_a_block_keeps(make_job):
    shape = block_shape(make_job().material.forward.model)
    assert passing(shape, 4).num_bytes(8, 16) < formula(shape, 1, 4).num_bytes(8, 16)
    assert passing(shape, 2).num_bytes(8, 16) == passing(shape, 4).num_bytes(8, 16) / 2


def test_recomputing_keeps_inputs_and_one_block():
    shape = BlockShape(width=10, outputs=0, widest=0, num_heads=1, num_blocks=4, num_weights=0)
    kept = Activations(constant=8.0, per_token=400.0, per_pair=4.0)
    again = recomputing(kept, shape, Learning(4, cuts_last=False, element_bytes=2))
    assert (again.constant, again.per_token, again.per_pair) == (2.0, 100.0 + 3 * 10 * 4, 1.0)
    cut = recomputing(kept, shape, Learning(4, cuts_last=True, element_bytes=8))
    assert cut.per_token == pytest.approx(400 / 3 + 3 * 10 * 8)
    assert recomputing(kept, shape, Learning(1, cuts_last=False, element_bytes=2)) == kept
