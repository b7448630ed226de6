import pytest

from afina.base import messages
from afina.base.messages import language, say, set_language


@pytest.mark.parametrize(
    ("name", "expected"),
    [("pt", "pt"), ("pt_BR.UTF-8", "pt"), ("PT-br", "pt"), ("en", "en"), ("fr", "en"), ("C", "en")],
)
def test_language_is_one_that_exists(name, expected, monkeypatch):
    monkeypatch.setenv("AFINA_LANG", name)
    assert language() == expected
    set_language(name)
    assert language() == expected


def test_set_language_wins_and_none_returns_to_the_environment(monkeypatch):
    monkeypatch.setenv("AFINA_LANG", "en")
    set_language("pt")
    assert language() == "pt"
    set_language(None)
    assert language() == "en"


def test_say_translates_and_fills_placeholders():
    set_language("pt")
    assert say("{usable} usable of {all}", usable=2, all=8) == "2 utilizáveis de 8"
    set_language("en")
    assert say("{usable} usable of {all}", usable=2, all=8) == "2 usable of 8"


def test_say_without_a_translation_stays_in_english():
    set_language("pt")
    assert say("a sentence that " + "nobody translated") == "a sentence that nobody translated"


def test_every_language_has_its_catalogue():
    assert [messages._catalogue(name) is not None for name in messages.LANGUAGES] == [True, True]
