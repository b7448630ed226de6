"""`afina recipe`: explain a field, print the JSON schema, validate a recipe."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afina.base.messages import say
from afina.cli import output

if TYPE_CHECKING:
    from afina.recipe.explain import Explanation

app = typer.Typer(help=say("What a recipe may say, and whether yours is right."), no_args_is_help=True)


@app.command(help=say("Say what a field means and which values it takes."))
def explain(
    path: Annotated[
        str, typer.Argument(help=say("Dotted path, such as tuning.full.layer_decay; none lists the sections."))
    ] = "",
) -> None:
    """Say what a field means and which values it takes."""
    from afina.recipe.explain import explain as look_up

    explanation = look_up(path)
    if output.settings.json:
        output.print_json(asdict(explanation))
    else:
        _show(explanation)


@app.command(help=say("Print the JSON schema of a recipe, for editors."))
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    from afina.recipe.explain import schema as packaged

    output.print_json(packaged())


@app.command(help=say("Check a recipe and report all of its problems."))
def validate(
    recipe: Annotated[Path, typer.Argument(help=say("The recipe file."))],
    overrides: Annotated[list[str] | None, typer.Argument(help=say("Overrides, such as training.epochs=5."))] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help=say("Print every value with its origin."))] = False,
) -> None:
    """Check a recipe and report all of its problems."""
    from afina.recipe.reading import read

    found = read(recipe, overrides or ())
    if output.settings.json:
        origins = {path: asdict(origin) for path, origin in found.origins.items()}
        output.print_json({"valid": True, "recipe": found.recipe.model_dump(mode="json"), "origins": origins})
        return
    if resolved:
        output.show(found.dump().rstrip("\n"))
    output.log(say("{path} is a valid recipe.", path=str(recipe)))


def _show(explanation: Explanation) -> None:
    output.show(explanation.path or "recipe")
    output.show(f"  {explanation.text}")
    if explanation.accepts:
        output.show(f"  {say('takes:')} {explanation.accepts}")
    if explanation.path:
        default = "null" if explanation.default is None else str(explanation.default)
        output.show(f"  {say('required') if explanation.is_required else say('default:') + ' ' + default}")
    if explanation.members:
        prefix = f"{explanation.path}." if explanation.path else ""
        output.table(["", ""], [(f"  {prefix}{name}", text) for name, text in explanation.members.items()])
