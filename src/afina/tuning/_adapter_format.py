"""The files of bottleneck adapters: ours, since no library that lives beside transformers 5 has any.

`adapter_config.json` says where the bottlenecks hang and what stands in their middle; `adapter.safetensors` holds their
weights, named by the projection they hang on, and the parameters of the head where it is inside the network.
`docs/guides/bottleneck-adapters.md` documents both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afina.base import durable
from afina.base.errors import SourceError
from afina.base.messages import say
from afina.tuning._bottleneck import FUNCTIONS

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 1
"""Version of the format."""

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter.safetensors"

PARTS = ("down", "up")
"""The two layers of a bottleneck."""

USAGE = """\
import json
from pathlib import Path

from safetensors.torch import load_file
from torch.nn import functional

adapter = json.loads(Path(f"{FOLDER}/adapter_config.json").read_text("utf-8"))
weights = load_file(f"{FOLDER}/adapter.safetensors")


def adapt(output, read):
    down, up = ([weights[f"{output}.{part}.{kind}"] for kind in ("weight", "bias")] for part in ("down", "up"))
    kept = []

    def add(module, args, states):
        middle = getattr(functional, adapter["function"])(functional.linear(kept.pop() if read else states, *down))
        return states + adapter["scale"] * functional.linear(middle, *up)

    if read:
        network.get_submodule(read).register_forward_pre_hook(lambda module, args: kept.append(args[0]))
    network.get_submodule(output).register_forward_hook(add)


for place in adapter["places"]:
    adapt(place["output"], place["read"])
network.load_state_dict({name: weights[name] for name in adapter["head"]}, strict=False)
"""
"""What puts the files on a plain transformers model, `network`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one bottleneck hangs, by module paths inside the network.

    Attributes:
        output: The projection to whose output it adds.
        read: The module whose input it reads; None where it reads that output.
    """

    output: str
    read: str | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """Adapters as their files hold them.

    Attributes:
        places: Where they hang.
        function: What `torch.nn.functional` calls what stands in their middle.
        scale: Factor on what they add.
        weights: `<place>.down.weight` (middle, width), `.down.bias`, `.up.weight` (width, middle), `.up.bias`.
        head: Parameters of the head inside the network, by their name there; empty where it has none.
    """

    places: tuple[Place, ...]
    function: str
    scale: float
    weights: Mapping[str, Tensor]
    head: Mapping[str, Tensor]


def write(folder: Path, saved: Saved, base: str) -> None:
    """Write adapters into a folder that exists.

    Args:
        folder: The folder.
        saved: The adapters.
        base: How others find the base.
    """
    config = {
        "afina_adapter": VERSION,
        "base_model_name_or_path": base,
        "function": saved.function,
        "scale": saved.scale,
        "places": [asdict(place) for place in saved.places],
        "head": list(saved.head),
    }
    durable.write_json(folder / CONFIG_FILE, config)
    durable.write_tensors(folder / WEIGHTS_FILE, {**saved.weights, **saved.head}, {"format": "pt"})


def read(folder: Path) -> Saved:
    """Return the adapters that a folder holds.

    Raises:
        SourceError: If it holds none, or they were written in a format that is not known.
    """
    path = folder / CONFIG_FILE
    if not path.is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise SourceError(
            "E-TUNING-041",
            say("{folder} holds no bottleneck adapters.", folder=str(folder)),
            expected=f"{CONFIG_FILE}, {WEIGHTS_FILE}",
            mend=say("Give the folder that a run with `tuning: adapter` saved."),
        )
    try:
        config: dict[str, Any] = json.loads(path.read_text("utf-8"))
        places = tuple(Place(place["output"], place["read"]) for place in config["places"])
        function, scale, head_names = config["function"], float(config["scale"]), list(config["head"])
        is_known = config["afina_adapter"] == VERSION and function in FUNCTIONS.values()
    except (ValueError, KeyError, TypeError):
        is_known = False
    if not is_known:
        raise SourceError(
            "E-TUNING-042",
            say("These adapters are in a format that this version does not read."),
            where=str(path),
            expected=f"afina_adapter: {VERSION}",
            mend=say("Load them with the version that saved them."),
        )
    tensors = durable.read_tensors(folder / WEIGHTS_FILE)
    named = [f"{place.output}.{part}.{kind}" for place in places for part in PARTS for kind in ("weight", "bias")]
    missing = [name for name in (*named, *head_names) if name not in tensors]
    if missing:
        raise SourceError(
            "E-TUNING-047",
            say("The file lacks what the adapters consist of: {names}.", names=", ".join(missing[:5])),
            where=str(folder / WEIGHTS_FILE),
            mend=say("Copy the whole folder again from where it was saved."),
        )
    head = {name: tensors.pop(name) for name in head_names}
    return Saved(places, function, scale, tensors, head)
