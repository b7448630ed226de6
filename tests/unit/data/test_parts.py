import pytest

from afina.data.parts import Parts, divide, is_data, split_of


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train.csv", "test.csv"], {"train": ("train.csv",), "test": ("test.csv",)}),
        (
            ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/dev-0.parquet"],
            {
                "train": ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"),
                "validation": ("data/dev-0.parquet",),
            },
        ),
        (
            ["valid/a.jsonl", "training/a.jsonl", "training/b.jsonl"],
            {"train": ("training/a.jsonl", "training/b.jsonl"), "validation": ("valid/a.jsonl",)},
        ),
        (["a.csv", "b.csv"], {"train": ("a.csv", "b.csv")}),
        (["treino.csv", "teste.csv"], {"train": ("treino.csv",), "test": ("teste.csv",)}),
        (["latest.csv", "attestation.csv"], {"train": ("attestation.csv", "latest.csv")}),
        ([], {}),
    ],
)
def test_splits_are_told_by_words_of_the_names(names, expected):
    assert divide(reversed(names)).files == expected


def test_files_beside_named_splits_are_left_out_and_listed():
    divided = divide(["train.csv", "test.csv", "extra.csv"])
    assert divided.files == {"train": ("train.csv",), "test": ("test.csv",)}
    assert divided.left_out == ("extra.csv",)
    assert divide(["train.csv", "extra.csv"], "extra").files == {"extra": ("extra.csv",)}
    assert divide(["train.csv", "extra.csv"], "none").files == {}


def test_the_same_rows_in_two_formats_are_read_once():
    divided = divide(["train.csv", "train.parquet", "test.csv", "test.parquet"])
    assert divided.files == {"train": ("train.parquet",), "test": ("test.parquet",)}
    assert divided.left_out == ("test.csv", "train.csv")
    assert divide(["train.csv", "test.csv", "train.parquet"]).files["train"] == ("train.csv",)


def test_several_sets_of_rows_are_told_apart_by_their_folders():
    assert divide(["cola/train.csv", "sst2/train.csv", "sst2/test.csv"]) == Parts({}, sides=("cola", "sst2"))
    assert divide(["default/train/0.parquet", "default/test/0.parquet"]).sides == ()


def test_one_split_is_chosen_by_any_of_its_names():
    names = ["train.csv", "dev.csv", "test.csv"]
    assert divide(names, "validation").files == divide(names, "validation").files == {"validation": ("dev.csv",)}
    assert divide(names, "dev").files == {"dev": ("dev.csv",)}
    assert divide(["rows.csv"], "train").files == {"train": ("rows.csv",)}


def test_only_data_files_count():
    names = ["a.csv", "b.PARQUET", "a.py", "README.md", "dataset_infos.json", ".hidden/a.csv", "a.csv.gz"]
    assert [name for name in names if is_data(name)] == ["a.csv", "b.PARQUET"]


def test_a_word_is_a_whole_word():
    assert [split_of(name) for name in ("latest", "my-test_2", "constraint", "Train", "devil")] == [
        *(None, "test", None, "train", None)
    ]
