from afina.base import device


def test_facts_are_within_the_machine(tmp_path):
    facts = device.facts(tmp_path)
    assert 1 <= facts.num_cores <= facts.num_machine_cores
    assert 0 < facts.memory_available_bytes <= facts.memory_total_bytes
    assert facts.disk_free_bytes > 0
    assert facts.accelerator is None or facts.shows_accelerator


def test_num_cores_follows_the_container():
    assert device.num_cores(0.5) == 1
    assert device.num_cores(1.9) == 1
    assert device.num_cores(10_000) == device.num_cores()


def test_processor_reads_flags_of_x86_and_arm(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx512_bf16\n\nprocessor\t: 1\nflags\t: fpu\n"
    )
    name, flags = device._processor(file)
    assert name == "Some CPU"
    assert not flags.isdisjoint(device.BFLOAT16_FLAGS)
    file.write_text("processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n")
    assert "bf16" in device._processor(file)[1]
    file.write_text("flags : fpu avx2 avx512f\n")
    assert device._processor(file)[1].isdisjoint(device.BFLOAT16_FLAGS)


def test_processor_without_its_file_has_no_flags(tmp_path):
    assert device._processor(tmp_path / "absent")[1] == frozenset()
