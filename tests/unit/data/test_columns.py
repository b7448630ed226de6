import pytest

from afina.base.errors import DataError
from afina.data.columns import infer


def _rows(num_rows=20, **columns):
    return [{name: make(number) for name, make in columns.items()} for number in range(num_rows)]


def _sentence(number):
    return f"a sentence with the number {number}"


def _class(number):
    return "yes" if number % 2 else "no"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("text", "label"),
        ("Comentário", "Nota"),
        ("mensagem", "intenção"),
        ("comment_text", "category"),
        ("frase", "rótulo"),
    ],
)
def test_infer_by_names_in_two_languages(text, label):
    columns = infer(_rows(**{"id": str, text: _sentence, label: _class}), where="f")
    assert columns.text == (text,)
    assert columns.label == (label,)
    assert set(columns.reasons) == {"text", "label"}


@pytest.mark.parametrize(
    "pair", [("sentence1", "sentence2"), ("#1 String", "#2 String"), ("question", "answer"), ("pergunta1", "pergunta2")]
)
def test_infer_pairs(pair):
    columns = infer(_rows(**{"Quality": _class, pair[0]: _sentence, pair[1]: _sentence}), where="f")
    assert columns.text == pair
    assert columns.label == ("Quality",)


def test_infer_by_contents_when_names_say_nothing():
    columns = infer(_rows(colA=_class, colB=_sentence), where="f")
    assert (columns.text, columns.label) == (("colB",), ("colA",))


def test_infer_decides_an_ambiguous_name_by_contents():
    rated = infer(_rows(comentario=_sentence, avaliacao=lambda n: str(n % 5)), where="f")
    written = infer(_rows(avaliacao=_sentence, estrelas=lambda n: str(n % 5)), where="f")
    assert (rated.text, rated.label) == (("comentario",), ("avaliacao",))
    assert (written.text, written.label) == (("avaliacao",), ("estrelas",))


def test_infer_takes_a_plain_name_at_its_word_however_short_the_texts():
    columns = infer([{"text": "muito bom", "nota": "4.5"}, {"text": "ruim", "nota": "1.0"}], where="f")
    assert (columns.text, columns.label) == (("text",), ("nota",))


def test_infer_does_not_take_a_status_for_a_text():
    assert infer(_rows(document_status=_class, colB=_sentence), where="f").text == ("colB",)


def test_infer_one_column_of_zeros_and_ones_per_class():
    rows = _rows(comment_text=_sentence, rude=lambda n: str(n % 2), loud=lambda n: str(n % 3 // 2))
    assert infer(rows, where="f").label == ("rude", "loud")


def test_infer_group_only_when_its_values_repeat():
    repeats = _rows(text=_sentence, label=_class, cliente_id=lambda n: str(n // 4))
    unique = _rows(text=_sentence, label=_class, cliente_id=str)
    assert infer(repeats, where="f").group == "cliente_id"
    assert infer(unique, where="f").group is None


def test_infer_obeys_what_is_named():
    columns = infer(
        _rows(text=_sentence, other=_sentence, label=_class, b=_class), where="f", text="other", label=["b"]
    )
    assert (columns.text, columns.label) == (("other",), ("b",))
    assert not columns.reasons


def test_infer_names_the_nearest_for_a_column_that_does_not_exist():
    with pytest.raises(DataError) as caught:
        infer(_rows(texto=_sentence, rotulo=_class), where="rows.csv", text="text")
    assert caught.value.code == "E-DATA-011"
    assert "texto" in caught.value.problem.mend
    assert "rotulo" in caught.value.problem.expected


def test_infer_lists_the_columns_when_it_cannot_tell():
    with pytest.raises(DataError, match=r"first.*second") as caught:
        infer(_rows(first=_sentence, second=_sentence), where="rows.csv")
    assert caught.value.code == "E-DATA-012"
    with pytest.raises(DataError, match=r"channel.*status") as caught:
        infer(_rows(text=_sentence, channel=_class, status=_class), where="rows.csv")
    assert caught.value.code == "E-DATA-013"


def test_infer_without_label():
    assert infer(_rows(text=_sentence), where="f").label == ()
    with pytest.raises(DataError):
        infer(_rows(text=_sentence), where="f", needs_label=True)
