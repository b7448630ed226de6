"""Bottleneck adapters: small two-layer networks in a base that stays as it is, and the head.

All three placements hang on the projections whose output is added to the residual stream, so any block made of an
attention part and a feed-forward part has the places: two per block (Houlsby et al. 2019, arXiv:1902.00751, sec. 2.1),
one per block (Pfeiffer et al. 2021, arXiv:2005.00247, sec. 4) or one beside the feed-forward part (He et al. 2022,
arXiv:2110.04366, sec. 3.3 and 4.6).

Deviations: the base's norms stay frozen, where Houlsby et al. train them; the single adapter adds before the residual
addition, where AdapterHub's reads what the norm behind it gives; the parallel one reads what the feed-forward part's
first projection reads, behind the norm in front of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

from pydantic import Field

from afina.base.errors import RecipeError, SourceError
from afina.base.messages import say
from afina.base.types import Family
from afina.recipe.section import Section
from afina.tuning import _adapter_format
from afina.tuning._adapter_format import USAGE, Place, Saved
from afina.tuning._bottleneck import FUNCTIONS, NAME, Bottleneck, Nonlinearity, put_on, take_off
from afina.tuning._residual import Residual, residuals
from afina.tuning._selection import Choice, between, copies, frozen_units, layer_scales, put_back, select
from afina.tuning.contract import State, Tunable, TuningReport

if TYPE_CHECKING:
    from torch import Tensor

PARALLEL_SCALE = 4.0
"""The factor on a parallel adapter that He et al. found best (their section 4.6)."""

LEARNING_RATE = 1e-3
"""Between the two higher of the three rates that Houlsby et al. search over."""


class Config(Section):
    """Add bottleneck adapters to the base's blocks; they and the head move, the base does not."""

    kind: Literal["adapter"] = "adapter"
    """The technique's name."""
    placement: Literal["houlsby", "pfeiffer", "parallel"] = "pfeiffer"
    """Where they stand. `houlsby`: two per block, behind the attention and behind the feed-forward part. `pfeiffer`:
    one per block, behind the feed-forward part, with half the parameters. `parallel`: one per block, beside the
    feed-forward part."""
    reduction_factor: Annotated[int, Field(ge=1, le=1024)] = 16
    """How many times narrower than the block an adapter is in its middle, 1 to 1024. He et al. take 2 for
    `parallel`."""
    nonlinearity: Nonlinearity = "gelu"
    """What stands in an adapter's middle."""
    scale: Literal["auto"] | Annotated[float, Field(gt=0.0, le=100.0)] = "auto"
    """Factor on what an adapter adds, above 0 to 100. `auto` is 4 for `parallel` and 1 otherwise."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Probability with which a number that an adapter adds is left out while training, in [0, 1)."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Each block's adapters learn at this factor of the rate of the block above, in (0, 1]."""
    freeze_blocks: Annotated[int, Field(ge=0)] = 0
    """Lowest blocks that get no adapter, so that nothing in them has to be computed twice."""


def build(config: Config) -> Adapters:
    """Return the tuning that `config` describes."""
    return Adapters(config)


@dataclass(eq=False)
class Adapters:
    """Bottleneck adapters on one model.

    Args:
        config: Their options.
    """

    config: Config
    supports: frozenset[Family] = frozenset({"encoder", "decoder", "vision-transformer"})
    requires: Mapping[str, object] = field(default_factory=dict)
    begins_as_base: bool = True
    interpolates: bool = True
    virtual_tokens: int = 0
    usage: str = USAGE
    _names: tuple[str, ...] = ()
    _places: tuple[Place, ...] = ()
    _function: str = ""
    _scale: float = 1.0

    @property
    def scale(self) -> float:
        """The factor on what an adapter adds."""
        automatic = PARALLEL_SCALE if self.config.placement == "parallel" else 1.0
        return automatic if self.config.scale == "auto" else self.config.scale

    def apply(self, model: Tunable) -> TuningReport:
        """Hang fresh bottlenecks on the blocks, and report what moves.

        Raises:
            RecipeError: If a block has no attention part and feed-forward part, or fewer blocks are there than are to
                stay frozen.
        """
        config = self.config
        frozen_units(model, config.freeze_blocks, "tuning.adapter.freeze_blocks")
        fresh = {
            place: Bottleneck(
                residual.width,
                max(1, residual.width // config.reduction_factor),
                FUNCTIONS[config.nonlinearity],
                self.scale,
                config.dropout,
            )
            for residual in residuals(model, "tuning")[config.freeze_blocks :]
            for place in _places(residual, config.placement)
        }
        aliases = self._hang(model, fresh, FUNCTIONS[config.nonlinearity], self.scale)
        moving = {name for name, _ in model.named_parameters() if name not in aliases}
        choice = Choice(
            frozenset({*moving, *model.blocks.head}),
            LEARNING_RATE,
            say("between the rates that adapters are searched over, 3e-4 and 3e-3 (Houlsby et al., arXiv:1902.00751)"),
            layer_scales(model, config.layer_decay),
        )
        report = select("adapter", model, choice, aliases)
        self._names = report.names
        return report

    def state(self, model: Tunable) -> dict[str, Tensor]:
        """Return copies of the adapters and the head."""
        return copies(model, self._names)

    def load(self, model: Tunable, state: State) -> None:
        """Put the weights of `state` back, bit for bit."""
        put_back(model, state, self._names)

    def interpolate(self, model: Tunable, start: State, end: State, alpha: float) -> None:
        """Turn what every adapter adds, and the head, from `start` to `end`; the ends are met bit for bit.

        Between them an adapter reads with its final weights, and its last projection walks. From a fresh start, which
        adds nothing, that is `alpha` times what it adds at the end.
        """
        walked = dict(between(start, end, alpha))
        if 0.0 < alpha < 1.0:
            walked.update({name: weight for name, weight in end.items() if f".{NAME}.down." in name})
        put_back(model, walked, self._names)

    def merge(self, model: Tunable) -> NoReturn:
        """Refuse: there is a non-linearity between an adapter's two projections.

        Raises:
            RecipeError: Always.
        """
        raise RecipeError(
            "E-TUNING-043",
            say(
                "Bottleneck adapters cannot be folded into the base: between their two projections stands a "
                "non-linearity, and no weight of the base has one."
            ),
            where="tuning",
            expected=say("the base and the adapters beside it, as they were saved"),
            mend="tuning: lora",
        )

    def unload(self, model: Tunable) -> None:
        """Take the bottlenecks off; the base's own weights were never touched."""
        model.rewire(_take_all_off)
        self._names, self._places = (), ()

    def save(self, model: Tunable, folder: Path, base: str) -> bool:
        """Write the adapters and the network's own head, in the format of `_adapter_format`."""
        held = {name.removeprefix("network."): weight for name, weight in copies(model, self._names).items()}
        added = {name: weight for name, weight in held.items() if f".{NAME}." in name}
        own_head = [name.removeprefix("network.") for name in model.blocks.head if name.startswith("network.")]
        saved = Saved(
            self._places,
            self._function,
            self._scale,
            {name.replace(f".{NAME}.", "."): weight for name, weight in added.items()},
            {name: held[name] for name in own_head},
        )
        _adapter_format.write(folder, saved, base)
        return True

    def restore(self, model: Tunable, folder: Path) -> None:
        """Put what `save` wrote on a fresh base.

        Raises:
            SourceError: If the files are missing, or do not fit the base.
        """
        saved = _adapter_format.read(folder)
        modules = {path.removeprefix("network."): module for path, module in model.named_modules()}
        parameters = {name.removeprefix("network."): weight for name, weight in model.named_parameters()}
        absent = [path for place in saved.places for path in (place.output, place.read) if path and path not in modules]
        absent += [
            name for name, weight in saved.head.items() if name not in parameters or not _fits(parameters[name], weight)
        ]
        if absent:
            raise SourceError(
                "E-TUNING-044",
                say(
                    "The adapters were made for another network: this one has no {names}.", names=", ".join(absent[:5])
                ),
                where=str(folder),
                mend=say("Load the base that they were trained on."),
            )
        hung = {place: _filled(saved, place) for place in saved.places}
        aliases = self._hang(model, hung, saved.function, saved.scale)
        own = {f"network.{name}": weight for name, weight in saved.head.items()}
        put_back(model, own, own)
        head = set(model.blocks.head)
        self._names = tuple(name for name, _ in model.named_parameters() if name not in aliases or name in head)

    def _hang(
        self, model: Tunable, bottlenecks: Mapping[Place, Bottleneck], function: str, scale: float
    ) -> Mapping[str, str]:
        self._places, self._function, self._scale = tuple(bottlenecks), function, scale

        def change(network: Any) -> Any:
            for place, bottleneck in bottlenecks.items():
                put_on(network, place.output, bottleneck, place.read)
            return network

        return model.rewire(change)


def _places(residual: Residual, placement: str) -> tuple[Place, ...]:
    behind_feed = Place(residual.feed_output)
    return {
        "houlsby": (Place(residual.attention_output), behind_feed),
        "pfeiffer": (behind_feed,),
        "parallel": (Place(residual.feed_output, residual.feed_input),),
    }[placement]


def _filled(saved: Saved, place: Place) -> Bottleneck:
    own = {
        name.removeprefix(place.output + "."): weight
        for name, weight in saved.weights.items()
        if name.startswith(place.output + ".")
    }
    size, width = own["down.weight"].shape
    bottleneck = Bottleneck(width, size, saved.function, saved.scale, dropout=0.0).to(own["down.weight"].dtype)
    bottleneck.load_state_dict(own)
    return bottleneck


def _fits(parameter: Tensor, weight: Tensor) -> bool:
    return parameter.shape == weight.shape


def _take_all_off(network: Any) -> Any:
    take_off(network.modules())
    return network
