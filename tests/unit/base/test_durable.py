"""Durable writes: whole or absent, named refusals, nothing left behind."""

import contextlib
import errno
import io
import json
import os
import subprocess
import sys

import pytest
import torch

from afina.base import durable
from afina.base.errors import ResourceError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_json_names_numbers_that_are_not_finite(tmp_path):
    durable.write_json(tmp_path / "deep" / "a.json", {"loss": float("nan"), "best": (float("-inf"), 0.1), 1: "ã"})
    text = (tmp_path / "deep" / "a.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {"loss": "nan", "best": ["-inf", 0.1], "1": "ã"}
    assert "ã" in text


def test_write_text_replaces_in_one_step_and_leaves_nothing_aside(tmp_path):
    durable.write_text(tmp_path / "a", "one")
    before = (tmp_path / "a").stat().st_ino
    durable.write_text(tmp_path / "a", "two")
    assert (tmp_path / "a").read_text() == "two"
    assert (tmp_path / "a").stat().st_ino != before
    assert names(tmp_path) == ["a"]


def test_open_atomic_keeps_the_old_file_when_the_block_fails(tmp_path):
    durable.write_text(tmp_path / "a", "one")
    with contextlib.suppress(KeyError), durable.open_atomic(tmp_path / "a") as file:
        file.write(b"half")
        raise KeyError
    assert (tmp_path / "a").read_text() == "one"
    assert names(tmp_path) == ["a"]


def test_open_atomic_serves_wrappers_that_write_text_and_seek(tmp_path):
    with durable.open_atomic(tmp_path / "a") as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        text.write("olá\n" * 5000)
        text.flush()
        file.seek(0)
        file.write(b"OL")
    lines = (tmp_path / "a").read_text(encoding="utf-8").splitlines()
    assert lines == ["OLá", *["olá"] * 4999]


def test_a_wrapper_that_outlives_its_block_cannot_write_into_another_file(tmp_path):
    with durable.open_atomic(tmp_path / "a") as file:
        pass
    with durable.open_atomic(tmp_path / "b") as other:
        other.write(b"mine")
        with pytest.raises(OSError, match="Bad file descriptor"):
            file.write(b"late")
    assert (tmp_path / "b").read_bytes() == b"mine"


def test_a_full_disk_is_a_resource_error_with_bytes_needed_and_free(tmp_path, monkeypatch):
    def refuse(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    durable.write_text(tmp_path / "a", "one")
    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(ResourceError, match="E-DISK-001") as caught:
        durable.write_bytes(tmp_path / "a", bytes(300_000))
    assert "0.3 MB are needed" in str(caught.value)
    assert caught.value.exit_code == 4
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "one"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_refuses_is_a_resource_error(tmp_path, monkeypatch, number):
    def refuse(*arguments, **named):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ResourceError, match=r"E-DISK-002.*cannot be written"):
        durable.write_text(tmp_path / "a", "one")


def test_a_parent_that_is_a_file_is_a_resource_error(tmp_path):
    durable.write_text(tmp_path / "a", "one")
    with pytest.raises(ResourceError, match="E-DISK-002"):
        durable.write_text(tmp_path / "a" / "b", "two")


def test_errors_of_the_block_itself_are_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError), durable.open_atomic(tmp_path / "a"):
        (tmp_path / "missing").read_bytes()
    assert names(tmp_path) == []


def test_atomic_folder_appears_whole_with_its_manifest(tmp_path):
    with durable.atomic_folder(tmp_path / "new") as folder:
        (folder / "inner").mkdir()
        durable.write_text(folder / "inner" / "a.txt", "one")
        assert folder.name.startswith(".")
        assert not (tmp_path / "new").exists()
    assert names(tmp_path) == ["new"]
    assert names(tmp_path / "new") == ["inner", "manifest.json"]
    assert durable.verify(tmp_path / "new") == []


def test_atomic_folder_leaves_nothing_when_the_block_fails(tmp_path):
    with contextlib.suppress(KeyError), durable.atomic_folder(tmp_path / "new") as folder:
        durable.write_text(folder / "a.txt", "one")
        raise KeyError
    assert names(tmp_path) == []


def test_atomic_folder_refuses_to_overwrite_unless_told(tmp_path):
    for text in ("one", "two"):
        with durable.atomic_folder(tmp_path / "new", replace=True) as folder:
            durable.write_text(folder / "a.txt", text)
    with pytest.raises(FileExistsError), durable.atomic_folder(tmp_path / "new"):
        pytest.fail("the block must not run")
    assert (tmp_path / "new" / "a.txt").read_text() == "two"
    assert names(tmp_path) == ["new"]


def test_tensors_come_back_bit_by_bit_whatever_their_layout(tmp_path):
    base = torch.randn(4, 6)
    tensors = {
        "plain": base,
        "same memory": base,
        "transposed": base.t(),
        "strided": base[:, ::2],
        "scalar": torch.tensor(3.5, dtype=torch.float64),
        "empty": torch.empty(0, 3),
        "bfloat16": torch.randn(3).bfloat16(),
        "half": torch.randn(3).half(),
        "bool": torch.tensor([True, False, True]),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "count": torch.tensor(2**53 + 1),
        "not finite": torch.tensor([float("nan"), float("inf"), -0.0]),
        "gradient": torch.nn.Parameter(torch.randn(2)),
    }
    durable.write_tensors(tmp_path / "t.safetensors", tensors, {"note": "ção"})
    found = durable.read_tensors(tmp_path / "t.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        left, right = (value.detach().contiguous().reshape(-1).view(torch.uint8) for value in (found[name], tensor))
        assert torch.equal(left, right), name


def test_tensors_may_be_saved_over_the_file_they_were_read_from(tmp_path):
    durable.write_tensors(tmp_path / "t.safetensors", {"a": torch.arange(9.0)})
    durable.write_tensors(tmp_path / "t.safetensors", durable.read_tensors(tmp_path / "t.safetensors"))
    assert torch.equal(durable.read_tensors(tmp_path / "t.safetensors")["a"], torch.arange(9.0))


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    abandoned = tmp_path / f".a.{int(dead.stdout)}-0123abcd-0.tmp"
    reborn = tmp_path / f".b.{os.getpid()}-0123abcd-0.tmp"
    stranger = tmp_path / ".c.tmp"
    living = tmp_path / f".d.{os.getppid()}-0123abcd-0.tmp"
    for path in (abandoned, stranger, living):
        path.write_text("x")
    reborn.mkdir()
    (reborn / "inner").write_text("x")
    with durable.open_atomic(tmp_path / "mine") as file:
        assert durable.remove_leftovers(tmp_path) == [abandoned, reborn]
        file.write(b"one")
    assert names(tmp_path) == sorted([stranger.name, living.name, "mine"])


def test_remove_folder_takes_all_of_it(tmp_path):
    with durable.atomic_folder(tmp_path / "a") as folder:
        durable.write_text(folder / "deep" / "b", "x")
    durable.remove_folder(tmp_path / "a")
    assert names(tmp_path) == []


def test_make_folder_is_won_by_one(tmp_path):
    assert durable.make_folder(tmp_path / "a" / "b", exist_ok=False).is_dir()
    assert durable.make_folder(tmp_path / "a" / "b").is_dir()
    with pytest.raises(FileExistsError):
        durable.make_folder(tmp_path / "a" / "b", exist_ok=False)


def test_appender_takes_back_a_piece_that_does_not_fit(tmp_path, monkeypatch):
    appender = durable.Appender(tmp_path / "a")
    appender.append(b"whole\n")
    write = os.write

    def half(descriptor, data):
        if len(data) > 3:
            return write(descriptor, bytes(data)[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(ResourceError, match="E-DISK-001"):
        appender.append(b"torn\n")
    monkeypatch.undo()
    appender.append(b"next\n")
    appender.close()
    appender.close()
    assert (tmp_path / "a").read_bytes() == b"whole\nnext\n"
