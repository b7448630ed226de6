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
