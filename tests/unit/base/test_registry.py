import subprocess
import sys

import pytest

from afina.base import registry
from afina.base.errors import RecipeError

PLUGIN = '''
"""A technique from elsewhere."""
class Config:
    kind = "from-elsewhere"
def build(config, **ingredients):
    return ("built", config.kind, ingredients)
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A package that offers a tuning through an entry point, as an installed one would."""
    (tmp_path / "elsewhere.py").write_text(PLUGIN, encoding="utf-8")
    folder = tmp_path / "elsewhere-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text("[afina.tuning]\nfrom-elsewhere = elsewhere\n", encoding="utf-8")
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
