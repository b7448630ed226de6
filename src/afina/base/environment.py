"""The one file that reads environment variables.

Everything the surroundings may decide about a process is listed here, so that a run's behaviour can be read off its
recipe plus this file.
"""

from __future__ import annotations

import os
from pathlib import Path


def language() -> str | None:
    """Return the language asked for by `AFINA_LANG`, else by the locale variables, or None when none is set."""
    for name in ("AFINA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return value
    return None


def is_offline() -> bool:
    """Return whether the user forbids the network (`AFINA_OFFLINE` or `HF_HUB_OFFLINE`)."""
    return any(
        os.environ.get(name, "").lower() in {"1", "true", "yes", "on"} for name in ("AFINA_OFFLINE", "HF_HUB_OFFLINE")
    )


def no_color() -> bool:
    """Return whether coloured output is refused (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def rank() -> int:
    """Return this process's rank among those a launcher started; 0 without a launcher."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return the number of processes a launcher started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def hub_cache() -> Path:
    """Return the folder in which Hub downloads are kept."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def cache_home() -> Path:
    """Return the folder in which Afina keeps what it can compute again: `AFINA_CACHE`, else the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("AFINA_CACHE") or home / "afina")


def thread_request() -> int | None:
    """Return the number of threads asked for by `OMP_NUM_THREADS`, or None."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    return int(value) if value.isdigit() and int(value) > 0 else None


def wait_passively() -> None:
    """Let idle threads sleep instead of spinning, unless the user chose; to be said before torch is loaded.

    A thread that spins while it waits for another takes the core that other programs, and its own partner, need.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")


def remember_kernels() -> None:
    """Let oneDNN keep the kernels it compiles for every length of text, unless the user chose; to be said before a run.

    By default it keeps 1,024, which one epoch of mixed lengths overflows, so that the next one compiles them all again.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "4096")


def local_world_size() -> int:
    """Return the number of processes a launcher started on this machine; all of them where it does not say."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", str(world_size())))


def is_launched() -> bool:
    """Return whether a launcher (ours, torchrun, accelerate) started this process.

    `accelerate launch` on a machine without an accelerator starts one process whatever was asked for, and leaves only
    its own variables.
    """
    return "RANK" in os.environ or "ACCELERATE_MIXED_PRECISION" in os.environ


def for_process(rank: int, num_processes: int, port: int, threads: int) -> dict[str, str]:
    """Return the environment of one of several processes that train together on this machine.

    Args:
        rank: Its number, from 0.
        num_processes: How many there are.
        port: Free port of this machine, on which they find each other.
        threads: Its share of the machine's threads, unless the user asked for a number.
    """
    return {
        "OMP_NUM_THREADS": str(threads),
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(num_processes),
        "LOCAL_WORLD_SIZE": str(num_processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def for_work(threads: int) -> dict[str, str]:
    """Return the environment of a process that works for this one.

    Args:
        threads: Its threads, unless the user asked for a number.
    """
    return {"OMP_NUM_THREADS": str(threads), **os.environ}


def quiet_trackers() -> None:
    """Let trackers send no word of their own anywhere, and give up soon where a server is away; before their import.

    What the user set stays.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("WANDB_SILENT", "true")
