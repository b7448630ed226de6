"""Write docs/reference.md, every field of a recipe, from the recipe's JSON schema.

Run by `make schema`; a test refuses a page that differs from what this makes. The texts are those beneath the fields.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from afina.base import registry
from afina.recipe import explain

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
"""The page that is made."""

HEADING = """# Reference

Every field of a recipe, made by `make schema` from the texts beneath the fields. `afina recipe explain PATH` prints the
same, and `afina recipe schema` the JSON schema for editors. A choice such as `tuning: full` is short for
`tuning: {kind: full}`; the fields of the chosen kind, and no others, stand beside `kind`.
"""


FAMILIES = ("encoder", "decoder", "vision-transformer", "cnn")
"""Kinds of network, the columns of the matrix."""

MATRIX_HEADING = """## What works on what

A technique that does not fit the kind of network is refused before anything is loaded, with the reason; one that finds
nothing to move on this very network (`bias` on Llama, `prefix` on DistilBERT) once it is. *Begins as the base*: until
the first step the model says what the base says. *Mixes*: a retention such as `wise-ft` can mix base and tuned weights.
*Ships*: the whole model, or an adapter beside the base.
"""


def page() -> str:
    """Return the whole page."""
    whole = explain.explain()
    parts = [HEADING, _table(whole.members, ""), MATRIX_HEADING, _matrix()]
    parts += [_section(path) for path in explain.all_paths() if explain.explain(path).members]
    return "\n".join(parts)


def _matrix() -> str:
    """Return which tuning works on which kind of network, as each says of itself."""
    rows = [f"| `tuning` | {' | '.join(FAMILIES)} | begins as the base | mixes | ships |", "|---|" + "---|" * 7]
    for kind in registry.names("tuning"):
        config = registry.config("tuning", kind)
        if any(field.is_required() for field in config.model_fields.values()):
            rows.append(f"| `{kind}` |" + " tried on the base |" * len(FAMILIES) + " by its method | - | an adapter |")
            continue
        tuning = registry.build("tuning", config())
        marks = ["yes" if family in tuning.supports else "-" for family in FAMILIES]
        begins, mixes = ("yes" if value else "-" for value in (tuning.begins_as_base, tuning.interpolates))
        ships = "an adapter" if tuning.usage else "the model"
        rows.append(f"| `{kind}` | {' | '.join(marks)} | {begins} | {mixes} | {ships} |")
    return "\n".join(rows) + "\n"


def _section(path: str) -> str:
    found = explain.explain(path)
    facts = [
        found.accepts and f"Takes {found.accepts}.",
        "" if _is_bare(found) else f"Default: {_value(found.default)}.",
    ]
    lines = (
        [f"## `{path}`", "", found.text, "", *(" ".join(filter(None, facts)), "")]
        if any(facts)
        else [f"## `{path}`", "", found.text, ""]
    )
    return "\n".join([*lines, _table(found.members, f"{path}.")])


def _table(members: dict[str, str], prefix: str) -> str:
    rows = ["| name | takes | default | what it is |", "|---|---|---|---|"]
    for name, text in members.items():
        found = explain.explain(prefix + name)
        default = "required" if found.is_required else "" if _is_bare(found) else _value(found.default)
        rows.append(f"| `{name}` | {_cell(found.accepts)} | {default} | {_cell(text)} |")
    return "\n".join(rows) + "\n"


def _is_bare(found: explain.Explanation) -> bool:
    """Return whether a default would say nothing: a section's own defaults stand in its own table, a kind has none."""
    return isinstance(found.default, dict) or (found.default is None and (bool(found.members) or not found.accepts))


def _value(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace('"', "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(PAGE.parents[1])}\n")


if __name__ == "__main__":
    main()
