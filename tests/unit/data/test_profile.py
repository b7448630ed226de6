from afina.data.profile import is_empty, is_number, names_of, profile


def test_profile_tells_text_from_labels():
    rows = [{"a": f"this is sentence number {number}", "b": str(number % 2), "c": ["x", "y"]} for number in range(10)]
    text, label, several = (profile(name, rows) for name in "abc")
    assert text.reads_as_text
    assert not text.reads_as_label
    assert label.reads_as_label
    assert label.is_binary
    assert several.is_list
    assert not several.is_plain


def test_profile_counts_missing_values():
    found = profile("a", [{"a": "x"}, {"a": " "}, {"a": None}, {}])
    assert (found.num_values, found.num_empty, found.num_distinct) == (1, 3, 1)


def test_names_of_keeps_the_order_of_appearance():
    assert names_of([{"b": 1}, {"a": 2, "b": 3}]) == ["b", "a"]


def test_is_number_and_is_empty():
    assert is_number("1e-3")
    assert is_number(2)
    assert not is_number("two")
    assert is_empty("  ")
    assert not is_empty(0)
