"""One folder of `.txt` files per class: found, read, and everything beside them said."""

import json

import pytest

from afina.base.errors import DataError
from afina.cli.main import main
from afina.data import class_folders
from afina.data.contract import Row
from afina.data.places import locate, settle, splits_in
from afina.data.source import open_files, read, stream
from afina.recipe.schema import Data


@pytest.fixture
def reviews(tmp_path):
    return fill(tmp_path / "reviews")


def fill(folder, num=12):
    for label, words in {"positive": "a lovely film number", "negative": "a dreadful film number"}.items():
        for number in range(num):
            put(folder / label / f"{number}.txt", f"{words} {number}\nand more of it\n".encode())
    return folder


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def rows(folder, **options):
    return list(stream(open_files(locate([folder], folder.parent), **options)))


def test_each_file_is_a_row_its_folder_the_label_and_where_names_it(reviews):
    found = rows(reviews)
    assert len(found) == 24
    assert {row.values["label"] for row in found} == {"positive", "negative"}
    assert found[0].values["text"] == "a dreadful film number 0\nand more of it"
    assert found[0].where == f"{reviews / 'negative' / '0.txt'}:1"
    data = read(Data(train=str(reviews)), reviews.parent)
    assert data.columns.text + data.columns.label == ("text", "label")
    assert data.format == "text, 2 folders, one per class"


def test_splits_above_the_classes_are_found(tmp_path):
    for name in ("train", "dev", "test"):
        fill(tmp_path / "all" / name, {"train": 9, "dev": 2, "test": 3}[name])
    section = Data(train="all")
    whole = str(tmp_path / "all")
    assert settle(section, tmp_path) == {split: f"{whole}#{split}" for split in ("train", "validation", "test")}
    settled = section.model_copy(update=settle(section, tmp_path))
    assert [len(read(settled, tmp_path, split).rows) for split in ("train", "validation", "test")] == [18, 4, 6]
    assert splits_in("all#test", tmp_path) == {"train": f"{whole}#test"}
    given = Data(train="all", test="all#validation")
    assert settle(given, tmp_path)["test"] == f"{whole}#validation"
    with pytest.raises(DataError, match="E-DATA-015"):
        locate(["all#unknown"], tmp_path)


def test_encodings_are_told_as_in_tables(reviews):
    put(reviews / "positive" / "mark.txt", "\ufeffmuito bom, é ótimo".encode())
    put(reviews / "positive" / "old.txt", "muito bom, é ótimo, não é?".encode("cp1252"))
    put(reviews / "positive" / "wide.txt", "muito bom, é ótimo".encode("utf-16"))
    texts = {row.file.rpartition("/")[2]: row.values["text"] for row in rows(reviews)}
    assert texts["mark.txt"] == texts["wide.txt"] == "muito bom, é ótimo"
    assert texts["old.txt"] == "muito bom, é ótimo, não é?"


def test_what_cannot_be_read_is_refused_by_name_and_reason(reviews):
    bad = {
        "empty.txt": b"  \n",
        "picture.txt": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "binary.txt": bytes(range(256)) * 4,
        "nul.txt": b"a film\0 with more and more and more words in it",
        "broken.txt": b"\n".join([f"ação {number}".encode() for number in range(60)] + [b"\xff\xfe\xfa"]),
        "long.txt": b"long " * 300_000,
        "notes.docx": b"PK\x03\x04",
    }
    for name, content in bad.items():
        put(reviews / "positive" / name, content)
    put(reviews / "positive" / "deeper" / "1.txt", b"a film")
    put(reviews / "positive" / ".DS_Store", b"\0")
    put(reviews / "negative" / "Thumbs.db", b"\0")
    found = rows(reviews)
    assert sum(isinstance(item, Row) for item in found) == 24
    refused = {item.where.rpartition("/")[2]: item for item in found if not isinstance(item, Row)}
    assert set(refused) == {"broken.txt:61", "deeper:1"} | {f"{name}:1" for name in bad if name != "broken.txt"}
    for name, reason in {
        "empty.txt:1": "empty",
        "picture.txt:1": "PNG",
        "nul.txt:1": "NUL",
        "broken.txt:61": "cannot explain",
        "long.txt:1": "too long",
        "notes.docx:1": "no .txt",
        "deeper:1": "folder within",
    }.items():
        assert reason in refused[name].what
    with pytest.raises(DataError, match="E-DATA-008") as caught:
        read(Data(train=str(reviews)), reviews.parent)
    assert str(reviews / "positive" / "picture.txt") in str(caught.value)


def test_fingerprint_is_one_and_sees_every_change(reviews):
    def digest():
        return locate([reviews], reviews.parent).fingerprints()

    first = digest()
    assert list(first) == [f"{reviews}#train"]
    put(reviews / "positive" / "0.txt", b"another text")
    second = digest()
    (reviews / "positive" / "1.txt").rename(reviews / "negative" / "moved.txt")
    assert len({*first.values(), *second.values(), *digest().values()}) == 3


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        (["notes.md"], "E-DATA-014", "per class"),
        (["a/1.txt", "b/1.txt", "rows.csv"], "E-DATA-016", "a, b, rows.csv"),
        (["one/train.csv", "two/train.csv"], "E-DATA-016", "one, two"),
    ],
)
def test_a_folder_that_cannot_be_understood_is_refused(tmp_path, files, code, said):
    for name in files:
        put(tmp_path / "folder" / name, b"text,label\na,b\n")
    with pytest.raises(DataError) as caught:
        locate(["folder"], tmp_path)
    assert caught.value.code == code
    assert said in caught.value.problem.expected


def test_a_folder_of_tables_is_read_by_their_names(tmp_path):
    put(tmp_path / "tables" / "train.csv", b"text,label\n" + b"".join(b"a text %d,x\n" % n for n in range(8)))
    put(tmp_path / "tables" / "test.csv", b"text,label\nan other text,x\n")
    found = settle(Data(train="tables"), tmp_path)
    assert set(found) == {"train", "test"}
    place = locate([found["test"]], tmp_path)
    assert list(place.fingerprints()) == [str(tmp_path / "tables" / "test.csv")]


def test_find_needs_folders_of_texts(tmp_path):
    assert class_folders.find(tmp_path) == {}
    put(tmp_path / "texts.txt", b"alone")
    assert class_folders.find(tmp_path) == {}


def test_check_preview_and_fix_take_the_folder(reviews, capsys, monkeypatch):
    monkeypatch.chdir(reviews.parent)
    assert main(["data", "check", "reviews", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["splits"]["train"]["num_rows"] == 24
    assert list(document["splits"]["train"]["files"]) == ["reviews#train"]
    assert main(["data", "check", "reviews"]) in (0, 3)
    assert "2 folders, one per class" in capsys.readouterr().out
    assert main(["data", "preview", "reviews", "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("reviews  text")
    assert "negative/0.txt:1  negative" in out
    put(reviews / "negative" / "empty.txt", b"")
    assert main(["data", "fix", "reviews"]) == 0
    assert "negative/empty.txt:1" in capsys.readouterr().out
    lines = (reviews.parent / "reviews-clean.csv").read_text("utf-8").splitlines()
    assert lines[0] == "text,label"
    assert lines[1] == '"a dreadful film number 0'
