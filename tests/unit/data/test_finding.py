import json

from afina.data.finding import Finding


def test_as_dict_is_json():
    finding = Finding(code="E-DATA-201", severity="warning", what="w", rows=("f:1",), groups=(("f:1", "f:2"),))
    document = json.loads(json.dumps(finding.as_dict()))
    assert document["rows"] == ["f:1"]
    assert document["groups"] == [["f:1", "f:2"]]
