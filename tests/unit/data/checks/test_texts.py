from afina.data.checks.texts import encoding, length, personal_counts, personal_data


def test_encoding_lists_wrongly_decoded_rows(facts_of):
    (finding,) = encoding(facts_of([("fine", "a"), ("nÃ£o", "b")]))
    assert finding.rows == ("rows.csv:3",)


def test_personal_data_is_counted_by_kind_and_never_repeated(facts_of):
    facts = facts_of([("CPF 529.982.247-25 e a@b.com", "a"), ("a@b.com, c@d.org", "b")])
    findings = personal_data(facts)
    assert [len(finding.rows) for finding in findings] == [2, 1]
    assert personal_counts(facts) == {"email": 3, "cpf": 1}
    assert not any("529" in str(finding) or "@" in str(finding) for finding in findings)


def test_length_counts_tokens_when_it_can(facts_of):
    facts = facts_of(
        [("a b c d e", "x"), ("f", "x")], count_tokens=lambda texts: [len(text[0].split()) for text in texts]
    )
    findings = {finding.code: finding for finding in length(facts, max_tokens=4)}
    assert findings["E-DATA-210"].rows == ("rows.csv:2",)
    assert "estimate" not in findings["E-DATA-211"].what


def test_length_calls_an_estimate_an_estimate(facts_of):
    findings = length(facts_of([("x" * 100, "a")]), max_tokens=10)
    assert all("estimate" in finding.what for finding in findings)
    assert [finding.code for finding in findings] == ["E-DATA-211", "E-DATA-210"]


def test_length_of_nothing(facts_of):
    assert length(facts_of([])) == []
