import json
import subprocess
import sys
from dataclasses import replace

import pytest

from afina.base import device
from afina.base.messages import set_language
from afina.cli import doctor


@pytest.fixture
def calm(tmp_path):
    """This machine, as it would be with nothing else running, room on the disk and no accelerator."""
    facts = device.facts(tmp_path)
    return replace(facts, load_average=0.1, disk_free_bytes=10**12, shows_accelerator=False, accelerator=None)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that makes a package look installed, by the metadata that pip would leave."""

    def leave(name, version):
        folder = tmp_path / "site" / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    return leave


def test_traps_are_silent_on_a_calm_machine(calm, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert doctor.traps(calm, "2.13.0+cpu") == []


def test_traps_name_too_many_threads(calm, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(calm.num_cores + 3))
    (trap,) = doctor.traps(calm, "2.13.0")
    assert str(calm.num_cores + 3) in trap.what
    assert trap.mend == f"export OMP_NUM_THREADS={calm.num_cores}"


def test_traps_name_an_accelerator_that_torch_cannot_use(calm, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (trap,) = doctor.traps(replace(calm, shows_accelerator=True), "2.13.0+cpu")
    assert "2.13.0+cpu" in trap.what


def test_traps_name_a_busy_machine_and_a_full_disk(calm, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    busy, full = doctor.traps(replace(calm, load_average=calm.num_cores + 5.0, disk_free_bytes=10**8), "2.13.0")
    assert "load" in busy.what
    assert "0.1 GiB" in full.what


def test_traps_name_torchvision_beside_a_cpu_build(calm, install, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    install("torchvision", "0.27.0")
    (trap,) = doctor.traps(calm, "2.13.0+cpu")
    assert trap.mend == "pip uninstall torchvision"
    assert doctor.traps(calm, "2.13.0") == []


def test_examine_refuses_a_package_below_its_floor(install, tmp_path):
    assert doctor.examine(tmp_path).exit_code == 0
    install("torch", "2.9.1")
    diagnosis = doctor.examine(tmp_path)
    assert diagnosis.exit_code == 5
    assert "2.9.1" in diagnosis.unsafe[0].what


def test_examine_misses_a_package_that_training_needs(tmp_path):
    whole = doctor.examine(tmp_path)
    assert replace(whole, packages={**whole.packages, "torch": None}).exit_code == 5


def test_doctor_prints_one_json_document_and_loads_no_torch(tmp_path):
    script = """
import sys
from afina.cli.main import main
code = main(["doctor", "--json"])
print("torch" in sys.modules, file=sys.stderr)
raise SystemExit(code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["device"]["num_cores"] >= 1
    assert document["exit_code"] == 0
    assert len(document["fits"]) == 4
    assert done.stderr.strip() == ("True" if document["device"]["shows_accelerator"] else "False")


def test_lines_exist_in_portuguese(tmp_path):
    diagnosis = doctor.examine(tmp_path)
    set_language("pt")
    assert "núcleos" in "\n".join(doctor._machine(diagnosis))
    assert "épocas" in "\n".join(doctor._jobs(diagnosis))
