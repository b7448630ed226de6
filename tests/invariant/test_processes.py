"""Two processes are one: the same weights, whatever the technique, uneven last batches and empty shares included."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from afina.base.errors import UsageError
from afina.run import machine
from tests import tiny
from tests.invariant import two_processes

ROOT = Path(__file__).parents[2]
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def ended(tiny_folder, tmp_path_factory):
    """What each of two processes ended at, case by case."""
    folder = {tiny_folder(family).parent for family in ("bert", "distilbert", "roberta")}.pop()
    out = tmp_path_factory.mktemp("ended")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    script = str(ROOT / "tests" / "invariant" / "two_processes.py")
    result = subprocess.run(
        [sys.executable, *LAUNCH, script, str(folder), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return folder, [torch.load(out / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


@pytest.mark.parametrize("case", two_processes.CASES)
def test_two_processes_end_where_one_does(ended, case):
    folder, (first, second) = ended
    alone, facts, _ = two_processes.fit(folder, **two_processes.CASES[case])
    weights, their_facts, _ = first[case]
    assert all(torch.equal(weight, second[case][0][name]) for name, weight in weights.items())
    is_double = case != "float32"
    assert tiny.distance(alone, weights) < (1e-12 if is_double else 5e-6)
    assert their_facts == pytest.approx(facts, rel=1e-9 if is_double else 1e-5)


def _differing(one, other):
    """Return the stages in which a gradient of one process is not that of the other."""
    pairs = zip(one[2], other[2], strict=True)
    return {
        stage
        for (stage, mine), (_, theirs) in pairs
        if mine.keys() != theirs.keys() or not all(torch.equal(mine[name], theirs[name]) for name in mine)
    }


@pytest.mark.parametrize("case", ["thawing", "thawing in micro-batches"])
def test_a_layer_unfrozen_after_wrapping_gets_the_same_gradient_in_each_process(ended, case):
    folder, (first, second) = ended
    assert _differing(first[case], second[case]) == set()
    alone = two_processes.fit(folder, **two_processes.CASES[case])
    assert [stage for stage, _ in alone[2]] == [
        name for name in ("head first", "from block 1 up", "everything") for _ in range(2)
    ]
    for (_, mine), (_, theirs) in zip(alone[2], first[case][2], strict=True):
        assert mine.keys() == theirs.keys()
        assert tiny.distance(mine, theirs) < 1e-10


def test_wrapped_at_the_first_stage_alone_the_processes_would_part(ended):
    _, (first, second) = ended
    assert _differing(first["wrapped once"], second["wrapped once"]) == {"from block 1 up", "everything"}


def test_the_empty_share_is_really_empty():
    import numpy as np

    from afina.data import batching

    case = two_processes.CASES["an empty share"]
    plan = batching.Plan(np.full(case["num_rows"], 5), case["global_batch_size"], 0)
    sizes = [len(share) for rows in plan.epoch(0) for share in batching.micro_batches(rows, 8, 1, 2)]
    assert 0 in sizes


def test_a_world_that_is_smaller_than_asked_is_refused():
    with pytest.raises(UsageError) as error:
        machine.processes(2)
    assert error.value.code == "E-USAGE-010"
    assert "torchrun" in error.value.problem.mend
