import os
from pathlib import Path

import pytest

from afina.base import environment


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("", False)])
@pytest.mark.parametrize("name", ["AFINA_OFFLINE", "HF_HUB_OFFLINE"])
def test_is_offline_reads_either_name(name, value, expected, monkeypatch):
    monkeypatch.delenv("AFINA_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv(name, value)
    assert environment.is_offline() is expected


def test_language_takes_ours_before_the_locale(monkeypatch):
    for name in ("AFINA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert environment.language() is None
    monkeypatch.setenv("LANG", "pt_BR.UTF-8")
    assert environment.language() == "pt_BR.UTF-8"
    monkeypatch.setenv("AFINA_LANG", "en")
    assert environment.language() == "en"


def test_hub_cache_follows_the_hubs_own_variables(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert environment.hub_cache() == tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert environment.hub_cache() == Path(tmp_path / "elsewhere")


@pytest.mark.parametrize(("value", "expected"), [("4", 4), ("0", None), ("-1", None), ("many", None), ("", None)])
def test_thread_request_takes_positive_numbers_alone(value, expected, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert environment.thread_request() == expected


def test_no_color_follows_the_convention(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    assert not environment.no_color()
    monkeypatch.setenv("NO_COLOR", "1")
    assert environment.no_color()


def test_trackers_are_quiet_unless_the_user_says_otherwise(monkeypatch):
    for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("WANDB_SILENT", raising=False)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "true")
    environment.quiet_trackers()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["WANDB_ERROR_REPORTING"] == "true"


def test_work_has_the_threads_it_was_given_unless_the_user_chose(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert environment.for_work(3)["OMP_NUM_THREADS"] == "3"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert environment.for_work(3)["OMP_NUM_THREADS"] == "1"
