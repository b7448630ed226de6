"""Out of memory in the middle of a step: the micro-batch is halved, and the result is what it would have been."""

import pytest
import torch

from afina.base.errors import ResourceError
from afina.engine import memory
from tests import tiny


class Tight(torch.nn.Module):
    """Fails as an allocator does when more rows than fit pass through the model it stands before."""

    def __init__(self, model, most_rows, error):
        super().__init__()
        self.model, self.most_rows, self.error = model, most_rows, error
        self.failed = 0

    def forward(self, input_ids, *rest):
        if len(input_ids) > self.most_rows:
            # Memory ends late: random numbers for dropout have been drawn.
            self.model(input_ids, *rest)
            self.failed += 1
            raise self.error
        return self.model(input_ids, *rest)


def _loop(folder, most_rows=None, error=None, dropout=0.0, **settings):
    model = tiny.load(folder, dropout=dropout)
    loop = tiny.loop(model, tiny.rows(21), **settings)
    tight = None
    if most_rows is not None:
        tight = loop.material.forward.module = Tight(model, most_rows, error)
    return model, loop, tight


ERRORS = [
    MemoryError("no more"),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
]


@pytest.mark.parametrize(
    ("error", "most_rows"),
    [(ERRORS[0], 4), (ERRORS[1], 4), (ERRORS[2], 1)],
    ids=lambda value: value if isinstance(value, int) else type(value).__name__,
)
def test_the_micro_batch_is_halved_until_it_fits_and_the_result_is_the_same(tiny_folder, error, most_rows):
    plain, loop, _ = _loop(tiny_folder("bert"))
    loop.fit()
    model, tight_loop, tight = _loop(tiny_folder("bert"), most_rows, error)
    tight_loop.fit()
    assert tight_loop.progress.micro_batch_size == most_rows
    assert tight.failed == (3 if most_rows == 1 else 1)
    assert tiny.distance(tiny.weights(plain), tiny.weights(model)) < 1e-12


def test_with_dropout_it_is_as_if_the_smaller_one_had_been_there_from_the_start(tiny_folder):
    model, loop, _ = _loop(tiny_folder("bert"), dropout=0.3, micro_batch_size=4)
    loop.fit()
    other, tight_loop, tight = _loop(tiny_folder("bert"), 4, ERRORS[0], dropout=0.3)
    tight_loop.fit()
    assert tight.failed == 1
    assert all(torch.equal(weight, tiny.weights(other)[name]) for name, weight in tiny.weights(model).items())


def test_when_not_even_one_row_fits_it_is_an_error_with_a_mend(tiny_folder):
    _, loop, tight = _loop(tiny_folder("bert"), 0, ERRORS[2])
    with pytest.raises(ResourceError) as error:
        loop.fit()
    assert error.value.code == "E-MEMORY-002"
    assert error.value.problem.mend
    assert tight.failed == 4


def test_a_micro_batch_that_was_asked_for_is_not_changed(tiny_folder):
    _, loop, tight = _loop(tiny_folder("bert"), 4, ERRORS[0], may_shrink=False)
    with pytest.raises(ResourceError):
        loop.fit()
    assert tight.failed == 1


def test_another_error_is_not_taken_for_one_of_memory(tiny_folder):
    _, loop, tight = _loop(tiny_folder("bert"), 4, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        loop.fit()
    assert tight.failed == 1
    assert not memory.is_exhausted(KeyError("memory"))
