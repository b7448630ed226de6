"""The base class of every recipe section and of every technique's options."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen group of fields; an unknown key is an error, and a field's text is the string literal beneath it.

    A technique's `Config` derives from it and adds `kind: Literal["its-name"] = "its-name"`.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )
