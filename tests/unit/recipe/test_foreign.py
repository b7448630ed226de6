"""Names from elsewhere."""

from afina.recipe import explain
from afina.recipe.fields import all_paths
from afina.recipe.foreign import FOREIGN


def test_every_foreign_name_leads_to_a_field_that_exists():
    paths = explain.all_paths()

    def exists(path):
        parent, _, last = path.rpartition(".")
        return path in paths or any(known.startswith(f"{parent}.") and known.endswith(f".{last}") for known in paths)

    assert [name for name, path in FOREIGN.items() if not exists(path)] == []


def test_no_foreign_name_is_one_of_ours_at_the_top():
    assert not {path for path in all_paths() if "." not in path} & set(FOREIGN)
