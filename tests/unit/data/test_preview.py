from afina.data.contract import Columns, Row
from afina.data.preview import preview
from afina.data.refusals import refuse


def test_preview_shows_roles_and_tokens():
    rows = [Row(number, "f", number + 2, {"a": "x y", "b": "z", "l": "pos", "g": 7, "extra": 1}) for number in range(9)]
    columns = Columns(text=("a", "b"), label=("l",), group="g")
    shown = preview([refuse("E-DATA-121", "f:1"), *rows], columns, 2, lambda texts: " | ".join(texts).split())
    assert len(shown) == 2
    assert shown[0].text == ("x y", "z")
    assert shown[0].label == ("pos",)
    assert shown[0].group == "7"
    assert shown[0].other == {"extra": "1"}
    assert shown[0].tokens == ("x", "y", "|", "z")
    assert preview(rows, columns, 0) == []
    assert preview(rows, columns, 1)[0].as_dict()["tokens"] is None
