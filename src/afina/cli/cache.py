"""`afina cache`: what was computed once and is kept on the disk, and removing it."""

from __future__ import annotations

from typing import Annotated

import typer

from afina.base import durable
from afina.base.errors import RunError, UsageError
from afina.base.messages import say
from afina.cli import output
from afina.inference import prefix_folder
from afina.inference.prefix_folder import Kept

app = typer.Typer(no_args_is_help=True, help=say("List and remove what was computed once and is kept."))
"""The verbs under `afina cache`."""


@app.command(name="ls", help=say("List what is kept, what was used longest ago first."))
def list_kept() -> None:
    """List what is kept, with sizes."""
    kept, place = prefix_folder.kept(), prefix_folder.root()
    total = sum(one.size_bytes for one in kept)
    if output.settings.json:
        entries = [one.to_dict() for one in kept]
        output.print_json({"folder": str(place), "size_bytes": total, "entries": entries})
    elif not kept:
        output.show(say("The prefix cache is empty ({folder}).", folder=place))
    else:
        heads = (say("key"), say("base"), say("frozen part"), say("precision"), say("unused for"), say("size"))
        output.table(heads, [_line(one) for one in kept], numbers=(4, 5))
        output.show(say("{size} in all, in {folder}", size=_size(total), folder=place))


@app.command(help=say("Remove what is kept, after asking; runs compute it again when they need it."))
def rm(
    keys: Annotated[list[str] | None, typer.Argument(help=say("Keys, or unique beginnings of keys."))] = None,
    older_than: Annotated[
        float | None, typer.Option(min=0, help=say("Remove what was not used for so many days."))
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help=say("Remove everything."))] = False,
) -> None:
    """Remove what is kept; what a process is writing to is refused, and then nothing is removed."""
    if bool(keys) + (older_than is not None) + all_ != 1:
        raise UsageError(
            "E-USAGE-020",
            say("Say what to remove: keys, --older-than or --all."),
            mend="afina cache rm --older-than 30",
        )
    chosen = [one for one in prefix_folder.kept() if _is_meant(one, keys, older_than)]
    _refuse_unknown(keys, chosen)
    total = _size(sum(one.size_bytes for one in chosen))
    for one in chosen:
        if one.is_held:
            raise RunError(
                "E-CACHE-002",
                say("A run is filling {key}.", key=one.key),
                where=str(prefix_folder.root() / one.key),
                mend=say("Wait until it is done, or stop it."),
            )
    if chosen and not output.confirm(say("Remove {count} entries, {size}?", count=len(chosen), size=total)):
        raise RunError(
            "E-CACHE-003",
            say("Nothing was removed."),
            where=", ".join(one.key for one in chosen),
            mend=say("Say yes when asked, or give --yes."),
        )
    if chosen:
        prefix_folder.remove([one.key for one in chosen])
        durable.remove_leftovers(prefix_folder.root())
    if output.settings.json:
        removed = [one.key for one in chosen]
        output.print_json({"removed": removed, "size_bytes": sum(one.size_bytes for one in chosen)})
    else:
        output.show(say("Removed {count} entries, {size}.", count=len(chosen), size=total))


def _is_meant(one: Kept, keys: list[str] | None, older_than: float | None) -> bool:
    if keys:
        return any(one.key.startswith(key) for key in keys)
    return older_than is None or one.unused_days > older_than


def _refuse_unknown(keys: list[str] | None, chosen: list[Kept]) -> None:
    """Refuse a key that names none, or more than one."""
    for key in keys or ():
        named = [one.key for one in chosen if one.key.startswith(key)]
        if len(named) != 1:
            raise RunError(
                "E-CACHE-001",
                say("{key} names {count} entries of the prefix cache.", key=key, count=len(named)),
                where=str(prefix_folder.root()),
                expected=", ".join(named) or say("a key that `afina cache ls` lists"),
            )


def _line(one: Kept) -> tuple[str, ...]:
    about = one.about
    unused = say("{days:.0f} days", days=one.unused_days) if one.used else "-"
    part = about.get("part", "-")
    return (one.key[:12], about.get("base", "-"), part, about.get("precision", "-"), unused, _size(one.size_bytes))


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.1f} MB"
