"""Files are written in one module, so that a killed run never leaves half of one; and nothing is ever pickled."""

import ast

WRITER = "afina.base.durable"
WRITING_METHODS = {"write_text", "write_bytes", "save_file", "hardlink_to", "symlink_to", "savetxt", "savez"}
WRITING_FUNCTIONS = {
    "os.rename", "os.replace", "os.renames", "os.truncate", "os.write", "os.link",
    "shutil.move", "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree",
    "torch.save", "np.save", "numpy.save", "np.savez",
}  # fmt: skip
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
MODE_LETTERS = set("wax+")


def test_only_the_durable_module_writes(package):
    found = [
        f"{source.name}:{call.lineno} {name}"
        for source in package
        if source.module != WRITER
        for name, call in source.calls()
        if _writes(name, call)
    ]
    assert not found, "\n".join(map(str, found))


def test_nothing_is_pickled(package):
    imported = [
        f"{source.name}:{line}"
        for source in package
        for name, line in source.imports()
        if name.split(".")[0] in PICKLERS
    ]
    torch_loads = [
        f"{source.name}:{call.lineno}" for source in package for name, call in source.calls() if name == "torch.load"
    ]
    numpy_loads = [
        f"{source.name}:{call.lineno}"
        for source in package
        for _, call in source.calls()
        for word in call.keywords
        if word.arg == "allow_pickle"
    ]
    assert not imported + torch_loads + numpy_loads


def test_the_law_sees_each_way_to_write():
    guilty = (
        'open("a", "w")', 'open("a", mode="ab")', 'path.open("r+")', 'path.write_text("x")', "os.replace(a, b)",
        "path.rename(b)", "save_file(tensors, path)", "torch.save(x, y)", "shutil.copytree(a, b)",
    )  # fmt: skip
    innocent = (
        'open("a")',
        'path.open("rb")',
        'text.replace("a", "b")',
        "durable.write_text(a, b)",
        "open(path, encoding=e)",
    )
    judged = {
        line: _writes(ast.unparse(call.func), call)
        for line in (*guilty, *innocent)
        for call in [ast.parse(line).body[0].value]
    }
    assert judged == {**dict.fromkeys(guilty, True), **dict.fromkeys(innocent, False)}


def _writes(name, call):
    method = name.split(".")[-1]
    if name.startswith("durable."):
        return False
    if name in WRITING_FUNCTIONS or (method == "rename" and name != "rename"):
        return True
    if method in WRITING_METHODS and (name != method or method == "save_file"):
        return True
    if method != "open":
        return False
    # `open(path, mode)` has the mode second, `path.open(mode)` first.
    modes = [word.value for word in call.keywords if word.arg == "mode"] + call.args[(1 if name == "open" else 0) :][:1]
    return any(
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & MODE_LETTERS)
        for mode in modes
    )
