"""Personal data in text: where it is, of which kind, never what it says.

E-mail, telephone (Brazilian and international), CPF, CNPJ (numeric, and alphanumeric as issued since July 2026), CEP
and payment cards. What has check digits counts only when they are right (`validate-docbr` for CPF and CNPJ, Luhn for
cards).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from validate_docbr import CNPJ, CPF

KINDS = ("email", "cpf", "cnpj", "card", "phone", "cep")
"""Kinds that are looked for, in the order in which a place is given to one of them."""

SETS = {"br": KINDS, "international": ("email", "card", "phone")}
"""Kinds by the name that `--redact` takes."""

_STAND_INS = {
    "email": "[EMAIL]",
    "cpf": "[CPF]",
    "cnpj": "[CNPJ]",
    "card": "[CARD]",
    "phone": "[PHONE]",
    "cep": "[CEP]",
}
# Area codes that exist in Brazil.
_AREAS = frozenset(
    str(code)
    for code in (
        *range(11, 20), 21, 22, 24, 27, 28, *range(31, 36), 37, 38, *range(41, 50), 51, 53, 54, 55, *range(61, 70),
        71, 73, 74, 75, 77, 79, *range(81, 90), *range(91, 100),
    )
)  # fmt: skip
# Lengths of card numbers by first digit: American Express and Diners, Visa, Mastercard, Discover and Elo.
_CARD_LENGTHS = {"3": (14, 15), "4": (13, 16, 19), "5": (16,), "2": (16,), "6": (16, 19)}
_cpf, _cnpj = CPF(), CNPJ()


@dataclass(frozen=True, slots=True)
class Place:
    """Personal data somewhere in a text.

    Attributes:
        kind: One of `KINDS`.
        start: Index of its first character.
        end: Index after its last character.
        hint: What may be shown of it: its last two characters.
    """

    kind: str
    start: int
    end: int
    hint: str


def find(text: str, kinds: tuple[str, ...] = KINDS) -> list[Place]:
    """Return the personal data in `text` in order of place; no character belongs to two."""
    # Most texts hold nothing that could be any of them, and are left at once.
    if not ("@" in text or ("/" in text and "-" in text) or _MANY_DIGITS.search(text)):
        return []
    places: list[Place] = []
    for kind in KINDS:
        if kind in kinds:
            for start, end in _FINDERS[kind](text):
                if all(end <= other.start or start >= other.end for other in places):
                    places.append(Place(kind, start, end, f"…{text[end - 2 : end]}"))
    return sorted(places, key=lambda place: place.start)


def redact(text: str, kinds: tuple[str, ...] = KINDS) -> tuple[str, list[str]]:
    """Return `text` with personal data replaced by its kind, such as `[CPF]`, and the kinds replaced, in order."""
    places = find(text, kinds)
    for place in reversed(places):
        text = text[: place.start] + _STAND_INS[place.kind] + text[place.end :]
    return text, [place.kind for place in places]


_MANY_DIGITS = re.compile(r"\d(?:[^\w\n]{0,2}\d){6}|[Cc][Nn][Pp][Jj]")

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}\.[A-Za-z]{2,24}\b")
_CPF = re.compile(r"(?<![\w.,-])\d{3}\.?\d{3}\.?\d{3}[-–/ ]?\d{2}(?![\w-]|[.,]\d)")
_CNPJ = re.compile(
    r"(?<![\w.,-])(?:[0-9A-Za-z]{2}\.[0-9A-Za-z]{3}\.[0-9A-Za-z]{3}/[0-9A-Za-z]{4}-\d{2}|\d{14}|\d{8}/\d{4}-\d{2})(?![\w-])"
)
_NAMED_CNPJ = re.compile(r"(?i:cnpj)\W{0,5}(?:n[ºo°.]*\s*)?([0-9A-Za-z]{12}\d{2})(?!\w)")
_CARD = re.compile(r"(?<![\w.,-])(?:\d[ -]?){12,18}\d(?![\w-]|[.,]\d)")
_CEP = re.compile(r"(?<![\w.,-])(?:\d{5}|\d{2}\.\d{3})-\d{3}(?![\w-])|(?<=[Cc][Ee][Pp])\W{1,3}\d{8}(?!\d)")
_PHONE_BR = re.compile(
    r"(?<![\w.,/-])(?:\+?55[\s.-]?)?(?:\((0?\d{2})\)|(0?\d{2}))[\s.-]{0,2}(9[\s.]?\d{4}|[2-5]\d{3})([\s.-]?)\d{4}(?![\w-]|[.,]\d)"
)
_PHONE_WORLD = re.compile(r"(?<![\w+])\+\d{1,3}(?:[\s.-]?\(?\d{1,4}\)?){2,6}(?!\w)")
_PHONE_US = re.compile(r"(?<![\w.,-])(?:1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-.])\d{3}[-.]\d{4}(?![\w-])")


def _emails(text: str) -> Iterator[tuple[int, int]]:
    for found in _EMAIL.finditer(text) if "@" in text else ():
        yield found.span()


def _cpfs(text: str) -> Iterator[tuple[int, int]]:
    for found in _CPF.finditer(text):
        if _cpf.validate(_digits(found.group())):
            yield found.span()


def _cnpjs(text: str) -> Iterator[tuple[int, int]]:
    for found in _CNPJ.finditer(text):
        if _cnpj.validate(re.sub(r"\W", "", found.group())):
            yield found.span()
    for found in _NAMED_CNPJ.finditer(text):
        if _cnpj.validate(found.group(1)):
            yield found.span(1)


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for found in _CARD.finditer(text):
        digits = _digits(found.group())
        if len(digits) in _CARD_LENGTHS.get(digits[0], ()) and len(set(digits)) > 1 and _luhn(digits):
            yield found.span()


def _ceps(text: str) -> Iterator[tuple[int, int]]:
    for found in _CEP.finditer(text):
        digits = _digits(found.group())
        if digits >= "01000000":
            yield found.end() - len(found.group().lstrip(" :.-")), found.end()


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for found in _PHONE_BR.finditer(text):
        written = found.group(1) is not None or found.group(4) or found.group().startswith("+")
        mobile = found.group(3).startswith("9")
        if (found.group(1) or found.group(2)).lstrip("0") in _AREAS and (written or mobile):
            yield found.span()
    for found in _PHONE_WORLD.finditer(text):
        if 8 <= len(_digits(found.group())) <= 15:
            yield found.span()
    for found in _PHONE_US.finditer(text):
        yield found.span()


_FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "email": _emails,
    "cpf": _cpfs,
    "cnpj": _cnpjs,
    "card": _cards,
    "phone": _phones,
    "cep": _ceps,
}


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdecimal() and char.isascii())


def _luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
