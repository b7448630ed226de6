"""What the cache says of itself, and what gives way when it is full."""

import time

import pytest

from afina.base import durable
from afina.base.lease import Lease
from afina.inference import prefix_folder

ABOUT = {"base": "tiny", "part": "2 blocks", "precision": "float32"}


def _make(root, key, size, used):
    prefix_folder.begin(root / key, ABOUT)
    durable.write_bytes(root / key / "one.safetensors", b"x" * size)
    durable.write_json(root / key / "used.json", {"used": used})


@pytest.fixture
def three(tmp_path):
    """Three keys of about 10 kB, the first used longest ago."""
    now = time.time()
    for place, key in enumerate(("old", "middle", "new")):
        _make(tmp_path, key, 10_000, now - 86_400 * (3 - place))
    return tmp_path


def test_kept_lists_what_there_is_the_oldest_first(three):
    kept = prefix_folder.kept(three)
    assert [one.key for one in kept] == ["old", "middle", "new"]
    assert kept[0].about == ABOUT
    assert 10_000 < kept[0].size_bytes < 10_500
    assert 2.9 < kept[0].unused_days < 3.1
    assert not kept[0].is_held


def test_an_empty_cache_holds_nothing(tmp_path):
    assert prefix_folder.kept(tmp_path / "none") == []


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("AFINA_CACHE", str(tmp_path / "mine"))
    assert prefix_folder.root() == tmp_path / "mine" / "prefix"
    monkeypatch.delenv("AFINA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert prefix_folder.root() == tmp_path / "xdg" / "afina" / "prefix"


def test_what_was_used_longest_ago_gives_way_and_no_more_than_needed(three):
    removed = prefix_folder.make_room(three / "fresh", 5_000, 30_000)
    assert [one.key for one in removed] == ["old"]
    assert {one.key for one in prefix_folder.kept(three)} == {"middle", "new"}


def test_nothing_gives_way_where_there_is_room(three):
    assert prefix_folder.make_room(three / "fresh", 5_000, 100_000) == []


def test_a_key_does_not_give_way_to_itself_nor_one_that_is_held(three):
    with Lease(three / "old"):
        removed = prefix_folder.make_room(three / "middle", 8_000, 30_000)
    assert [one.key for one in removed] == ["new"]


def test_available_bytes_counts_what_may_give_way(three):
    assert prefix_folder.available_bytes(three / "fresh", 50_000) == 50_000
    own = next(one.size_bytes for one in prefix_folder.kept(three) if one.key == "old")
    assert prefix_folder.available_bytes(three / "old", 50_000) == 50_000 - own
    with Lease(three / "new"):
        assert prefix_folder.available_bytes(three / "fresh", 50_000) < 50_000 - 10_000
    assert prefix_folder.available_bytes(three / "old", 100) == 0
    assert prefix_folder.available_bytes(three / "fresh", 10**18) < 10**18


def test_a_folder_that_says_nothing_of_itself_is_listed_and_goes_first(three):
    (three / "strange").mkdir()
    (three / "strange" / "about.json").write_text("[]", encoding="utf-8")
    assert prefix_folder.kept(three)[0].key == "strange"
    prefix_folder.remove(["strange"], three)
    assert not (three / "strange").exists()


def test_an_entry_that_another_process_removes_while_it_is_looked_at_is_no_fault(three):
    durable.remove_folder(three / "old")
    assert prefix_folder._look(three / "old").size_bytes == 0
