import sys

import pytest

from afina.base.errors import MissingExtraError
from afina.base.optional import need


def test_need_imports_what_is_there():
    assert need("json.decoder", extra="train") is sys.modules["json.decoder"]


def test_need_names_the_extra():
    with pytest.raises(MissingExtraError, match=r'pip install "afina\[vision\]"') as caught:
        need("a_package_that_nobody_has.part", extra="vision")
    assert caught.value.code == "E-EXTRA-001"


def test_need_does_not_hide_an_error_inside_an_installed_module(tmp_path, monkeypatch):
    (tmp_path / "half_broken.py").write_text("import something_it_lacks\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="something_it_lacks"):
        need("half_broken", extra="train")
