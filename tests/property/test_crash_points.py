"""A save stopped at any of its calls to the system leaves the checkpoint before it or its own, whole; never a mix."""

import contextlib
import errno
import os
import random
import shutil
import signal
from pathlib import Path

import pytest
import torch

from afina.base import durable
from afina.base.errors import ResourceError
from afina.base.manifest import manifest
from afina.engine import checkpoint
from afina.engine.checkpoint import State

CALLS = ("open", "write", "fsync", "rename", "unlink", "mkdir", "rmdir", "ftruncate")
REQUIRED = ("model", "optimizer", "loop")
DIED, REFUSED, SAVED, WRONG = 9, 3, 0, 1


def states(step: int) -> dict[str, State]:
    generator = torch.Generator().manual_seed(step)
    draw = {f"layer.{number}": torch.randn(7, 5, generator=generator) for number in range(2)}
    return {
        "model": State(draw, {}),
        "optimizer": State({name: value * 2 for name, value in draw.items()}, {"step": step}),
        "loop": State({}, {"step": step, "best": float("-inf")}),
    }


def same(found: dict[str, State], expected: dict[str, State]) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].values == expected[name].values
        and found[name].tensors.keys() == expected[name].tensors.keys()
        and all(torch.equal(found[name].tensors[key], value) for key, value in expected[name].tensors.items())
        for name in expected
    )


def save(run: Path, step: int) -> None:
    checkpoint.save(run, step, states(step), best=1)


def stop_at(point: int, how: str) -> list[int]:
    """Make the `point`-th call to the system from now on fail: `how` is kill, or an error's name."""
    seen = [0]

    def wrapped(name, original):
        def call(*arguments, **named):
            seen[0] += 1
            if seen[0] != point:
                return original(*arguments, **named)
            if name == "write":  # torn: half of it arrives
                original(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(getattr(errno, how), os.strerror(getattr(errno, how)))

        return call

    for name in CALLS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    return seen


def in_child(run: Path, step: int, point: int, how: str) -> tuple[int, int]:
    """Save in a forked process that is stopped at `point`; return how it ended and the number of calls it made."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code, report = WRONG, os.write
        seen = stop_at(point, how)
        try:
            save(run, step)
            code = SAVED
        except ResourceError:
            code = REFUSED
        finally:
            report(writer, str(seen[0]).encode())
            os._exit(code)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        calls = int(pipe.read() or 0)
    return (DIED if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)), calls


@pytest.fixture(autouse=True)
def _flush_nothing(monkeypatch):
    """A killed process loses nothing that the kernel has, so waiting for the disk would only make the sweep slow."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(params=[(4, "a new step"), (3, "a step that is replaced")], ids=lambda param: param[1])
def begun(request, tmp_path):
    """A run with checkpoints of steps 2 and 3 and the best of step 1, and the step to save next."""
    run = tmp_path / "begun"
    run.mkdir()
    for step in (1, 2, 3):
        save(run, step)
    assert checkpoint.steps(run) == [1, 2, 3]
    return run, request.param[0]


@pytest.mark.parametrize("how", ["kill", "ENOSPC"])
def test_save_stopped_at_every_call_leaves_the_old_or_the_new(begun, tmp_path, how):
    origin, step = begun
    scratch = tmp_path / "count"
    shutil.copytree(origin, scratch)
    ended, num_calls = in_child(scratch, step, point=0, how=how)
    assert ended == SAVED
    assert num_calls > 30
    endings = []
    for point in range(1, num_calls + 1):
        run = tmp_path / f"point-{point}"
        shutil.copytree(origin, run)
        endings.append(in_child(run, step, point, how)[0])
        check(run, step)
        shutil.rmtree(run)
    assert WRONG not in endings
    assert (DIED if how == "kill" else REFUSED) in endings


def test_the_sweep_sees_a_save_that_is_not_atomic(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def in_place(path, **_):
        path.mkdir()
        yield path
        (path / durable.MANIFEST).write_bytes(manifest(path))

    for step in (2, 3):
        save(tmp_path, step)
    monkeypatch.setattr(durable, "atomic_folder", in_place)
    assert in_child(tmp_path, 4, point=20, how="kill")[0] == DIED
    with pytest.raises(AssertionError):
        check(tmp_path, 4)


def check(run: Path, step: int) -> None:
    folder = run / checkpoint.FOLDER
    found, problems = checkpoint.newest(run, REQUIRED)
    assert found is not None
    assert not problems
    assert found.step in {step - 1, step}
    assert same(found.read(), states(found.step))
    visible = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    assert {name for name in visible if not name.startswith("step-")} == {"best.json"}
    for number in checkpoint.steps(run):
        assert same(checkpoint.at(run, number, REQUIRED).read(), states(number))
    best = checkpoint.best(run, REQUIRED)
    assert best is not None
    assert best.step == 1
    checkpoint.clean(run)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    save(run, step)
    assert checkpoint.newest(run, REQUIRED)[0].step == step


def test_damage_of_any_kind_is_seen_before_a_tensor_is_used(tmp_path):
    origin = tmp_path / "run"
    origin.mkdir()
    save(origin, 1)
    save(origin, 2)
    chance = random.Random(0)
    for sample in range(120):
        run = tmp_path / f"sample-{sample}"
        shutil.copytree(origin, run)
        damage(chance, run / checkpoint.FOLDER / "step-000002", run / checkpoint.FOLDER / "step-000001")
        found, problems = checkpoint.newest(run, REQUIRED)
        assert found is not None
        assert found.step == 1, f"sample {sample} was not seen"
        assert "step-000002" in problems[0].where
        shutil.rmtree(run)


def damage(chance: random.Random, folder: Path, older: Path) -> None:
    files = sorted(path for path in folder.iterdir())
    file = chance.choice(files)
    content = bytearray(file.read_bytes())
    kind = chance.choice(["flip", "flip", "flip", "cut", "extend", "swap", "zero", "older", "remove", "add"])
    if kind == "flip":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
    elif kind == "cut":
        file.write_bytes(content[: chance.randrange(len(content))])
    elif kind == "extend":
        file.write_bytes(content + bytes([chance.randrange(256)]))
    elif kind == "swap":
        other = chance.choice([path for path in files if path != file])
        mine, theirs = file.read_bytes(), other.read_bytes()
        file.write_bytes(theirs)
        other.write_bytes(mine)
    elif kind == "zero":
        file.write_bytes(bytes(len(content)))
    elif kind == "older":  # a file of another step, whole in itself
        shutil.copy(older / file.name, file)
    elif kind == "remove":
        file.unlink()
    else:
        (folder / "extra.safetensors").write_bytes(content)
