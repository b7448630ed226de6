"""The README's tree, links and commands are true, in both languages."""

import re

import pytest

PAGES = ("README.md", "README.pt-BR.md")
GUIDES = [
    f"docs/guides/{name}{language}.md"
    for name in ("first-run", "data-sources", "tracking", "extending")
    for language in ("", ".pt-BR")
]
TOP_FOLDERS = {"src/afina", "tests", "examples", "benchmarks", "docs", "tools"}


def _tree(text):
    block = re.search(r"<!-- tree -->\s*```\n(.*?)```", text, re.S).group(1)
    paths, stack = [], {}
    for line in block.splitlines():
        depth = len(line) - len(line.lstrip())
        name, caption = re.match(r"\s*(\S+)/\s{2,}(\S.*)", line).groups()
        stack = {level: known for level, known in stack.items() if level < depth}
        paths.append("/".join([*stack.values(), name]))
        stack[depth] = name
        assert caption
    return paths


@pytest.mark.parametrize("page", PAGES)
def test_tree_is_the_real_tree(root, page):
    shown = _tree((root / page).read_text(encoding="utf-8"))
    rooms = {f"src/afina/{path.parent.name}" for path in (root / "src" / "afina").glob("*/*.py")}
    tops = {folder for folder in TOP_FOLDERS if (root / folder).is_dir()}
    assert len(shown) == len(set(shown))
    assert set(shown) == rooms | tops


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(root, page):
    assert _broken(root, root / page) == []


def test_links_of_the_documentation_lead_somewhere(root):
    assert [broken for path in (root / "docs").rglob("*.md") for broken in _broken(root, path)] == []


@pytest.mark.parametrize("page", [*PAGES, *GUIDES])
def test_commands_exist(root, page):
    from afina.cli.verbs import verbs

    text = (root / page).read_text(encoding="utf-8")
    shown = set(re.findall(r"^afina (\w+)|`afina (\w+)", text, re.M))
    assert {first or second for first, second in shown} <= set(verbs())
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^make (\w+)|`make (\w+)", text, re.M))
    assert all(re.search(rf"^{first or second}:", makefile, re.M) for first, second in targets)


@pytest.mark.parametrize("page", PAGES)
def test_choices_shown_are_those_that_exist(root, page):
    from afina.base import registry

    text = (root / page).read_text(encoding="utf-8")
    for point in ("tuning", "retention", "objectives"):
        row = re.search(rf"^\| `{point.removesuffix('s')}` \|(.*)\|$", text, re.M).group(1)
        assert set(registry.names(point)) <= set(re.findall(r"`([\w-]+)`", row)), point


def test_every_guide_exists_in_both_languages_with_the_same_code(root):
    pages = {path.relative_to(root).as_posix() for path in (root / "docs" / "guides").glob("*.md")}
    assert set(GUIDES) <= pages
    code = re.compile(r"```(python|toml)\n(.*?)```", re.S)
    english, portuguese = (
        code.findall((root / f"docs/guides/extending{end}.md").read_text("utf-8")) for end in ("", ".pt-BR")
    )
    assert english == portuguese


@pytest.mark.parametrize("page", GUIDES)
def test_recipes_shown_are_recipes(root, page):
    from afina.recipe import reading

    for shown in re.findall(r"```yaml\n(.*?)```", (root / page).read_text("utf-8"), re.S):
        # Techniques of a package that only the reader installs are tried in tests/integration/test_outside_package.py.
        if "lowest-block" not in shown:
            assert reading.from_text(shown).recipe.data.train


def test_both_languages_compare_the_same_peers_in_the_same_cells(root):
    words = {
        "sim": "yes",
        "não": "no",
        "em parte": "partly",
        "ainda não": "not yet",
        "não testado": "untested",
        "grade": "grid",
    }
    english, portuguese = (_cells((root / page).read_text(encoding="utf-8")) for page in PAGES)
    assert english == [[words.get(cell, cell) for cell in row] for row in portuguese]


def test_reference_page_is_what_the_schema_makes(root):
    from tools import reference

    assert (root / "docs" / "reference.md").read_text(encoding="utf-8") == reference.page()


def _cells(text):
    table = re.search(r"\| \| Afina \|.*?\n\n", text, re.S).group(0)
    return [[cell.strip() for cell in line.strip("|").split("|")[1:]] for line in table.strip().splitlines()[2:]]


def _broken(root, path):
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    found = []
    for link in links:
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in _anchors(target.read_text(encoding="utf-8"))):
            found.append(f"{path.relative_to(root)}: {link}")
    return found


def _anchors(text):
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
