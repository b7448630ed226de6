"""What must not stand in the repository: paths of one machine, hosts of package registries, notes to oneself."""

import re
import tempfile
from pathlib import Path

TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".po", ".csv", ".html", ".sh", ".css", ".js", ""}
SKIP = {".git", ".venv", "demo", "runs", "build", "dist", "__pycache__"}
# Written in halves, or this file would be the first to break its own law.
HOSTS = [
    f"{half}{other}"
    for half, other in (("pypi", ".org"), ("pythonhosted", ".org"), ("pypi", "/simple"), ("arti", "factory"))
]
NOTES = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]


def test_no_path_of_this_machine(root):
    places = {str(root), str(root.parent), str(Path.home()), tempfile.gettempdir()}
    pattern = re.compile(
        "|".join(
            rf"(?<![\w.~}}])({re.escape(place)})(?![\w-])"
            for place in places
            if place.count("/") > 0 and len(place) > 1
        )
    )
    found = [
        f"{path.relative_to(root)}: {match.group()}" for path, text in _texts(root) if (match := pattern.search(text))
    ]
    assert not found, "\n".join(map(str, found))


def test_no_host_of_a_package_registry(root):
    assert not [path for path, text in _texts(root) if any(host in text for host in HOSTS)]


def test_no_notes_to_oneself(root):
    pattern = re.compile(rf"\b({'|'.join(NOTES)})\b")
    assert not [
        f"{path.relative_to(root)}" for path, text in _texts(root) if path.suffix == ".py" and pattern.search(text)
    ]


def _texts(root):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        is_ours = not (set(parts) & SKIP) and not any(
            part.endswith(("_cache", ".egg-info")) or part == ".hypothesis" for part in parts
        )
        if is_ours and path.is_file() and path.suffix in TEXT:
            yield path, path.read_text(encoding="utf-8", errors="replace")
