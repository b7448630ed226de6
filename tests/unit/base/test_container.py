from afina.base.container import Limits, limits


def _place(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_limits_are_none_without_control_groups(tmp_path):
    assert limits(tmp_path / "proc", tmp_path / "groups") == Limits()


def test_limits_reads_the_unified_hierarchy_and_the_tightest_parent_wins(tmp_path):
    _place(
        tmp_path,
        {
            "proc/self/cgroup": "0::/job/step\n",
            "groups/job/step/cpu.max": "max 100000\n",
            "groups/job/cpu.max": "150000 100000\n",
            "groups/job/step/memory.max": "1000000\n",
            "groups/job/step/memory.current": "700000\n",
            "groups/job/step/memory.stat": "anon 500000\ninactive_file 200000\n",
            "groups/job/memory.max": "max\n",
        },
    )
    assert limits(tmp_path / "proc", tmp_path / "groups") == Limits(1.5, 1_000_000, 500_000)


def test_limits_reads_the_first_generation(tmp_path):
    _place(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/job\n4:memory:/job\n1:name=systemd:/job\n",
            "groups/cpu/cpu.cfs_quota_us": "200000\n",
            "groups/cpu/cpu.cfs_period_us": "100000\n",
            "groups/memory/job/memory.limit_in_bytes": "4096\n",
            "groups/memory/job/memory.usage_in_bytes": "1024\n",
            "groups/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert limits(tmp_path / "proc", tmp_path / "groups") == Limits(2.0, 4096, 3072)
