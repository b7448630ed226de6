import pytest

from afina.data.cells import NO_DELIMITER
from afina.data.dialect import Dialect, excel_separator, judge, sample
from afina.data.lines import Line


def _judge(text, **given):
    return judge([Line(number, line) for number, line in enumerate(text.splitlines(keepends=True), start=1)], **given)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("text,label\na b,1\nc d,2\n", ","),
        ("texto;nota\nbom, barato, leve;4,5\nruim;1,0\n", ";"),
        ("text\tlabel\nyes, well; no\t1\n", "\t"),
        ("text|label\na, b|1\nc|0\n", "|"),
        ("It is, all in all, good.\nBad.\nWell, no.\n", NO_DELIMITER),
        ("text,label\nno, quotes, at, all,1\nnone, here, either, no,0\nx, y, z, a, b, c,1\n", ","),
        ("text\none\ntwo\n", NO_DELIMITER),
    ],
)
def test_judge_finds_the_delimiter(text, delimiter):
    assert _judge(text).delimiter == delimiter


def test_judge_takes_quotes_of_a_tab_file_literally_when_some_do_not_close():
    assert not _judge('text\tlabel\n"Good," he said\t1\n"Bad"\t0\n').quoted


def test_judge_reads_quotes_of_a_tab_file_that_wrap_cells():
    assert _judge('text\tlabel\n"Good"\t1\n"Bad"\t0\n').quoted


def test_judge_sees_line_breaks_inside_quotes():
    assert _judge('text,label\n"a\nb, c",1\n"d\ne",0\n') == Dialect(",", quoted=True)


def test_judge_sees_spaces_after_delimiters():
    assert _judge('"text", "label"\n"a, b", "1"\n').skip_space


def test_judge_obeys_what_is_given():
    assert _judge("a;b,c\n", delimiter=",", quoted=False) == Dialect(",", quoted=False)


@pytest.mark.parametrize(
    ("line", "separator"), [("sep=;\r\n", ";"), ("SEP=|\n", "|"), ("sep=\n", ""), ("step=;\n", "")]
)
def test_excel_separator_reads_the_declaration(line, separator):
    assert excel_separator(line) == separator


def test_sample_is_bounded_and_leaves_broken_lines_out():
    lines = (Line(number, "x" * 1000) if number % 2 else Line(number, "", "E-DATA-104") for number in range(10**9))
    taken = sample(lines)
    assert 0 < len(taken) <= 1000
    assert all(line.text for line in taken)
