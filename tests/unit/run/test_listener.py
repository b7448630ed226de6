"""Who is told how far a run is."""

from afina.run.listener import Plain, Silent


def test_silent_keeps_it_to_itself_and_plain_says_it_on_stderr(capsys):
    for listener in (Silent(), Plain()):
        listener.stage("reading")
        listener.remark("good to know")
        listener.warning("mind this")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "reading...\ngood to know\nmind this\n"
