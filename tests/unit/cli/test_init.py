"""`afina init`."""

import json

import pytest

from afina.cli.main import main


@pytest.mark.parametrize(("name", "rows"), [("support", "messages.csv"), ("reviews", "avaliacoes.csv")])
def test_init_writes_a_project_that_validates(name, rows, tmp_path, capsys):
    folder = tmp_path / "my-project"
    assert main(["init", str(folder), "--recipe", name]) == 0
    out = capsys.readouterr().out
    assert f"afina data check {rows}" in out
    assert (folder / rows).is_file()
    assert main(["recipe", "validate", str(folder / "recipe.yaml")]) == 0


def test_init_writes_comments_in_the_language_asked_for(tmp_path):
    main(["init", str(tmp_path / "en")])
    main(["init", str(tmp_path / "pt"), "--lang", "pt"])
    assert "A recipe says" in (tmp_path / "en" / "recipe.yaml").read_text(encoding="utf-8")
    assert "Uma receita diz" in (tmp_path / "pt" / "recipe.yaml").read_text(encoding="utf-8")


def test_init_never_writes_over_files(tmp_path, capsys):
    (tmp_path / "messages.csv").write_text("mine", encoding="utf-8")
    assert main(["init", str(tmp_path)]) == 2
    assert "messages.csv" in capsys.readouterr().err
    assert (tmp_path / "messages.csv").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "recipe.yaml").exists()


def test_init_refuses_a_file_as_folder_and_an_unknown_starter(tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["init", str(tmp_path / "file")]) == 2
    assert main(["init", str(tmp_path / "new"), "--recipe", "suportx"]) == 2
    assert "--recipe support" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_init_prints_one_document_under_json(tmp_path, capsys):
    assert main(["--json", "init", str(tmp_path / "a")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "recipe.yaml" in document["files"]
    assert document["next"][-1] == "afina train recipe.yaml"
