import subprocess
import sys

import pytest

from afina.base import registry
from afina.base.errors import MissingExtraError, RecipeError

PLUGIN = '''
"""A technique from elsewhere."""
class Config:
    kind = "from-elsewhere"
def build(config, **ingredients):
    return ("built", config.kind, ingredients)
'''

ENTRY_POINTS = """[afina.tuning]
from-elsewhere = elsewhere
full = elsewhere
gone = elsewhere_gone
hollow = hollow
a-class = elsewhere:Config
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A package that offers a tuning through an entry point, as an installed one would."""
    (tmp_path / "elsewhere.py").write_text(PLUGIN, encoding="utf-8")
    folder = tmp_path / "elsewhere-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    (tmp_path / "hollow.py").write_text("Config = None\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_names_are_the_files_of_the_folder():
    assert {"full", "head", "last-blocks"} <= set(registry.names("tuning"))
    assert not {"contract", "__init__"} & set(registry.names("tuning"))
    assert not [name for name in registry.names("tuning") if "_" in name]


def test_names_are_read_without_importing_anything():
    script = """
import sys
from afina.base import registry
registry.names("tuning")
print(any(name.startswith("afina.tuning") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"


def test_hyphen_and_underscore_are_the_same():
    assert registry.module("tuning", "last_blocks") is registry.module("tuning", "last-blocks")


def test_unknown_kind_lists_those_that_exist_and_the_nearest():
    with pytest.raises(RecipeError) as caught:
        registry.module("tuning", "ful")
    assert "full" in caught.value.problem.mend
    assert "last-blocks" in caught.value.problem.expected


def test_techniques_of_other_packages_are_found(plugin):
    assert "from-elsewhere" in registry.names("tuning")
    options = registry.config("tuning", "from-elsewhere")()
    assert registry.build("tuning", options, model=1) == ("built", "from-elsewhere", {"model": 1})


def test_a_name_of_ours_stays_ours(plugin):
    assert registry.module("tuning", "full").__name__ == "afina.tuning.full"
    assert "full" not in registry.outside_names("tuning")
    assert "from-elsewhere" not in registry.own_names("tuning")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("gone", "elsewhere_gone"), ("hollow", "no module with Config"), ("a-class", "no module with Config")],
)
def test_one_that_is_no_technique_is_named_with_its_package(plugin, kind, reason):
    with pytest.raises(MissingExtraError, match=reason) as caught:
        registry.module("tuning", kind)
    assert caught.value.code == "E-EXTRA-003"
    assert caught.value.problem.mend.endswith("pip install --upgrade elsewhere")
