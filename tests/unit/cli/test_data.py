import json
import subprocess
import sys

import pytest

from afina.cli.main import main


@pytest.fixture
def bad_csv(tmp_path):
    path = tmp_path / "rows.csv"
    rows = ["texto;nota", "muito bom mesmo;5", "muito bom mesmo;5", "CPF 529.982.247-25;1", "a;b;c", ";2"]
    path.write_bytes("\n".join([*rows, *(f"comentário número {n};{n % 5 + 1}" for n in range(60))]).encode("cp1252"))
    return path


def test_check_fits_one_screen_and_ends_with_the_next_command(bad_csv, capsys):
    assert main(["data", "check", str(bad_csv)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert "rows.csv" in lines[0]
    assert "63 rows" in lines[0]
    assert lines[-1].startswith("→ afina data fix")
    assert "--redact br" in lines[-1]
    assert "(exit 3)" in lines[-1]
    assert "529" not in "".join(lines)


def test_check_json_lists_every_row(bad_csv, capsys):
    assert main(["data", "check", str(bad_csv), "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    rows = {finding["code"]: finding["rows"] for finding in document["findings"]}
    assert rows["E-DATA-101"] == [f"{bad_csv}:5"]
    assert rows["E-DATA-121"] == [f"{bad_csv}:6"]
    assert document["splits"]["rows.csv"]["columns"]["text"] == ["texto"]
    assert document["num_errors"] == 2


def test_check_of_clean_rows_exits_zero(make_csv, capsys):
    assert main(["data", "check", str(make_csv(60))]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_check_against_another_file_finds_leaks(make_csv, capsys):
    train, test = make_csv(60, name="train.csv"), make_csv(10, name="test.csv")
    assert main(["data", "check", str(train), "--against", str(test)]) == 3
    assert "E-DATA-208  10 of 10 rows of test.csv are also in train.csv" in capsys.readouterr().out


def test_check_speaks_portuguese(bad_csv, capsys):
    assert main(["data", "check", str(bad_csv), "--lang", "pt"]) == 3
    assert "63 linhas" in capsys.readouterr().out


def test_check_of_a_recipe_checks_its_files_with_its_base(tmp_path, tiny_bert, make_csv, capsys):
    make_csv(60, name="train.csv")
    make_csv(10, seed=7, name="test.csv")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"base: {tiny_bert}\ndata: {{train: train.csv, test: test.csv}}\ntuning: full\n", encoding="utf-8"
    )
    main(["data", "check", str(recipe), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert set(document["splits"]) == {"train", "test"}
    assert document["splits"]["train"]["num_tokens"] > 60


def test_check_names_a_missing_file(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path / "gone.csv")]) == 3
    assert "E-DATA-001" in capsys.readouterr().err


def test_fix_writes_a_copy_and_refuses_to_replace_it_unasked(bad_csv, capsys):
    assert main(["data", "fix", str(bad_csv), "--dedup", "exact", "--redact", "br"]) == 0
    copy = bad_csv.with_name("rows-clean.csv")
    assert "[CPF]" in copy.read_text("utf-8")
    assert "62 of 65 rows" in capsys.readouterr().out
    assert main(["data", "fix", str(bad_csv)]) == 3
    assert main(["data", "fix", str(bad_csv), "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_written"] == 63


@pytest.mark.parametrize("options", [["--dedup", "all"], ["--redact", "us"]])
def test_fix_refuses_options_it_does_not_know(bad_csv, options, capsys):
    assert main(["data", "fix", str(bad_csv), *options]) == 2
    assert "E-USAGE-002" in capsys.readouterr().err


def test_preview_shows_rows_with_tokens(make_csv, tiny_bert, capsys):
    assert main(["data", "preview", str(make_csv(5)), "-n", "2", "--base", str(tiny_bert)]) == 0
    assert capsys.readouterr().out.count("[CLS]") == 2


def test_check_without_base_loads_nothing_heavy(make_csv):
    program = (
        "import sys; from afina.cli.main import main; code = main(sys.argv[1:]);"
        "print({'torch', 'transformers', 'pyarrow', 'sklearn', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "data", "check", str(make_csv(60))], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
