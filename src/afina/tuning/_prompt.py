"""What soft prompts, prefixes and p-tuning share: virtual tokens learn, the base stays, the files are PEFT's.

The three cannot be put into a block: they change what the base is called with. PEFT wraps the network for it; here a
hook on the base does the same (`_virtual`), so a classifier around the base stays what it was. What is read above
follows PEFT with `cls` pooling: the first position, which is the first virtual token where virtual tokens are
embeddings. `mean` and `last` pooling read the positions of the text alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import nn

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.base.types import Family
from afina.tuning import _peft_files, _virtual
from afina.tuning._peft import FAULTS
from afina.tuning._selection import Choice, between, copies, put_back, select
from afina.tuning._virtual import Enter, VirtualTokens
from afina.tuning.contract import State, Tunable, TuningReport

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "base_model."
"""What PEFT's names of the head's weights begin with where it wraps a network rather than changing it."""

VALUES = "prompt_embeddings"
"""PEFT's name for the values of virtual tokens, shape (V, W)."""

EMBEDDINGS_USAGE = """\
import torch
from safetensors.torch import load_file

prompt = load_file(f"{FOLDER}/adapter_model.safetensors")["prompt_embeddings"]


def put_in_front(network, args, inputs):
    words = network.get_input_embeddings()(inputs.pop("input_ids"))
    inputs["inputs_embeds"] = torch.cat([prompt.expand(len(words), -1, -1), words], 1)
    for name, fill in (("attention_mask", 1), ("token_type_ids", 0)):
        if name in inputs:
            inputs[name] = torch.nn.functional.pad(inputs[name], (len(prompt), 0), value=fill)
    return args, inputs


def keep_text(network, args, output):
    output.last_hidden_state = output.last_hidden_state[:, len(prompt) :]
    return output


network.register_forward_pre_hook(put_in_front, with_kwargs=True)
network.register_forward_hook(keep_text)
"""
"""What puts saved embeddings of virtual tokens on a bare base, and reads the positions of the text."""


@dataclass(frozen=True, slots=True)
class Technique:
    """What sets a technique apart.

    Attributes:
        kind: Its name.
        num_tokens: Virtual tokens.
        begin: Returns PEFT's config for a base with so many blocks, and a fresh encoder.
        enter: How the virtual tokens come in.
        pooled_usage: What puts the saved files on a bare base.
        learning_rate: What `auto` means.
        reason: The rule behind it, with its source.
        head_learning_rate: The same of the head, which bears less than virtual tokens do.
    """

    kind: str
    num_tokens: int
    begin: Callable[[Any, int], tuple[Any, nn.Module]]
    enter: Enter
    pooled_usage: str
    learning_rate: float
    reason: str
    head_learning_rate: float


@dataclass(eq=False)
class Prompted:
    """A tuning whose virtual tokens stand in front of every text.

    Args:
        technique: What sets it apart.
    """

    technique: Technique
    supports: frozenset[Family] = frozenset({"encoder", "decoder"})
    requires: Mapping[str, object] = field(default_factory=dict)
    begins_as_base: bool = False
    interpolates: bool = False
    usage: str = _peft_files.USAGE
    _config: Any = None
    _names: tuple[str, ...] = ()

    @property
    def virtual_tokens(self) -> int:
        """Positions of every sequence that it takes for itself."""
        return self.technique.num_tokens

    def apply(self, model: Tunable) -> TuningReport:
        """Put fresh virtual tokens in front of every text, and report what moves.

        Raises:
            RecipeError: If the base cannot be called with them.
        """
        technique = self.technique
        self._config, encoder = technique.begin(model.network.base_model, len(model.blocks.paths))
        aliases = self._put_on(model, encoder)
        moving = {name for name, _ in model.named_parameters() if name not in aliases}
        head = frozenset(model.blocks.head)
        choice = Choice(
            frozenset(moving | head),
            technique.learning_rate,
            technique.reason,
            own_scales=dict.fromkeys(head, technique.head_learning_rate / technique.learning_rate),
        )
        report = select(technique.kind, model, choice, aliases)
        self._names = report.names
        return replace(report, virtual_tokens=technique.num_tokens, takes_segments=False)

    def state(self, model: Tunable) -> dict[str, Tensor]:
        """Return copies of what makes the virtual tokens, and of the head."""
        return copies(model, self._names)

    def load(self, model: Tunable, state: State) -> None:
        """Put the weights of `state` back, bit for bit."""
        put_back(model, state, self._names)

    def interpolate(self, model: Tunable, start: State, end: State, alpha: float) -> None:
        """Set every weight that moved to `start + alpha * (end - start)`; `start` is not the base."""
        put_back(model, between(start, end, alpha), self._names)

    def merge(self, model: Tunable) -> NoReturn:
        """Refuse: no weight of the base could say what a further token says.

        Raises:
            RecipeError: Always.
        """
        raise RecipeError(
            "E-TUNING-045",
            say("Virtual tokens cannot be folded into the base: they stand in front of the text, not in its weights."),
            where="tuning",
            expected=say("the base and the virtual tokens beside it, as they were saved"),
            mend="tuning: lora",
        )

    def unload(self, model: Tunable) -> None:
        """Take the virtual tokens away; the base's own weights were never touched."""
        model.rewire(_taken_off)
        self._make_room(model, -self.virtual_tokens)
        self._names = ()

    def save(self, model: Tunable, folder: Path, base: str) -> bool:
        """Write the virtual tokens, and a head inside the network, as PEFT does."""
        with torch.no_grad():
            values_VW = getattr(model.network.base_model, _virtual.NAME)()
        _peft_files.write(folder, self._config, {VALUES: values_VW}, base, model, PREFIX)
        return True

    def restore(self, model: Tunable, folder: Path) -> None:
        """Put what `save`, or PEFT, wrote on a fresh base.

        Raises:
            SourceError: If the files are missing, or do not fit the base.
        """
        self._config, tensors = _peft_files.read(folder)
        fresh, _ = self.technique.begin(model.network.base_model, len(model.blocks.paths))
        heads = _peft_files.head_parameters(model, PREFIX)
        values_VW = tensors.get(VALUES, torch.empty(0))
        width = (
            fresh.token_dim
            if self.technique.enter is _virtual.as_embeddings
            else fresh.token_dim * fresh.num_layers * 2
        )
        _peft_files.check(folder, tensors, {VALUES: values_VW.new_empty(self.virtual_tokens, width), **heads})
        encoder = nn.Embedding(values_VW.shape[0], values_VW.shape[1], _weight=values_VW)
        aliases = self._put_on(model, encoder)
        with torch.no_grad():
            for name, parameter in heads.items():
                parameter.copy_(tensors[name])
        inside = set(model.blocks.head)
        self._names = tuple(name for name, _ in model.named_parameters() if name not in aliases or name in inside)

    def _put_on(self, model: Tunable, encoder: nn.Module) -> Mapping[str, str]:
        technique = self.technique
        tokens = VirtualTokens(encoder, technique.num_tokens, technique.enter)
        own_head = any(name.startswith(_peft_files.NETWORK) for name in model.blocks.head)
        self.usage = _peft_files.USAGE if own_head else technique.pooled_usage

        def change(network: Any) -> Any:
            _virtual.put_on(network.base_model, tokens)
            return network

        plain = _states(model)
        aliases = model.rewire(change)
        try:
            reason = "" if not torch.equal(plain, _states(model)) else say("it does not heed what stands before a text")
        except FAULTS as error:
            reason = str(error).strip().split("\n")[0]
        if reason:
            model.rewire(_taken_off)
            raise RecipeError(
                "E-TUNING-046",
                say(
                    "{kind} does not work on {network}: {reason}.",
                    kind=technique.kind,
                    network=type(model.network.base_model).__name__,
                    reason=reason,
                ),
                where="tuning",
                mend="tuning: prompt" if technique.enter is not _virtual.as_embeddings else "tuning: lora",
            )
        self._make_room(model, self.virtual_tokens)
        return aliases

    def _make_room(self, model: Tunable, num_tokens: int) -> None:
        model.layout = replace(model.layout, max_tokens=model.layout.max_tokens - num_tokens)


def _taken_off(network: Any) -> Any:
    _virtual.take_off(network.base_model)
    return network


def _states(model: Tunable) -> Tensor:
    """Return the base's last states on the probe, without those of virtual tokens, in evaluation mode."""
    base = model.network.base_model
    ids_ST = model.probe["input_ids"].to(next(base.parameters()).device)
    training = base.training
    base.eval()
    try:
        with torch.no_grad():
            states: Tensor = base(input_ids=ids_ST, attention_mask=torch.ones_like(ids_ST)).last_hidden_state
    finally:
        base.train(training)
    return states[:, -ids_ST.shape[1] :]
