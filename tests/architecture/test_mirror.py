"""Unit tests mirror the package: a file's test is found by its name, and a test of a file that is gone is found out."""

import ast

from afina.base import registry

WITHOUT_BEHAVIOUR = {"__init__", "__main__", "about", "contract"}


def test_every_unit_test_names_a_file_of_the_package(root, package):
    modules = {source.module for source in package}
    tests = [path.relative_to(root / "tests" / "unit") for path in (root / "tests" / "unit").rglob("test_*.py")]
    strays = [
        path.as_posix()
        for path in tests
        if ".".join(("afina", *path.parent.parts, path.stem.removeprefix("test_"))) not in modules
        and ".".join(("afina", *path.parent.parts)) not in modules - {"afina"}
    ]
    assert not strays, "\n".join(map(str, strays))


def test_every_file_is_tested(root, package):
    # By its mirrored unit test, or by a test that imports it; techniques by the contract laws, which ask the registry.
    points = {f"afina.{point}" for point in registry.POINTS}
    imported = {name for path in (root / "tests").rglob("*.py") for name in _imported(path)}
    untested = [
        source.name
        for source in package
        if source.path.stem not in WITHOUT_BEHAVIOUR and source.module.rpartition(".")[0] not in points
        if not _unit_test(root, source).is_file() and source.module not in imported
    ]
    assert not untested, "\n".join(untested)


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _unit_test(root, source):
    *floor, name = source.module.split(".")[1:]
    return root.joinpath("tests", "unit", *floor, f"test_{name.lstrip('_')}.py")
