"""Every public name says what it is: the text is what help, schema, reference and forms are made from."""

import ast


def test_modules_classes_and_functions_are_documented(package):
    bare = [
        f"{source.name}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for source in package
        for node in _public(source.tree)
        if not ast.get_docstring(node)
    ]
    assert not bare, "\n".join(map(str, bare))


def test_constants_are_documented(package):
    bare = [
        f"{source.name}:{node.lineno} {name}"
        for source in package
        for node, below in _pairs(source.tree.body)
        if (name := _constant(node)) and not _is_text(below)
    ]
    assert not bare, "\n".join(map(str, bare))


def test_fields_of_sections_are_documented_beneath_themselves(package):
    bare = [
        f"{source.name}:{node.lineno} {item.name}.{ast.unparse(node.target)}"
        for source in package
        for item in source.classes()
        if any(ast.unparse(base).split(".")[-1] == "Section" for base in item.bases)
        for node, below in _pairs(item.body)
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.target) not in {"kind", "model_config"}
        and not _is_text(below)
    ]
    assert not bare, "\n".join(map(str, bare))


def _public(node):
    """Yield the module, and each public class and function that another file can reach."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            if any(ast.unparse(base).split(".")[-1] == "Protocol" for base in child.bases):
                yield child  # members of a Protocol that only narrows a caller's object may be bare
            else:
                yield from _public(child)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield child


def _pairs(body):
    return list(zip(body, [*body[1:], None], strict=True))


def _constant(node):
    target = (
        node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
    )
    name = target.id if isinstance(target, ast.Name) else ""
    return name if name.isupper() and not name.startswith("_") else ""


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
