"""Data sets on the Hub: `hub:owner/name`, with a folder, a revision and a split where they are wanted.

Only data files are ever fetched. A data set that is made by a Python script is refused: code that comes with data never
runs. What is fetched is named by its commit, so that a run goes on with the very same rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from afina.base import environment
from afina.base.errors import DataError
from afina.base.messages import say
from afina.base.optional import need
from afina.data.parts import is_data
from afina.recipe.reading import HUB

EXAMPLE = "hub:owner/name, hub:owner/name/folder@revision#train"
"""How such a name is spelled."""

_SPELLING = re.compile(
    r"hub:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<folder>[^@#]+?))?/?(?:@(?P<revision>[^#]+))?(?:#(?P<split>[\w.-]+))?"
)


@dataclass(frozen=True, slots=True)
class HubName:
    """A data set on the Hub, as asked for.

    Attributes:
        repo: `owner/name`.
        folder: Folder or file in it, or empty.
        revision: Branch, tag or commit; empty for the main branch.
        split: Split, or a word of the files' names; empty for all.
    """

    repo: str
    folder: str = ""
    revision: str = ""
    split: str = ""

    def __str__(self) -> str:
        folder = f"/{self.folder}" if self.folder else ""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{HUB}{self.repo}{folder}{revision}" + (f"#{self.split}" if self.split else "")


@dataclass(frozen=True, slots=True)
class Listing:
    """A data set's data files at one commit.

    Attributes:
        name: The data set, its revision being the commit.
        files: Data files in its folder, relative to it.
    """

    name: HubName
    files: tuple[str, ...]


def is_hub(name: str | Path) -> bool:
    """Return whether a name means a data set on the Hub."""
    return str(name).startswith(HUB)


def parse(name: str) -> HubName:
    """Return the parts of a data set's name.

    Raises:
        DataError: `E-DATA-030` if it is spelled otherwise than `EXAMPLE`.
    """
    match = _SPELLING.fullmatch(name.strip())
    if match is None:
        raise DataError(
            "E-DATA-030", say("{name} names no data set on the Hub.", name=name), where=name, expected=EXAMPLE
        )
    return HubName(**{part: value or "" for part, value in match.groupdict().items()})


def file_of(name: HubName, file: str) -> HubName:
    """Return the name of a file, or a folder, in a data set's folder."""
    return name if file == name.folder else replace(name, folder=f"{name.folder}/{file}".strip("/"), split="")


def listing(name: HubName) -> Listing:
    """Return which data files a data set has, and at which commit; nothing is fetched but their names.

    Raises:
        DataError: `E-DATA-031` no such data set, `E-DATA-032` access is refused, `E-DATA-033` no such revision,
            `E-DATA-034` not on this machine while the network is off, `E-DATA-035` it could not be asked for,
            `E-DATA-036` it has no data file.
    """
    hub = need("huggingface_hub", extra="train")
    offline = environment.is_offline()
    try:
        found = hub.HfApi().resolve_revision(
            name.repo, repo_type="dataset", revision=name.revision or None, local_files_only=offline
        )
        commit = str(found.resolved)
        files = _files(hub, name.repo, commit, offline)
    except _failures(hub) as error:
        raise _refused(hub, name, error) from error
    inside = f"{name.folder}/" if name.folder else ""
    own = [file for file in files if file.startswith(inside) or file == name.folder]
    data = tuple(file.removeprefix(inside) if file != name.folder else file for file in own if is_data(file))
    if not data:
        raise _no_data(name, own, files)
    return Listing(replace(name, revision=commit), data)


def fetch(found: HubName, files: Sequence[str]) -> list[Path]:
    """Bring data files of a listed data set onto this machine, unless they are there, and return their paths.

    Args:
        found: The data set, its revision being a commit.
        files: Files of its listing.

    Raises:
        DataError: As `listing`.
    """
    hub = need("huggingface_hub", extra="train")
    names = [file_of(found, file).folder for file in files]
    try:
        folder = hub.snapshot_download(
            found.repo,
            repo_type="dataset",
            revision=found.revision,
            allow_patterns=[_literally(name) for name in names],
            local_files_only=environment.is_offline(),
        )
    except _failures(hub) as error:
        raise _refused(hub, found, error) from error
    return [Path(folder, name) for name in names]


def _files(hub: Any, repo: str, commit: str, offline: bool) -> list[str]:
    try:
        return [file.path for file in hub.get_cached_repo_tree(repo, repo_type="dataset", revision=commit)]
    except hub.errors.CachedRepoTreeNotFoundError:
        if offline:
            raise
        return list(hub.HfApi().list_repo_files(repo, repo_type="dataset", revision=commit))


def _literally(name: str) -> str:
    """Return a pattern that matches this name alone."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _failures(hub: Any) -> tuple[type[Exception], ...]:
    errors = hub.errors
    return (
        OSError,
        ValueError,
        errors.HfHubHTTPError,
        errors.EntryNotFoundError,
        errors.RevisionResolutionError,
        errors.CachedRepoTreeNotFoundError,
    )


def _refused(hub: Any, name: HubName, error: Exception) -> DataError:
    errors, where, spelled = hub.errors, str(name), name.repo
    causes = _causes(error)
    is_closed = any(isinstance(cause, errors.GatedRepoError) for cause in causes) or _status(causes) in (401, 403)
    if is_closed and not _is_missing(errors, causes):
        return DataError(
            "E-DATA-032",
            say("The Hub does not let you read the data set {name}.", name=spelled),
            where=where,
            mend=say("Accept its terms on its page, then log in: hf auth login, or set HF_TOKEN."),
        )
    if any(isinstance(cause, errors.RevisionNotFoundError) for cause in causes):
        return DataError(
            "E-DATA-033",
            say("The data set {name} has no revision {revision}.", name=spelled, revision=repr(name.revision)),
            where=where,
            expected=say("a branch, a tag or a commit"),
        )
    if _is_missing(errors, causes):
        return DataError(
            "E-DATA-031",
            say("There is no data set {name} on the Hub, or it is private.", name=spelled),
            where=where,
            expected=EXAMPLE,
            mend=say("Check the name; for a private one log in: hf auth login, or set HF_TOKEN."),
        )
    if environment.is_offline():
        return DataError(
            "E-DATA-034",
            say("The data set {name} is not wholly on this machine, and the network is switched off.", name=spelled),
            where=where,
            mend=say("Fetch it once with the network on (without AFINA_OFFLINE and HF_HUB_OFFLINE), or give a folder."),
        )
    return DataError(
        "E-DATA-035",
        say("The data set {name} could not be fetched: {reason}", name=spelled, reason=str(error).split("\n")[0]),
        where=where,
        mend=say("Check the connection, or give a folder with its files."),
    )


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from; the Hub's library wraps what the server said."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def _status(causes: Sequence[BaseException]) -> int:
    responses: list[Any] = [getattr(cause, "response", None) for cause in causes]
    return next((int(response.status_code) for response in responses if response is not None), 0)


def _is_missing(errors: Any, causes: Sequence[BaseException]) -> bool:
    # The library counts a gated data set among the missing ones; for a user these are two different things.
    return any(
        isinstance(cause, errors.RepositoryNotFoundError) and not isinstance(cause, errors.GatedRepoError)
        for cause in causes
    )


def _no_data(name: HubName, own: Sequence[str], files: Sequence[str]) -> DataError:
    scripts = [file for file in own if file.endswith(".py")]
    mend = ""
    if scripts:
        mend = say(
            "A Python script makes its rows, and is never run; of many such sets the Hub keeps a parquet copy: {name}",
            name=str(replace(name, revision="refs/convert/parquet")),
        )
    return DataError(
        "E-DATA-036",
        say("There is no data file in {name}.", name=str(name)),
        where=str(name),
        expected="CSV, TSV, JSON, JSONL, parquet; "
        + say("it has {files}", files=", ".join((own or files)[:10]) or "-"),
        mend=mend,
    )
