from afina.data.places import Place, locate, settle, short_name
from afina.recipe.schema import Data


def test_plain_files_are_themselves(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text\nx\n", encoding="utf-8")
    place = locate(["a.csv", "b.csv"], tmp_path)
    assert place.paths == (tmp_path / "a.csv", tmp_path / "b.csv")
    assert list(place.fingerprints()) == [str(path) for path in place.paths]
    assert settle(Data(train="a.csv", test="b.csv"), tmp_path) == {}


def test_a_run_is_called_after_the_place(tmp_path):
    names = ("hub:ana/reviews@main#train", "hub:ana/glue/cola", f"{tmp_path}/mine.csv", f"{tmp_path}/folder#train")
    assert [short_name(name) for name in names] == ["reviews", "glue-cola", "mine", "folder"]


def test_the_only_part_is_taken_whatever_it_is_called(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "test.csv").write_text("text\nx\n", encoding="utf-8")
    place = locate(["folder"], tmp_path, "train")
    assert place == Place(f"{tmp_path / 'folder'}#test", (tmp_path / "folder" / "test.csv",))
