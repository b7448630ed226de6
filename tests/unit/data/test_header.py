import pytest

from afina.data.header import decimal_comma_columns, has_header, name_columns, trim_names, with_decimal_point


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["text", "label"], ["a", "b"]], True),
        ([["Comentário", "Nota"], ["bom", "5"]], True),
        ([["a stirring , funny film", "1"], ["dull", "0"]], False),
        ([["great movie", "pos"], ["bad movie", "neg"], ["fine", "pos"]], False),
        ([["alpha", "beta"], ["x", "y"]], True),
        ([["One long review that stands alone on its line"], ["Another one"]], False),
        ([["text"], ["something"]], True),
        ([], False),
    ],
)
def test_has_header(rows, expected):
    assert has_header(rows) is expected


def test_trim_names_trims_fills_and_numbers():
    names, changes = trim_names([" text ", "", "label", "label", "\ufeffid"])
    assert names == ["text", "column_2", "label", "label_2", "id"]
    assert changes == ["2 -> column_2", "label -> label_2"]


def test_trim_names_never_makes_a_name_twice():
    names, _ = trim_names(["a", "a", "a_2"])
    assert len(set(names)) == 3


def test_name_columns_tells_text_from_label_by_contents():
    rows = [[f"a rather long sentence number {number}", "yes" if number % 2 else "no"] for number in range(10)]
    assert name_columns(rows) == ["text", "label"]
    assert name_columns([row[::-1] for row in rows]) == ["label", "text"]
    assert name_columns([["only"]]) == ["text"]
    assert name_columns([["a", "b", "c"]]) == ["column_1", "column_2", "column_3"]


def test_decimal_comma_columns_beside_a_semicolon():
    rows = [["1.234,50", "3,5", "a, b", "10"], ["2", "4,0", "c", "20"]]
    assert decimal_comma_columns(rows, ";") == [0, 1]


def test_decimal_comma_columns_takes_english_thousands_for_what_they_are():
    assert decimal_comma_columns([["1,234"], ["5,678"]], ",") == []
    assert decimal_comma_columns([["1,23"], ["5,678"]], ",") == [0]


def test_with_decimal_point_changes_numbers_only():
    assert with_decimal_point("1.234,5") == "1234.5"
    assert with_decimal_point(" 3,5 ") == "3.5"
    assert with_decimal_point("bom, barato") == "bom, barato"
