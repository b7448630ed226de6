"""A file is one idea, a function is a paragraph; raising a number here needs a note in docs/design/."""

import ast

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 8
MAX_CLASS_LINES = 300
MAX_SECTION_FIELDS = 15
MAX_INHERITANCE = 2
VAGUE_NAMES = ("util", "utils", "helper", "helpers", "common", "manager", "misc", "constants")


def test_files_stay_within_their_budget(everything):
    long = [(source.name, lines) for source in everything if (lines := source.text.count("\n")) > MAX_FILE_LINES]
    assert not long, "\n".join(map(str, long))


def test_functions_stay_within_their_budget(everything):
    long = [
        f"{source.name}:{function.lineno} {function.name}: {lines} lines"
        for source in everything
        for function in source.functions()
        if (lines := function.end_lineno - function.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(map(str, long))


def test_functions_take_few_parameters(package):
    # A constructor's own `self`, a method's `cls`, and the options of a command line are not a caller's burden.
    wide = [
        f"{source.name}:{function.lineno} {function.name}: {count} parameters"
        for source in package
        if not source.module.startswith("afina.cli.")
        for function in source.functions()
        if (count := _num_parameters(function)) > MAX_PARAMETERS
    ]
    assert not wide, "\n".join(map(str, wide))


def test_classes_stay_within_their_budget(package):
    long = [
        f"{source.name}:{item.lineno} {item.name}"
        for source in package
        for item in source.classes()
        if item.end_lineno - item.lineno + 1 > MAX_CLASS_LINES
    ]
    assert not long, "\n".join(map(str, long))


def test_sections_have_few_fields(package):
    wide = [
        f"{source.name}:{item.lineno} {item.name}: {count} fields"
        for source in package
        for item in source.classes()
        if "Section" in _bases(item)
        if (count := sum(isinstance(part, ast.AnnAssign) for part in item.body)) > MAX_SECTION_FIELDS
    ]
    assert not wide, "\n".join(map(str, wide))


def test_nothing_inherits_deeply(package):
    bases = {item.name: _bases(item) for source in package for item in source.classes()}
    errors = {item.name for source in package if source.module == "afina.base.errors" for item in source.classes()}

    def depth(name):
        return 1 + max((depth(base) for base in bases[name] if base in bases and base != name), default=0)

    deep = [name for name in bases if name not in errors and depth(name) > MAX_INHERITANCE]
    assert not deep, "\n".join(map(str, deep))


def test_names_say_what_they_hold(everything):
    vague = [source.name for source in everything if set(source.name.removesuffix(".py").split("/")) & set(VAGUE_NAMES)]
    assert not vague, "\n".join(map(str, vague))


def _bases(item):
    return [ast.unparse(base).split("[")[0].split(".")[-1] for base in item.bases]


def _num_parameters(function):
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])
