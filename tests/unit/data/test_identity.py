from afina.data.identity import joined, normalised, number, spelled, split


def test_normalised_ignores_case_width_and_space():
    assert normalised("  Olá\n MUNDO ｆｕｌｌ ") == "olá mundo full"


def test_spelled_ignores_punctuation_but_not_accents():
    assert spelled("Top-up, please!") == spelled("top up please")
    assert spelled("esta") != spelled("está")


def test_spelled_keeps_texts_of_signs_apart():
    assert spelled("👍") != spelled("👎")


def test_joined_keeps_columns_apart():
    one = joined({"a": "x y", "b": "z"}, ("a", "b"))
    other = joined({"a": "x", "b": "y z"}, ("a", "b"))
    assert spelled(one) != spelled(other)
    assert split(one, 2) == ("x y", "z")


def test_number_is_the_same_everywhere():
    assert number("abc") == 6455300059550759896
    assert number("abc") != number("abd")
    assert 0 <= number("abc") < 2**64
