"""Two kinds of field: a choice among techniques by `kind`, and a section with a one-word spelling.

A choice asks the registry for the one technique that was named, which imports that file alone; what is wrong in its
options is reported at its dotted path, together with all other problems of the recipe.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from afina.base import registry
from afina.base.errors import Problem, RecipeError
from afina.base.messages import say
from afina.recipe.section import Section
from afina.recipe.words import AUTO_ALLOWED, DEFAULT_KIND, POINT, SHORT_FIELD

AnySection = TypeVar("AnySection", bound=Section)

SECTION = "x-section"
"""Schema key of a section that may be spelled short: the name of its class."""

REFUSED = "refused"
"""The error type under which a validator hands up a whole `Problem`, in the context key `problem`."""


@lru_cache(maxsize=256)
def technique(point: str, kind: str) -> type[Section]:
    """Return the class of a technique's options; remembered, since a recipe asks for the same few many times.

    Raises:
        RecipeError: If there is no such technique.
    """
    found: type[Section] = registry.config(point, kind)
    return found


@dataclass(frozen=True)
class Choice:
    """Annotation of a field that holds the options of one technique out of those at `point`.

    Accepts `lora` or `{kind: lora, rank: 8}`; hyphen and underscore are the same.

    Args:
        point: The registry's point, for example `tuning`.
        default: Kind that is meant when options come without one, or None when a kind must be given.
        auto: Whether `auto` may stand instead of a technique.
    """

    point: str
    default: str | None = None
    auto: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a validator that defers to the technique's own `Config`."""
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(_dumped)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return a marker; `generate` replaces it by the union of the techniques that exist."""
        return {POINT: self.point, DEFAULT_KIND: self.default, AUTO_ALLOWED: self.auto}

    def read(self, value: Any) -> Section | str:
        """Return the technique's options, validated, or `auto`.

        Raises:
            PydanticCustomError: If the kind is missing, is no text, or does not exist.
            pydantic.ValidationError: If the technique's own options are wrong.
        """
        if self.auto and value == "auto":
            return "auto"
        options: Any = value.model_dump() if isinstance(value, Section) else value
        if not isinstance(options, Mapping):
            options = {"kind": options}
        kind = options.get("kind", self.default)
        if not isinstance(kind, str):
            raise self._refuse_kind("kind" in options)
        try:
            config = technique(self.point, kind)
        except RecipeError as error:
            raise PydanticCustomError(REFUSED, "refused", {"problem": error.problem, "path": ("kind",)}) from error
        return strict(config, {**options, "kind": kind.replace("_", "-")})

    def _refuse_kind(self, given: bool) -> PydanticCustomError:
        known = ", ".join([*(["auto"] if self.auto else []), *registry.names(self.point)])
        what = say("`kind` must be a name.") if given else say("The options come without a `kind`.")
        return PydanticCustomError(
            REFUSED, "refused", {"problem": Problem(what=what, expected=known), "path": ("kind",)}
        )


@dataclass(frozen=True)
class Shorthand:
    """Annotation of a section that may be spelled as the value of one of its fields: `data: rows.csv`.

    Args:
        field: Name of the field that a bare value fills.
    """

    field: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a validator that spells the short form out."""

        def read(value: Any) -> Section:
            if isinstance(value, source):
                return value  # type: ignore[no-any-return]
            section: type[Section] = source
            return strict(section, value if isinstance(value, Mapping) else {self.field: value})

        return core_schema.no_info_plain_validator_function(
            read,
            metadata={SECTION: source.__name__},
            serialization=core_schema.plain_serializer_function_ser_schema(_dumped),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return a marker; `generate` replaces it by the short form or the section."""
        return {SHORT_FIELD: self.field, SECTION: schema["metadata"][SECTION]}


def strict(section: type[AnySection], value: Any) -> AnySection:
    """Validate plain values as strictly as JSON: no text becomes a number, no truth value a number.

    Raises:
        pydantic.ValidationError: If they do not fit.
    """
    return section.model_validate_json(json.dumps(value), strict=True)


def _dumped(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Section) else value
