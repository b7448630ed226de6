from afina.data.formats.auto import Config, build


def test_records_come_from_the_chosen_format(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text('{"a": 1}\n{"a": 2}\n', encoding="utf-8")
    assert [record.values["a"] for record in build(Config()).records(path)] == [1, 2]
