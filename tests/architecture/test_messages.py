"""Every sentence exists in both languages, with the same placeholders; the compiled catalogue is the current one."""

import importlib.util

import pytest


@pytest.fixture(scope="module")
def tool(root):
    spec = importlib.util.spec_from_file_location("afina_messages_tool", root / "tools" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_sentence_is_translated_with_its_placeholders(tool):
    found = [line for language in tool.languages() for line in tool.problems(language)]
    assert not found, "\n" + "\n".join(found)


def test_compiled_catalogues_are_current(tool):
    assert not [language for language in tool.languages() if tool.is_stale(language)]


def test_the_tool_sees_each_kind_of_problem(tool, tmp_path, monkeypatch):
    source = tmp_path / "src" / "afina"
    catalogue = source / "base" / "locale" / "pt_BR"
    catalogue.mkdir(parents=True)
    (source / "speaking.py").write_text(
        'say("known {name}", name=1)\nsay(text)\nsay("unknown")\nsay("other {name}", nam=1)\nsay("joined " "text")\n',
        encoding="utf-8",
    )
    (catalogue / "one.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "known {name}"\nmsgstr "conhecido {nome}"\n\nmsgid "gone"\nmsgstr "ido"\n\n'
        'msgid "other {name}"\nmsgstr "outro {name}"\n\nmsgid "joined text"\nmsgstr ""\n',
        encoding="utf-8",
    )
    for name, path in (("ROOT", tmp_path), ("SOURCE", source), ("LOCALE", source / "base" / "locale")):
        monkeypatch.setattr(tool, name, path)
    found = "\n".join(tool.problems("pt_BR"))
    for part in (
        "speaking.py:2: what is said is not a literal",
        "speaking.py:3: not translated into pt_BR: 'unknown'",
        "speaking.py:4: the values do not match",
        "speaking.py:5: not translated into pt_BR: 'joined text'",
        "one.po:4: the placeholders differ",
        "one.po:7: nobody says this any more: 'gone'",
    ):
        assert part in found
    assert len(found.splitlines()) == 6
