"""A folder against its manifest: every kind of damage is named."""

import shutil

import pytest

from afina.base import durable
from afina.base.manifest import MANIFEST, verify


@pytest.fixture
def folder(tmp_path):
    with durable.atomic_folder(tmp_path / "whole") as aside:
        durable.write_text(aside / "a.txt", "one")
        durable.write_text(aside / "inner" / "b.txt", "two")
    return tmp_path / "whole"


def test_verify_accepts_what_was_written(folder):
    assert verify(folder) == []


def test_verify_ignores_files_that_no_one_loads(folder):
    (folder / ".DS_Store").write_text("x")
    assert verify(folder) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "a.txt").unlink(), "missing"),
        (lambda folder: (folder / "a.txt").write_text("One"), "SHA-256"),
        (lambda folder: (folder / "inner" / "b.txt").write_text("four"), "4 bytes instead of 3"),
        (lambda folder: (folder / "x.safetensors").write_text("x"), "not list"),
        (lambda folder: (folder / MANIFEST).unlink(), "manifest is missing"),
        (lambda folder: (folder / MANIFEST).write_text("{}"), "manifest is damaged"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), "manifest is damaged"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff"), "manifest is damaged"),
        (lambda folder: shutil.rmtree(folder), "manifest is missing"),
    ],
)
def test_verify_names_the_damage(folder, damage, said):
    damage(folder)
    problems = verify(folder)
    assert len(problems) == 1
    assert said in problems[0].what


def test_every_flipped_bit_of_the_manifest_is_seen(folder):
    content = (folder / MANIFEST).read_bytes()
    for position in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8)
        (folder / MANIFEST).write_bytes(flipped)
        assert verify(folder), f"byte {position}"
