"""What people call their columns, in English and Portuguese, most telling names first."""

from __future__ import annotations

import re
import unicodedata

_TEXT = """
text texto sentence frase review resenha comment comentario mensagem message utterance tweet content conteudo
body corpo description descricao document documento question pergunta query consulta opiniao opinion relato
reclamacao complaint feedback observacao phrase post abstract resumo ementa input entrada prompt avaliacao
title titulo subject assunto
"""
_LABEL = """
label labels rotulo rotulos etiqueta target alvo class classe category categoria intent intencao sentiment
sentimento polarity polaridade rating nota score stars star estrelas estrela gold grade emotion emocao topic
topico tag tags quality entailment duplicate spam toxic toxico priority prioridade tipo type setor
departamento department avaliacao y
"""
_OWNERS = """
user usuario customer cliente client author autor session sessao conversation conversa thread ticket patient
paciente speaker person pessoa subject document documento doc product produto
"""

TEXT = tuple(_TEXT.split())
"""Names of columns that a model reads."""

LABEL = tuple(_LABEL.split())
"""Names of columns that hold the target."""

GROUP = ("group", "grupo", "groupid", "idgrupo")
"""Names of columns whose rows stay together, taken at their word."""

GROUP_OWNERS = frozenset(_OWNERS.split())
"""Whose identifier groups rows when it repeats: `user_id`, `id_cliente`."""

PAIRS = (
    ("sentence1", "sentence2"),
    ("text1", "text2"),
    ("texta", "textb"),
    ("question1", "question2"),
    ("frase1", "frase2"),
    ("texto1", "texto2"),
    ("pergunta1", "pergunta2"),
    ("1string", "2string"),
    ("sentencea", "sentenceb"),
    ("premise", "hypothesis"),
    ("premissa", "hipotese"),
    ("question", "answer"),
    ("pergunta", "resposta"),
    ("question", "sentence"),
    ("question", "passage"),
    ("query", "document"),
    ("query", "passage"),
    ("subject", "body"),
    ("assunto", "mensagem"),
)
"""Names of columns that are read together as a pair."""

_WORD = re.compile(r"[^\W_]+")


def plain(name: str) -> str:
    """Return a name as it is compared: lower case, without accents, spaces and punctuation."""
    return "".join(words(name))


def words(name: str) -> list[str]:
    """Return the words of a name: `Comment_Text` -> comment, text."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    bare = "".join(char for char in unicodedata.normalize("NFKD", spaced) if not unicodedata.combining(char))
    return [word.lower() for word in _WORD.findall(bare)]


def rank(name: str, vocabulary: tuple[str, ...]) -> int | None:
    """Return how telling `name` is for a role, 0 best: a whole name before a word of one; None when it says nothing."""
    if plain(name) in vocabulary:
        return vocabulary.index(plain(name))
    places = [vocabulary.index(word) for word in words(name) if word in vocabulary]
    return len(vocabulary) + min(places) if places else None


def is_identifier(name: str) -> bool:
    """Return whether a name says that its column numbers the rows or refers to something: `id`, `#1 ID`, `user_id`."""
    return any(word in {"id", "ids", "idx", "index", "indice", "uuid", "codigo"} for word in words(name))


def is_known_name(cell: str) -> bool:
    """Return whether a cell is a usual column name as a whole."""
    name = plain(cell)
    pairs = {half for pair in PAIRS for half in pair}
    return 1 < len(name) <= 40 and name in {*TEXT, *LABEL, *GROUP, *pairs, "id", "idx"}
