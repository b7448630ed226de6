import pytest

from afina.base import floors
from afina.base.errors import MissingExtraError


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that makes a package look installed, by the metadata that pip would leave."""

    def leave(name, version):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))

    return leave


def test_what_is_installed_here_is_safe():
    assert floors.unsafe() == []
    floors.assert_safe()


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [("2.9.1", False), ("2.10", True), ("2.10.0+cpu", True), ("2.9.0rc1+cu130", False), ("3.0.0a1", True)],
)
def test_versions_are_compared_as_numbers(version, is_safe, install):
    install("torch", version)
    assert (floors.unsafe() == []) is is_safe


def test_assert_safe_lists_every_package_below_its_floor(install):
    install("torch", "2.1")
    install("pyarrow", "12.0.0")
    with pytest.raises(MissingExtraError) as caught:
        floors.assert_safe()
    assert caught.value.exit_code == 5
    assert {problem.expected.split()[0] for problem in caught.value.problems} == {"torch", "pyarrow"}


def test_a_missing_package_is_not_unsafe():
    assert floors.installed("a-package-that-nobody-has") is None
