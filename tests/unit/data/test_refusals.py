from afina.base import messages
from afina.data.refusals import code_of, file_of, line_of, ranges, refuse, summarise


def test_refuse_keeps_its_code_in_either_language():
    for language in ("en", "pt"):
        messages.set_language(language)
        assert code_of(refuse("E-DATA-121", "rows.csv:7")) == "E-DATA-121"


def test_line_of_reads_line_with_and_without_column():
    assert line_of(refuse("E-DATA-111", "a:b/rows.jsonl:12:40")) == 12
    assert line_of(refuse("E-DATA-101", "a:b/rows.jsonl:12")) == 12
    assert file_of(refuse("E-DATA-101", "rows.jsonl:12:3")) == "rows.jsonl"


def test_ranges_names_every_line():
    assert ranges([9, 3, 7, 10, 11, 3]) == "3, 7, 9-11"


def test_summarise_lists_all_lines_of_a_reason_once():
    problems = [refuse("E-DATA-101", f"rows.csv:{line}") for line in (4, 5, 6, 20)] + [
        refuse("E-DATA-121", "rows.csv:9")
    ]
    summary = summarise(problems)
    assert [problem.where for problem in summary] == ["rows.csv:4-6, 20", "rows.csv:9"]
    assert summary[0].what.startswith("E-DATA-101 ")
