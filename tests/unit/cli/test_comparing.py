"""What `afina compare` prints."""

import json
from pathlib import Path

from afina.cli import comparing, output
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.watching import Moment, Task
from tests.unit.reporting.comparisons import results


def test_the_table_has_every_judged_entry_and_every_cost():
    heads, rows = comparing.table(results(), is_narrow=False)
    assert heads == ["entry", "accuracy", "against the best", "forgot", "time", "memory", "moves", "ships", ""]
    assert rows[0][:3] == ["lora (rank 8)", "91.0% (89.0 to 93.0)", "-"]
    assert rows[0][-1] == "not told apart from the best, on the front"
    assert rows[2][2] == "-7.0"
    assert len(rows) == 3
    assert all(len(row) == len(heads) for row in rows)


def test_a_narrow_screen_gets_fewer_columns():
    heads, rows = comparing.table(results(), is_narrow=True)
    assert "moves" not in heads
    assert all(len(row) == len(heads) for row in rows)


def test_results_end_with_the_verdict_the_table_and_the_failures(capsys):
    comparing.show(Comparison(Path("one")), results())
    said = capsys.readouterr()
    assert said.out.startswith("Verdict\n  No difference between")
    assert "qlora: no result. The Python package bitsandbytes is not installed." in said.out
    assert "one/compare.html" in said.out


def test_json_is_one_document(capsys, monkeypatch):
    monkeypatch.setattr(output.settings, "json", True)
    monkeypatch.setattr(output.settings, "has_document", False)
    comparing.show(Comparison(Path("one")), results())
    assert json.loads(capsys.readouterr().out)["path"] == "one"
    output.reset()


def test_telling_says_which_run_and_how_long(capsys, monkeypatch):
    moment = Moment(Task(3, 8, "head, seed 43"), 10, 40, 65.0)
    with comparing.Telling() as told:
        told.begins(moment)
        told.moves(moment)
        monkeypatch.setattr(comparing, "LINE_EVERY_S", 0.0)
        told.moves(moment)
        told.warning("mind this")
    assert capsys.readouterr().err.splitlines() == [
        "[3/8] head, seed 43; about 1 min 5 s until all is done",
        "  step 10/40; about 1 min 5 s until all is done",
        "mind this",
    ]
