"""From a file, overrides or Python keywords to a valid recipe; all problems of a pass are reported at once.

What counts, from the top: override, recipe, extended recipe, default. Paths in a recipe are relative to its file, those
in an override or in a call from Python to the current folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path as FilePath
from typing import Any

from afina.base.errors import Problem, RecipeError
from afina.base.messages import say
from afina.recipe import secrets
from afina.recipe.document import MAX_BYTES, MAX_DEPTH, Path, decode, parse, parse_value
from afina.recipe.layers import Layer, LayerOrigin, nested, override
from afina.recipe.problems import raise_all
from afina.recipe.resolved import Resolved, validate
from afina.recipe.section import Section

HUB = "hub:"
"""What the name of a data set on the Hub begins with; it is no path."""

_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def read(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Resolved:
    """Read the recipe in a file.

    Args:
        path: The file; `extends:` inside names one more, relative to it.
        overrides: Dotted overrides, as `training.epochs=5`; the value is spelled in YAML.

    Raises:
        RecipeError: With every problem found, each at `file:line:column` and its dotted path.
    """
    layers = [*_files(FilePath(path)), *_overrides(overrides)]
    return _resolve(layers)


def from_keywords(values: Mapping[str, Any], overrides: Sequence[str] = ()) -> Resolved:
    """Read a recipe given as Python values, with the same names as in a file.

    Args:
        values: The sections by name; paths may be `pathlib.Path`, sections may be `Section` objects.
        overrides: As for `read`.

    Raises:
        RecipeError: With every problem found, each at its dotted path.
    """
    problems: dict[Path, Problem] = {}
    tree = _plain(values, (), problems)
    raise_all([_at(path, problem) for path, problem in problems.items()], "")
    return _resolve([Layer(origin="given", tree=_with_paths(tree, FilePath.cwd())), *_overrides(overrides)])


def from_text(text: str, *, name: str = "recipe.yaml", folder: str | os.PathLike[str] = ".") -> Resolved:
    """Read a recipe from a text, as an editor or a form holds it; `extends` is not followed.

    Args:
        text: YAML 1.2.
        name: What messages call it.
        folder: Paths inside are relative to it.

    Raises:
        RecipeError: With every problem found.
    """
    return _resolve([_layer(text, name, FilePath(folder), "given")])


def _resolve(layers: list[Layer]) -> Resolved:
    leaks = [_in_layer(layer, path, problem) for layer in layers for path, problem in secrets.find(layer.tree)]
    raise_all(leaks, layers[0].name, "E-RECIPE-003")
    variables = {path: problem for layer in layers for path, problem in _variables(layer.tree, ())}
    return validate(layers, variables)


def _files(path: FilePath) -> Iterator[Layer]:
    given = _file(path, "given")
    beneath = given.tree.get("extends")
    tree = {key: value for key, value in given.tree.items() if key != "extends"}
    if "extends" in given.tree:
        if not isinstance(beneath, str) or not beneath:
            problem = Problem(what=say("`extends` names one recipe file."), expected=say("a text"))
            raise_all([_in_layer(given, ("extends",), problem)], given.name)
        lower = _file(path.parent / os.path.expanduser(str(beneath)), "extended")
        if "extends" in lower.tree:
            problem = Problem(
                what=say("A recipe that is extended cannot extend another one."),
                mend=say("Name that other recipe directly, or copy its lines."),
            )
            raise_all([_in_layer(lower, ("extends",), problem)], lower.name)
        yield lower
    yield Layer(origin="given", tree=tree, name=given.name, keys=given.keys, values=given.values)


def _file(path: FilePath, origin: LayerOrigin) -> Layer:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return _layer(decode(content, str(path)), str(path), path.resolve().parent, origin)


def _unreadable(path: FilePath, error: OSError | ValueError) -> RecipeError:
    if isinstance(error, FileNotFoundError):
        what = say("This recipe does not exist.")
    elif isinstance(error, IsADirectoryError):
        what = say("This is a folder; a recipe is a file.")
    else:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        what = say("This recipe cannot be read: {reason}.", reason=reason)
    mend = say("Check the path, or begin with a starter: {command}", command="afina init my-project --recipe support")
    return RecipeError("E-RECIPE-005", what, where=str(path), mend=mend)


def _layer(text: str, name: str, folder: FilePath, origin: LayerOrigin) -> Layer:
    document = parse(text, name)
    tree = _with_paths(document.tree, folder)
    return Layer(origin=origin, tree=tree, name=name, keys=document.keys, values=document.values)


def _overrides(texts: Sequence[str]) -> list[Layer]:
    layers, problems = [], []
    for text in texts:
        split = override(text)
        if isinstance(split, Problem):
            problems.append(split)
            continue
        path, spelled = split
        name = say("override of {key}", key=".".join(map(str, path)))
        tree = nested(path, parse_value(spelled, name))
        layers.append(Layer(origin="override", tree=_with_paths(tree, FilePath.cwd()), name=name))
    raise_all(problems, "", "E-RECIPE-006")
    return layers


def _in_layer(layer: Layer, path: Path, problem: Problem) -> Problem:
    mark = next(
        (layer.values[path[:length]] for length in range(len(path), -1, -1) if path[:length] in layer.values), None
    )
    place = layer.name if mark is None else f"{layer.name}:{mark.line}:{mark.column}"
    return _at(path, problem, place)


def _at(path: Path, problem: Problem, place: str = "") -> Problem:
    where = f"{place} {'.'.join(map(str, path))}".strip()
    return Problem(what=problem.what, where=where, expected=problem.expected, mend=problem.mend)


def _variables(value: Any, path: Path) -> Iterator[tuple[Path, Problem]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _variables(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _variables(inner, (*path, number))
    elif isinstance(value, str) and _VARIABLE.search(value):
        what = say("Environment variables are not filled in inside a recipe.")
        yield path, Problem(what=what, mend=say("Write the value itself, or give it as an override."))


def _with_paths(tree: Mapping[str, Any], folder: FilePath) -> dict[str, Any]:
    """Return `tree` with the paths in it made absolute."""
    resolved = dict(tree)
    if "output" in tree:
        resolved["output"] = _absolute(tree["output"], folder)
    if "base" in tree:
        base = tree["base"]
        is_section = isinstance(base, Mapping) and "name" in base
        resolved["base"] = {**base, "name": _base(base["name"], folder)} if is_section else _base(base, folder)
    if "data" in tree:
        resolved["data"] = _files_in(tree["data"], ("train", "validation", "test"), folder)
    evaluation = tree.get("evaluation")
    if isinstance(evaluation, Mapping) and isinstance(evaluation.get("retained"), list):
        retained = [_files_in(item, ("path",), folder) for item in evaluation["retained"]]
        resolved["evaluation"] = {**evaluation, "retained": retained}
    return resolved


def _files_in(value: Any, names: tuple[str, ...], folder: FilePath) -> Any:
    if not isinstance(value, Mapping):
        return _absolute(value, folder)
    return {key: _absolute(inner, folder) if key in names else inner for key, inner in value.items()}


def _absolute(value: Any, folder: FilePath) -> Any:
    if not isinstance(value, str) or not value or value.startswith(HUB) or _VARIABLE.search(value):
        return value
    return os.path.normpath(os.path.join(folder, os.path.expanduser(value)))


def _base(value: Any, folder: FilePath) -> Any:
    """Return a base's name, made absolute if it is a path: it starts like one, or such a folder exists."""
    if not isinstance(value, str) or value.startswith("builtin:"):
        return value
    if value.startswith((".", "/", "~")) or os.path.isdir(os.path.join(folder, value)):
        return _absolute(value, folder)
    return value


def _plain(value: Any, path: Path, problems: dict[Path, Problem]) -> Any:
    """Return Python values as YAML would give them; what has no such form is listed in `problems`."""
    if isinstance(value, Section):
        value = value.model_dump(mode="json")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if len(path) < MAX_DEPTH and isinstance(value, Mapping):
        return {str(key): _plain(inner, (*path, str(key)), problems) for key, inner in value.items()}
    if len(path) < MAX_DEPTH and isinstance(value, list | tuple):
        return [_plain(inner, (*path, number), problems) for number, inner in enumerate(value)]
    problems[path] = Problem(
        what=say("A {type} cannot stand in a recipe.", type=type(value).__name__),
        expected=say("texts, numbers, true or false, lists and mappings of them, not too deep"),
    )
    return None
