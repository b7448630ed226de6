"""`afina cache`, as typed."""

import json
import time

import pytest

from afina.base import durable, environment
from afina.base.lease import Lease
from afina.cli.main import main
from afina.inference import prefix_folder


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Two keys, of which the first was not used for ten days."""
    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path)
    keys = ("aaaa1111", "bbbb2222")
    for key, days in zip(keys, (10, 0), strict=True):
        folder = tmp_path / "prefix" / key
        prefix_folder.begin(folder, {"base": "builtin:minilm", "part": "4 blocks", "precision": "bfloat16"})
        durable.write_bytes(folder / "one.safetensors", b"x" * 2_000_000)
        durable.write_json(folder / "used.json", {"used": time.time() - 86_400 * days})
    return keys


def document(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def left():
    return [one.key for one in prefix_folder.kept()]


def test_ls_lists_what_is_kept_with_sizes(kept, capsys):
    assert main(["cache", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["key", "base"]
    assert lines[1].split()[0] == kept[0]
    assert "10 days" in lines[1]
    assert "4.0 MB in all" in lines[-1]
    listed = document(capsys, "cache", "ls")
    assert [entry["key"] for entry in listed["entries"]] == list(kept)
    assert listed["size_bytes"] == sum(entry["size_bytes"] for entry in listed["entries"])


def test_ls_of_an_empty_cache_says_so_in_portuguese_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path)
    assert main(["cache", "ls"]) == 0
    assert "empty" in capsys.readouterr().out
    assert document(capsys, "cache", "ls")["entries"] == []


def test_rm_removes_by_key_age_or_altogether(kept, capsys):
    assert main(["cache", "rm", "bbb", "--yes"]) == 0
    assert left() == [kept[0]]
    assert main(["cache", "rm", "--older-than", "11", "--yes"]) == 0
    assert left() == [kept[0]]
    assert "Removed 0" in capsys.readouterr().out.splitlines()[-1]
    assert document(capsys, "cache", "rm", "--older-than", "9", "--yes")["removed"] == [kept[0]]
    assert left() == []


def test_rm_all_removes_everything(kept, capsys):
    assert document(capsys, "cache", "rm", "--all", "--yes")["removed"] == list(kept)
    assert left() == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["rm"], "E-USAGE-020"),
        (["rm", "aaaa", "--all"], "E-USAGE-020"),
        (["rm", "cccc"], "E-CACHE-001"),
        (["rm", ""], "E-CACHE-001"),
        (["rm", "--all"], "E-CACHE-003"),
    ],
)
def test_what_is_not_meant_for_sure_is_refused(kept, capsys, words, code):
    assert main(["cache", *words]) != 0
    assert code in capsys.readouterr().err
    assert left() == list(kept)


def test_what_a_run_is_filling_is_refused(kept, capsys):
    with Lease(prefix_folder.root() / kept[0]):
        assert main(["cache", "rm", "--all", "--yes"]) != 0
    assert "E-CACHE-002" in capsys.readouterr().err
    assert left() == list(kept)
