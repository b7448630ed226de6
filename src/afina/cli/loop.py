"""`afina loop`: the training loop as it runs, with the callbacks bound to its events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from afina.base.messages import say
from afina.cli import output

app = typer.Typer()


@app.command(help=say("Print the training loop and which callback listens to which event."))
def loop(
    recipe: Annotated[
        Path | None, typer.Argument(help=say("A recipe, to see its callbacks; without one, those that run by default."))
    ] = None,
) -> None:
    """Print the training loop and which callback listens to which event."""
    from afina.base import registry
    from afina.engine.describe import describe
    from afina.recipe.reading import read
    from afina.recipe.schema import Training

    training = Training() if recipe is None else read(recipe).recipe.training
    text = describe([registry.build("engine.callbacks", options) for options in training.callbacks])
    if output.settings.json:
        output.print_json({"callbacks": [options.model_dump() for options in training.callbacks], "loop": text})
    else:
        output.show(text)
