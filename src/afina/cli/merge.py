"""`afina merge`: fold an adapter, or a mix of several, into its base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from afina.base.errors import UsageError
from afina.base.messages import say
from afina.cli import output
from afina.cli.telling import Telling
from afina.run import folder

app = typer.Typer()
"""The one command of this file."""

METHODS = ("mean", "svd", "ties", "dare")
"""How adapters are mixed."""


@app.command(help=say("Fold an adapter, or a mix of several of one base, into the base; a plain model comes out."))
def merge(  # noqa: PLR0913  each is an option of the command line, and none of them belongs to another
    runs: Annotated[list[str], typer.Argument(help=say("Runs with adapters: names, prefixes, paths, last or best."))],
    out: Annotated[Path, typer.Option("--output", "-o", help=say("The folder to make."))],
    method: Annotated[str, typer.Option(help=say("How several are mixed: mean (exact), svd, ties or dare."))] = "mean",
    weights: Annotated[
        str | None, typer.Option(help=say("Factor of each adapter's update, such as 0.7,0.3; the mean if left out."))
    ] = None,
    rank: Annotated[int | None, typer.Option(min=1, help=say("Rank of the mix, for svd, ties and dare."))] = None,
    density: Annotated[
        float | None, typer.Option(min=0.01, max=1.0, help=say("Share of each update that ties and dare keep."))
    ] = None,
    adapter: Annotated[
        bool, typer.Option("--adapter", help=say("Write the mix as an adapter beside the base, not as a whole model."))
    ] = False,
    onto_float32: Annotated[
        bool,
        typer.Option("--onto-float32", help=say("Fold an adapter of a quantised base into the base as it was before.")),
    ] = False,
    root: Annotated[Path, typer.Option(help=say("The folder of runs."))] = folder.ROOT,
) -> None:
    """Fold an adapter, or a mix of several of one base, into the base."""
    mix = _options(runs, method, weights, rank, density, adapter)
    with Telling() as told:
        told.stage(say("folding the adapter into its base, and reading back what comes out"))
        from afina.run import merging
        from afina.tuning._combined import Mix

        found = [merging.model_folder(run, root) for run in runs]
        merged = merging.merge(
            found, out, None if mix is None else Mix(**mix), in_float32=onto_float32, as_adapter=adapter
        )
    if output.settings.json:
        output.print_json(
            {"output": str(merged.folder), "size_bytes": merged.num_bytes, "difference": merged.difference}
        )
        return
    output.show(say("{path}: {size:.1f} MB", path=merged.folder, size=merged.num_bytes / 1e6))
    output.show(
        say("It says what the adapter said on its base, within {difference:.1g}.", difference=merged.difference)
    )
    if not adapter:
        output.show(say("Use it anywhere: base: {path} in a recipe, or from_pretrained.", path=merged.folder))


def _options(
    runs: list[str], method: str, weights: str | None, rank: int | None, density: float | None, adapter: bool
) -> dict[str, Any] | None:
    """Return how several are mixed, or None for one adapter as it is.

    Raises:
        UsageError: If there is no such method, or the weights are no numbers.
    """
    if method not in METHODS:
        raise UsageError(
            "E-USAGE-030",
            say("There is no method {name}.", name=repr(method)),
            where="--method",
            expected=", ".join(METHODS),
        )
    numbers: tuple[float, ...] | None = None
    if weights is not None:
        try:
            numbers = tuple(float(part) for part in weights.split(","))
        except ValueError as error:
            raise UsageError(
                "E-USAGE-031",
                say("The weights must be numbers with commas between them."),
                where="--weights",
                expected="0.7,0.3",
            ) from error
    given = {"method": method, "weights": numbers, "rank": rank, "density": density}
    is_plain = len(runs) == 1 and not adapter and given == {**dict.fromkeys(given), "method": "mean"}
    return None if is_plain else given
