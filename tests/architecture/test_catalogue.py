"""The points that the registry offers, their folders, and what every technique's file must hold."""

import typing

import pytest

from afina.base import registry

TECHNIQUES = [(point, kind) for point in registry.POINTS for kind in registry.names(point)]


def test_every_point_is_a_folder_with_techniques(root):
    empty = [
        point
        for point in registry.POINTS
        if not (root / "src" / "afina").joinpath(*point.split(".")).is_dir() or not registry.names(point)
    ]
    assert not empty, "\n".join(map(str, empty))


@pytest.mark.parametrize(("point", "kind"), TECHNIQUES, ids=[f"{point}-{kind}" for point, kind in TECHNIQUES])
def test_technique_has_options_named_after_its_file(point, kind):
    from afina.recipe.section import Section

    module = registry.module(point, kind)
    assert callable(module.build)
    assert issubclass(module.Config, Section)
    assert typing.get_args(module.Config.model_fields["kind"].annotation) == (kind,)
    assert module.Config.model_fields["kind"].default == kind
    assert module.__doc__


@pytest.mark.parametrize(("point", "kind"), TECHNIQUES, ids=[f"{point}-{kind}" for point, kind in TECHNIQUES])
def test_technique_options_are_documented(point, kind):
    fields = registry.config(point, kind).model_fields
    assert not [name for name, field in fields.items() if name != "kind" and not field.description]
