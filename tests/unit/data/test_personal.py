import pytest

from afina.data.personal import KINDS, SETS, find, redact


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CPF 529.982.247-25.", "cpf"),
        ("cpf:52998224725", "cpf"),
        ("CNPJ 11.222.333/0001-81", "cnpj"),
        ("11222333000181", "cnpj"),
        ("CNPJ 12.ABC.345/01DE-35", "cnpj"),
        ("cnpj nº 12abc34501de35", "cnpj"),
        ("CEP 01310-100", "cep"),
        ("cep: 01310100", "cep"),
        ("escreva para fulano.tal+x@exemplo.com.br, por favor", "email"),
        ("(11) 98765-4321", "phone"),
        ("+55 21 3456-7890", "phone"),
        ("fone 11987654321", "phone"),
        ("call +44 20 7946 0958 now", "phone"),
        ("or (555) 123-4567", "phone"),
        ("card 4111 1111 1111 1111", "card"),
        ("card 378282246310005", "card"),
    ],
)
def test_find_each_kind(text, kind):
    assert [place.kind for place in find(text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "529.982.247-26",
        "11.222.333/0001-82",
        "12.ABC.345/01DE-36",
        "4111 1111 1111 1112",
        "111.111.111-11",
        "R$ 1.234.567,89 em 2024-01-02 10:11:12",
        "order 12345678901 of 3/4",
        "(20) 3456-7890",
        "version 10.0.19045.3448",
        "foo@bar",
        "no digits at all",
    ],
)
def test_find_leaves_other_numbers_alone(text):
    assert find(text) == []


def test_find_never_shows_more_than_two_characters():
    assert [place.hint for place in find("CPF 529.982.247-25")] == ["…25"]


def test_redact_replaces_by_kind_and_keeps_the_rest():
    text, kinds = redact("Sou 529.982.247-25, ligue (11) 98765-4321 ou a@b.com!")
    assert text == "Sou [CPF], ligue [PHONE] ou [EMAIL]!"
    assert kinds == ["cpf", "phone", "email"]


def test_redact_of_chosen_kinds_only():
    assert redact("529.982.247-25 a@b.com", SETS["international"])[0] == "529.982.247-25 [EMAIL]"
    assert SETS["br"] == KINDS


def test_redact_leaves_nothing_to_find():
    text = "a@b.com 11.222.333/0001-81 01310-100 4111111111111111 +5511987654321"
    assert find(redact(text)[0]) == []
