"""Who may import what, beyond the floors that import-linter holds: nothing hidden, nothing by name, no phoning home."""

import ast

LAZY = ("afina.cli.", "afina.base.optional")
BY_NAME = {"afina.base.registry", "afina.base.optional", "afina.cli.verbs"}
PHONES = {"requests", "httpx", "httpx2", "urllib3", "urllib.request", "http.client", "aiohttp", "ftplib", "smtplib"}
TRACKERS = {"wandb", "mlflow", "comet_ml", "sentry_sdk", "posthog", "segment", "datadog"}
BREAKS_TRANSFORMERS = {"torchvision"}
ASKS_THE_HUB = {"afina.models.sources", "afina.data.hub"}


def _is_or_inside(name, modules):
    return any(name == module or name.startswith(module + ".") for module in modules)


def test_every_folder_is_a_package(root):
    folders = {path.parent for path in (root / "src" / "afina").rglob("*.py")}
    assert [folder.name for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_imports_stand_on_top(package):
    hidden = [
        f"{source.name}:{node.lineno}"
        for source in package
        if source.module != "afina" and not source.module.startswith(LAZY)
        for function in source.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not hidden, "\n".join(map(str, hidden))


def test_modules_are_imported_by_name_in_three_places_only(package):
    found = [
        f"{source.name}:{call.lineno}"
        for source in package
        if source.module not in BY_NAME
        for name, call in source.calls()
        if name.split(".")[-1] in {"import_module", "__import__", "exec", "eval_source", "spec_from_file_location"}
        or name in {"eval", "compile"}
    ]
    assert not found, "\n".join(map(str, found))


def test_nothing_phones_home(package):
    found = [
        f"{source.name}:{line} {name}"
        for source in package
        for name, line in source.imports()
        if _is_or_inside(name, PHONES | TRACKERS)
    ]
    sockets = [
        f"{source.name}:{call.lineno} {name}"
        for source in package
        for name, call in source.calls()
        if name in {"socket.socket", "socket.create_connection"}
    ]
    assert not found + sockets


def test_one_module_for_bases_and_one_for_data_ask_the_hub(package):
    askers = {source.module for source in package if _mentions(source, "huggingface_hub")}
    assert askers == ASKS_THE_HUB


def test_torchvision_is_never_imported(package):
    assert not [
        source.name for source in package for name, _ in source.imports() if _is_or_inside(name, BREAKS_TRANSFORMERS)
    ]
    needed = [
        (source.name, ast.unparse(call.args[0]))
        for source in package
        for name, call in source.calls()
        if name == "need"
    ]
    assert not [pair for pair in needed if "torchvision" in pair[1]]


def test_nobody_imports_a_technique(package):
    # A technique comes through the registry alone; otherwise adding or removing its one file would need a second edit.
    from afina.base import registry

    techniques = {
        f"afina.{point}.{kind.replace('-', '_')}" for point in registry.POINTS for kind in registry.names(point)
    }
    found = [
        f"{source.name}:{line} {name}"
        for source in package
        for name, line in source.imports()
        if _is_or_inside(name, techniques) and not _is_or_inside(source.module, techniques & {source.module})
    ]
    assert not found, "\n".join(map(str, found))


def _mentions(source, name):
    asked = [
        call.args[0].value
        for called, call in source.calls()
        if called.endswith("need") and isinstance(call.args[0], ast.Constant)
    ]
    return any(_is_or_inside(found, {name}) for found in [*(imported for imported, _ in source.imports()), *asked])
