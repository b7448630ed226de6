from afina.data.formats.text import Config, build


def test_a_file_is_one_record_with_the_label_of_its_folder(tmp_path):
    path = tmp_path / "good" / "1.txt"
    path.parent.mkdir()
    path.write_text(" a text\nof two lines \n", encoding="utf-8")
    [record] = build(Config()).records(path)
    assert (record.line, dict(record.values)) == (1, {"text": "a text\nof two lines", "label": "good"})
    assert record.problem is None
