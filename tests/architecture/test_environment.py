"""Environment variables are read in one file, so that a run's behaviour can be read off its recipe plus that file."""

ONE_FILE = "afina.base.environment"
WAYS = ("os.environ", "os.getenv", "os.putenv", "os.unsetenv", "environ.get")


def test_environment_variables_stay_in_one_file(package):
    found = [
        f"{source.name}:{number}"
        for source in package
        if source.module != ONE_FILE
        for number, line in enumerate(source.text.splitlines(), start=1)
        if any(way in line for way in WAYS)
    ]
    assert not found, "\n".join(map(str, found))


def test_the_one_file_reads_them(package):
    assert any("os.environ" in source.text for source in package if source.module == ONE_FILE)
