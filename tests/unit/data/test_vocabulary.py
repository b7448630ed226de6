from afina.data.vocabulary import LABEL, TEXT, is_identifier, is_known_name, plain, rank, words


def test_plain_ignores_case_accents_and_punctuation():
    assert plain("Avaliação do Cliente") == "avaliacaodocliente"
    assert words("commentText") == ["comment", "text"]


def test_rank_puts_whole_names_before_words_of_one():
    assert rank("text", TEXT) == 0
    assert rank("Rótulo", LABEL) < rank("label_fino", LABEL)
    assert rank("preço", LABEL) is None


def test_is_identifier():
    assert is_identifier("user_id")
    assert is_identifier("#1 ID")
    assert not is_identifier("idea")


def test_is_known_name_wants_the_whole_cell():
    assert is_known_name("Intenção")
    assert not is_known_name("a text about something")
    assert not is_known_name("y")
