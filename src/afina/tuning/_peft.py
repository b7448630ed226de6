"""What every technique on the PEFT library shares: weights put into the network in place, saved in PEFT's format.

A technique says what PEFT's config is on a given model and how fast its parts learn (`Plan`); the rest is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from afina.base.errors import QualityError, RecipeError
from afina.base.messages import say
from afina.base.optional import need
from afina.base.types import Family
from afina.tuning import _peft_files
from afina.tuning._selection import Choice, between, copies, put_back, select
from afina.tuning.contract import State, Tunable, TuningReport

if TYPE_CHECKING:
    from torch import Tensor

ADAPTER = "default"
"""PEFT's name for the one adapter of a model."""

SAME = 1e-5
"""Largest difference, relative to the largest output, between a model and its merged self in float32."""

FAULTS = (
    ValueError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    AttributeError,
    KeyError,
    IndexError,
    AssertionError,
)
"""What a method of PEFT raises on a network that it was not made for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A technique on one model.

    Attributes:
        config: PEFT's config, with the layers that are meant.
        learning_rate: What `auto` means.
        reason: The rule behind it, with its source.
        scales: Learning-rate factor by unit; 1 where absent.
        own_scales: Further factor by part of a parameter's name, such as `lora_B`; 1 where none is in it.
        undecayed: Parts of names of parameters that weight decay leaves alone, such as factors that begin at one.
        begin: Called with PEFT's tuner once the weights are in the network, to give them other first values.
        ship: Turns PEFT's tuner, its config and its weights into the config and weights that others load.
    """

    config: Any
    learning_rate: float
    reason: str
    scales: Mapping[str, float] = field(default_factory=dict)
    own_scales: Mapping[str, float] = field(default_factory=dict)
    undecayed: frozenset[str] = frozenset()
    begin: Callable[[Any], None] | None = None
    ship: Callable[[Any, Any, State], tuple[Any, State]] | None = None


@dataclass(eq=False)
class Injected:
    """A tuning that puts weights of its own into the network, through PEFT.

    Args:
        kind: The technique's name.
        plan: What it is on a given model.
        held: Parts of names of weights that `interpolate` holds at their end, since only their product with what moves
            from zero counts; the others are mixed.
        unmergeable: Why it cannot be folded into the base, in a sentence; empty where it can.
        is_tried: Whether the network is run once with it, to see that it runs and leaves the base's weights alone.
    """

    kind: str
    plan: Callable[[Tunable], Plan]
    supports: frozenset[Family] = frozenset({"encoder", "decoder", "vision-transformer", "cnn"})
    requires: Mapping[str, object] = field(default_factory=dict)
    begins_as_base: bool = True
    interpolates: bool = True
    virtual_tokens: int = 0
    usage: str = _peft_files.USAGE
    held: tuple[str, ...] = ()
    unmergeable: str = ""
    is_tried: bool = False
    tuner: Any = None
    """PEFT's tuner, once the weights are in the network."""
    _names: tuple[str, ...] = ()
    _plan: Plan | None = None

    def apply(self, model: Tunable) -> TuningReport:
        """Put the technique's weights into the network, make them and the head trainable, and report them."""
        self._plan = plan = self.plan(model)
        before = (_sums(model), _outputs(model)) if self.is_tried else None
        aliases = model.rewire(lambda network: self._begun(network, plan))
        if before is not None:
            self._try_out(model, {name: before[0][alias] for name, alias in aliases.items()}, before[1])
        moving = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        names = frozenset(moving.union(model.blocks.head))
        own_scales = {
            name: scale for name in names for part, scale in plan.own_scales.items() if part in name.split(".")
        }
        undecayed = frozenset(name for name in names if plan.undecayed.intersection(name.split(".")))
        choice = Choice(names, plan.learning_rate, plan.reason, plan.scales, own_scales=own_scales, undecayed=undecayed)
        report = select(self.kind, model, choice, aliases)
        self._names = report.names
        return report

    def state(self, model: Tunable) -> dict[str, Tensor]:
        """Return copies of the weights that moved."""
        return copies(model, self._names)

    def load(self, model: Tunable, state: State) -> None:
        """Put the weights of `state` back, bit for bit."""
        put_back(model, state, self._names)

    def interpolate(self, model: Tunable, start: State, end: State, alpha: float) -> None:
        """Set the model to the point `alpha` of the way; the ends are met bit for bit.

        The update of a weight grows in proportion: of its factors, the one that began at zero is mixed with its start,
        the other stands at its end.
        """
        if not self.interpolates:
            raise RecipeError(
                "E-TUNING-025", say("There is no way from the base to what {kind} learns.", kind=self.kind)
            )
        state = dict(between(start, end, alpha))
        if alpha:
            state.update({name: end[name] for name in end if self._is_held(name)})
        put_back(model, state, self._names)

    def merge(self, model: Tunable) -> None:
        """Fold what was learnt into the base's own weights, and see that the outputs stay as they are.

        Raises:
            RecipeError: If the technique, or a quantised base, does not let itself be folded.
            QualityError: If the folded network says something else.
        """
        self._refuse_unmergeable()
        before = _outputs(model)
        try:
            model.rewire(lambda _: self.tuner.merge_and_unload())
        except FAULTS as error:
            raise RecipeError(
                "E-TUNING-026",
                say("{kind} cannot be folded into the base: {reason}", kind=self.kind, reason=_line(error)),
                mend=say("Use the adapter beside its base."),
            ) from error
        self.tuner = None
        difference = float((_outputs(model) - before).abs().max())
        if not difference <= SAME * max(1.0, float(before.abs().max())):
            raise QualityError(
                "E-TUNING-027",
                say(
                    "Folded into the base, the adapter says something else than beside it: by {difference:.2g}.",
                    difference=difference,
                ),
                mend=say("Use the adapter beside its base."),
            )

    def unload(self, model: Tunable) -> None:
        """Take the technique's weights out of the network; the base's own are what they were."""
        model.rewire(lambda _: self.tuner.unload())
        self.tuner = None

    def save(self, model: Tunable, folder: Path, base: str) -> bool:
        """Write PEFT's two files into `folder`; a head inside the network is in them."""
        config, tensors = self.tuner.peft_config[ADAPTER], self._tensors()
        if self._plan is not None and self._plan.ship is not None:
            config, shipped = self._plan.ship(self.tuner, config, tensors)
            tensors = dict(shipped)
        _peft_files.write(folder, config, tensors, base, model)
        return True

    def restore(self, model: Tunable, folder: Path) -> None:
        """Put what `save`, or PEFT, wrote on a fresh base.

        Raises:
            SourceError: If the files are missing, or do not fit the base.
        """
        config, tensors = _peft_files.read(folder)
        config.modules_to_save = None
        heads = _peft_files.head_parameters(model)
        model.rewire(lambda network: self._injected(network, config))
        _peft_files.check(folder, tensors, {**self._tensors(), **heads})
        own = {name: tensor for name, tensor in tensors.items() if name not in heads}
        need("peft", extra="train").set_peft_model_state_dict(View(self.tuner), own, ADAPTER)
        with torch.no_grad():
            for name, parameter in heads.items():
                parameter.copy_(tensors[name])
        added = {_peft_files.NETWORK + name for name in _added(self.tuner)}
        inside = set(model.blocks.head)
        self._names = tuple(name for name, _ in model.named_parameters() if name in added or name in inside)
        self._plan = None

    def _injected(self, network: Any, config: Any) -> Any:
        self.tuner = injected(self.kind, network, config)
        return network

    def _begun(self, network: Any, plan: Plan) -> Any:
        network = self._injected(network, plan.config)
        if plan.begin is not None:
            plan.begin(self.tuner)
        return network

    def _try_out(self, model: Tunable, sums: Mapping[str, float], outputs: Tensor) -> None:
        """Refuse a method that does nothing on this network, cannot be run on it, or changes the base's own weights.

        Args:
            model: The model, with the method's weights.
            sums: What the weights of the base summed to before, by their names now.
            outputs: What the network said of the probe before.
        """
        reason = ""
        if not any(parameter.requires_grad for _, parameter in self.tuner.model.named_parameters()):
            reason = say("it finds no layer there that it can change")
        elif any(total != sums.get(name, total) for name, total in _sums(model).items()):
            reason = say("it changes the base's own weights, so that what it learns does not fit the published base")
        else:
            try:
                self.begins_as_base = torch.equal(outputs, _outputs(model))
            except FAULTS as error:
                reason = _line(error)
        if reason:
            raise _does_not_fit(self.kind, model.network, reason)

    def _tensors(self) -> dict[str, Tensor]:
        """Return the adapter's weights by PEFT's names."""
        state: dict[str, Tensor] = need("peft", extra="train").get_peft_model_state_dict(
            View(self.tuner), adapter_name=ADAPTER, save_embedding_layers=False
        )
        return state

    def _is_held(self, name: str) -> bool:
        return any(part in self.held for part in name.split("."))

    def _refuse_unmergeable(self) -> None:
        reason = self.unmergeable
        quantised = any(not parameter.is_floating_point() for name, parameter in self.tuner.model.named_parameters())
        if quantised:
            reason = say("its base is quantised, and folding into rounded weights would round what was learnt")
        if reason:
            raise RecipeError(
                "E-TUNING-026",
                say("{kind} cannot be folded into the base: {reason}", kind=self.kind, reason=reason),
                mend="afina merge RUN -o FOLDER --onto-float32"
                if quantised
                else say("Use the adapter beside its base."),
            )


def injected(kind: str, network: Any, config: Any, name: str = ADAPTER) -> Any:
    """Put an adapter into a network, in place, and return PEFT's tuner of it.

    Args:
        kind: The technique's name.
        network: The transformers model.
        config: PEFT's config.
        name: PEFT's name for the adapter.

    Raises:
        RecipeError: If the method does not fit the network; the reason is PEFT's.
    """
    mapping = need("peft.mapping", extra="train")
    try:
        return mapping.PEFT_TYPE_TO_TUNER_MAPPING[config.peft_type](network, config, name)
    except FAULTS as error:
        raise _does_not_fit(kind, network, _line(error)) from error


def _does_not_fit(kind: str, network: Any, reason: str) -> RecipeError:
    return RecipeError(
        "E-TUNING-028",
        say("{kind} cannot be put on {network}: {reason}", kind=kind, network=type(network).__name__, reason=reason),
        where="tuning",
    )


class View(nn.Module):
    """PEFT's tuner under the name that its own `PeftModel` has for it, so that weights get PEFT's names."""

    def __init__(self, tuner: Any) -> None:
        super().__init__()
        self.base_model = tuner
        self.peft_config = tuner.peft_config


def _added(tuner: Any) -> list[str]:
    """Return the names, in the network, of the parameters that a tuner put there."""
    layer = need("peft.tuners.tuners_utils", extra="train").BaseTunerLayer
    inside = [path for path, module in tuner.model.named_modules() if isinstance(module, layer)]
    return [
        name
        for path in inside
        for name, _ in tuner.model.get_submodule(path).named_parameters(prefix=path)
        if not name.startswith(f"{path}.base_layer.")
    ]


def _sums(model: Tunable) -> dict[str, float]:
    """Return the sum of every weight that a technique did not add yet, to see later whether it was changed."""
    return {name: float(parameter.detach().double().sum()) for name, parameter in model.named_parameters()}


def _outputs(model: Tunable) -> Tensor:
    """Return what the network says of the probe, in evaluation mode."""
    network, training = model.network, model.network.training
    like = next(parameter for parameter in network.parameters() if parameter.is_floating_point())
    inputs = {name: _ramp(value, like) for name, value in model.probe.items()}
    network.eval()
    try:
        with torch.no_grad():
            return network(**inputs)[0]  # type: ignore[no-any-return]
    finally:
        network.train(training)


def _ramp(value: Tensor, like: Tensor) -> Tensor:
    """Return tokens as they are, and an image as a ramp: one of zeros would hide what a convolution does."""
    if not value.is_floating_point():
        return value.to(like.device)
    return torch.linspace(-1, 1, value.numel()).reshape(value.shape).to(like)


def _line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
