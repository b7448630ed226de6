import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from afina.base.errors import MissingExtraError
from afina.base.optional import need
from afina.models import quantised
from afina.planning import footprint
from tests import tiny

NF4 = {"quantisation": "nf4", "double": True}
FAMILIES = [("bert", "cls"), ("distilbert", "cls"), ("albert", "mean"), ("roberta", "mean"), ("gpt2", "last")]

FAKE = """
import json, sys, types
CALLS = []
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    def called(*args, **named):
        CALLS.append([name, [str(value) for value in args]])
        return types.SimpleNamespace(gemm_4bit_forward=None)
    return called
"""

ASKING = """
import json, socket, sys, warnings
tries = []
def refuse(*args, **named):
    tries.append(str(args[:2]))
    raise OSError("no network here")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import kernels
from afina.tuning import qlora
from tests import tiny
from pathlib import Path
import torch
model = tiny.load(Path(sys.argv[1]), requires=qlora.REQUIRES)
tiny.tuned(model, "qlora")
import bitsandbytes.backends.cpu.ops as ops
assert tiny.outputs(model.eval()).isfinite().all()
import peft, accelerate, transformers
is_off = getattr(ops, "gemm_4bit_forward_kernel", None) is None
print(json.dumps([kernels.CALLS, tries, is_off, "kernels" in sys.modules]))
"""


@pytest.mark.parametrize(("family", "pooling"), FAMILIES)
def test_the_blocks_matrices_alone_are_in_four_bits(tiny_folder, family, pooling):
    model = tiny.load(tiny_folder(family), pooling, requires=NF4)
    plain = tiny.load(tiny_folder(family), pooling)
    packed = {name for name, parameter in model.named_parameters() if not parameter.is_floating_point()}
    in_blocks = {name for block in plain.blocks.blocks for name in block}
    matrices = {name for name, parameter in plain.named_parameters() if parameter.ndim == 2 and name in in_blocks}
    assert packed == matrices
    assert model.blocks == plain.blocks
    assert all(parameter.dtype == torch.float32 for name, parameter in model.named_parameters() if name not in matrices)


def test_what_is_not_quantised_is_the_bases_own_and_the_rest_is_near(tiny_folder):
    model, plain = (tiny.load(tiny_folder("bert"), requires=asked).eval() for asked in (NF4, None))
    weights = dict(plain.named_parameters())
    head = set(plain.blocks.head)
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and name not in head:
            assert torch.equal(parameter, weights[name]), name
    one, other = tiny.outputs(model), tiny.outputs(plain)
    assert not torch.equal(one, other)


def test_use_in_evaluation_leaves_the_weights_as_they_are(tiny_folder):
    model = tiny.load(tiny_folder("bert"), requires=NF4).eval()
    before = quantised.digests(model.named_parameters())
    with torch.inference_mode():
        one = tiny.outputs(model)
        other = tiny.outputs(model)
    assert torch.equal(one, other)
    assert before
    assert quantised.digests(model.named_parameters()) == before


@pytest.mark.parametrize("part", ["codes", "scales", "scales of scales"])
def test_a_digest_follows_every_part_of_a_weight(tiny_folder, part):
    model = tiny.load(tiny_folder("bert"), requires=NF4)
    name, weight = next(pair for pair in model.named_parameters() if not pair[1].is_floating_point())
    before = quantised.digests(model.named_parameters())
    state = weight.quant_state
    changed = {"codes": weight.data, "scales": state.absmax, "scales of scales": state.state2.absmax}[part]
    changed.view(-1)[0] += 1
    after = quantised.digests(model.named_parameters())
    assert [other for other in before if before[other] != after[other]] == [name]


def test_bytes_count_the_scales(tiny_folder):
    model = tiny.load(tiny_folder("bert"), requires=NF4)
    weight = next(weight for weight in model.parameters() if not weight.is_floating_point())
    num_weights = 16 * 16
    assert weight.numel() == num_weights // 2
    assert quantised.num_bytes(weight) > num_weights // 2 + num_weights // 64
    assert quantised.plain_bytes(weight) == num_weights * 4
    assert quantised.num_bytes(torch.zeros(3, 5)) == quantised.plain_bytes(torch.zeros(3, 5)) == 60


def test_a_plan_counts_packed_weights_for_training_and_plain_ones_for_the_base(tiny_folder):
    packed, plain = (
        footprint.parts_of(tiny.load(tiny_folder("bert"), requires=asked), frozenset(), 0.0) for asked in (NF4, None)
    )
    assert packed.weights < plain.weights
    assert packed.base == plain.base == plain.weights
    assert footprint.moments(packed)["comparing"].low == plain.weights


def test_a_base_as_it_is_asks_for_nothing():
    def never():
        raise AssertionError("no network is needed to know that")

    assert quantised.keywords({}, never) == {}


def test_a_network_without_anything_outside_its_blocks_still_names_what_stays():
    class Bare(nn.Module):
        base_model_prefix = "bare"

        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(2, 2)])

        @property
        def base_model(self):
            return self

    assert quantised._outside_blocks(Bare()) == ["no layer"]


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError) as error:
        quantised.keywords(NF4, lambda: None)
    assert error.value.problem.mend == 'pip install "afina[quantised]"'


def test_nothing_is_fetched_through_the_kernels_package(tiny_folder, tmp_path):
    (tmp_path / "kernels.py").write_text(FAKE, encoding="utf-8")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", ASKING, str(tiny_folder("bert"))],
        cwd=root,
        env={**_environment(), "PYTHONPATH": f"{tmp_path}:{root}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    calls, tries, is_off, is_back = json.loads(done.stdout.strip().splitlines()[-1])
    assert calls == []
    assert tries == []
    assert is_off
    assert is_back
    assert "kernels" not in done.stderr


def test_without_the_guard_it_would_have_been_called(tmp_path):
    (tmp_path / "kernels.py").write_text(FAKE, encoding="utf-8")
    code = "import kernels, bitsandbytes, json; print(json.dumps(kernels.CALLS))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**_environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    calls = json.loads(done.stdout.strip().splitlines()[-1])
    if not calls:
        pytest.skip("this machine's bitsandbytes asks for no kernel")
    assert calls[0][0] == "get_kernel"


def test_the_log_speaks_again_after_the_import():
    need("bitsandbytes", extra="quantised")
    assert logging.getLogger("bitsandbytes.backends.cpu.ops").level == logging.NOTSET
    assert sys.modules.get("kernels", "absent") is not None


def _environment():
    import os

    return dict(os.environ)
