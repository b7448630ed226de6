import pytest

from afina.base.errors import DataError
from afina.data.formats.parquet import Config, build

pyarrow = pytest.importorskip("pyarrow")


def test_records_in_small_batches(tmp_path):
    import pyarrow.parquet

    path = tmp_path / "rows.parquet"
    table = pyarrow.table({"text": ["a", "b", None], "score": [1.0, float("nan"), 2.0]})
    pyarrow.parquet.write_table(table, path)
    records = list(build(Config(rows_at_once=2)).records(path))
    assert [record.line for record in records] == [1, 2, 3]
    assert dict(records[0].values) == {"text": "a", "score": 1.0}
    assert records[1].problem is not None


def test_records_of_a_damaged_file(tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError) as caught:
        list(build(Config()).records(path))
    assert caught.value.code == "E-DATA-007"


def test_classes_are_called_by_the_names_that_the_file_holds(tmp_path):
    import json

    import pyarrow.parquet

    features = {"text": {"_type": "Value"}, "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    table = pyarrow.table({"text": ["a", "b", "c"], "label": [1, 0, -1], "other": [1, 0, -1]})
    for name, note in (("named", json.dumps({"info": {"features": features}})), ("odd", "[1]"), ("broken", "{")):
        pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": note}), tmp_path / f"{name}.parquet")
    named, odd, broken = (
        [record.values["label"] for record in build(Config()).records(tmp_path / f"{name}.parquet")]
        for name in ("named", "odd", "broken")
    )
    assert named == ["pos", "neg", None]
    assert odd == broken == [1, 0, -1]
