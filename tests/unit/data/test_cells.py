from afina.data.cells import MAX_ROW_LINES, split_rows
from afina.data.lines import Line


def _rows(text, delimiter=",", quoted=True, skip_space=False):
    lines = [Line(number, line) for number, line in enumerate(text.splitlines(keepends=True), start=1)]
    return [
        (row.line, row.cells or row.code) for row in split_rows(lines, delimiter, quoted=quoted, skip_space=skip_space)
    ]


def test_split_rows_keeps_line_breaks_inside_quotes_and_counts_lines():
    assert _rows('a,b\n"one\ntwo",x\nc,d\n') == [(1, ["a", "b"]), (2, ["one\ntwo", "x"]), (4, ["c", "d"])]


def test_split_rows_reads_doubled_quotes():
    assert _rows('"say ""hi""",1\n') == [(1, ['say "hi"', "1"])]


def test_split_rows_takes_quotes_literally_when_not_quoted():
    assert _rows('"a\tb"\n', "\t", quoted=False) == [(1, ['"a', 'b"'])]


def test_split_rows_recovers_on_the_line_after_a_quote_that_never_closes():
    assert _rows('a,b\n"open,1\nc,d\ne,f\n') == [(1, ["a", "b"]), (2, "E-DATA-102"), (3, ["c", "d"]), (4, ["e", "f"])]


def test_split_rows_recovers_after_text_behind_a_closing_quote():
    assert _rows('"a"b,1\nc,d\n') == [(1, "E-DATA-103"), (2, ["c", "d"])]


def test_split_rows_does_not_swallow_a_file_after_an_open_quote():
    text = '"open,1\n' + "a,b\n" * (MAX_ROW_LINES * 2)
    assert len(_rows(text)) == MAX_ROW_LINES * 2 + 1


def test_split_rows_leaves_blank_rows_out():
    assert _rows('a,b\n\n,\n"",""\nc,d\n') == [(1, ["a", "b"]), (5, ["c", "d"])]


def test_split_rows_skips_space_after_the_delimiter():
    assert _rows('"a", "b"\nc, d\n', skip_space=True) == [(1, ["a", "b"]), (2, ["c", "d"])]


def test_split_rows_hands_on_what_a_line_already_carries():
    rows = list(split_rows([Line(1, "a,b\n"), Line(2, "", "E-DATA-104", 5)], ",", quoted=True))
    assert (rows[1].line, rows[1].code, rows[1].column) == (2, "E-DATA-104", 5)
