"""`afina loop`."""

import json

from afina.cli.main import main


def test_loop_shows_the_callbacks_at_their_events(tmp_path, capsys):
    assert main(["loop"]) == 0
    assert "EarlyStop" in capsys.readouterr().out
    path = tmp_path / "recipe.yaml"
    path.write_text("base: x\ndata: a\ntuning: full\ntraining: {callbacks: [divergence]}\n", encoding="utf-8")
    assert main(["loop", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [callback["kind"] for callback in document["callbacks"]] == ["divergence"]
    assert "Divergence" in document["loop"]
