"""Raw files of datasets: taken from a folder on this machine where they are, downloaded otherwise."""

from __future__ import annotations

import gzip
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pooch
import requests

from grapevine.errors import GrapevineError

PathLike = str | os.PathLike[str]


class DownloadError(GrapevineError, OSError):
    """A file is neither on this machine nor could it be downloaded."""


def obtain(
    names: Iterable[str],
    into: PathLike,
    url: str,
    root: PathLike,
    archive: str | None = None,
    sha256: Mapping[str, str] | None = None,
) -> None:
    """Puts raw files into a folder: copied from this machine where they are, downloaded otherwise.

    Each file is looked for under its own name, then inside the zip `archive`; first in `root`, then in the
    folder that the environment variable ``GRAPEVINE_DATA`` names (both up to two folders deep).

    Args:
        names: names of the files.
        into: folder that receives them.
        url: where they are published; the name is appended.
        root: the dataset's root folder.
        archive: name of a zip file that may hold them.
        sha256: known checksums by name; a download that differs is refused.

    Raises:
        DownloadError: if a file is missing here and the download fails.
    """
    target = Path(into)
    for name in names:
        if (target / name).exists():
            continue
        if (found := find(name, root)) is not None:
            write_whole(target / name, found.open("rb"))
        elif archive is not None and (packed := _find_member(name, archive, root)) is not None:
            file, member = packed
            with zipfile.ZipFile(file) as contents:
                write_whole(target / name, contents.open(member))
        else:
            download_file(name, target, f"{url}/{name}", (sha256 or {}).get(name), archive)


def obtain_archive(
    archive: str,
    names: Sequence[str],
    into: PathLike,
    url: str,
    root: PathLike | None,
    sha256: Mapping[str, str] | None = None,
) -> None:
    """Puts those of the files `names` that a zip holds into a folder: from this machine, or downloaded.

    Args:
        archive: name of the zip.
        names: the wanted files, wherever in the zip they lie; the first must be there. A folder of `root` or
            ``$GRAPEVINE_DATA`` that holds the first is as good as the zip.
        into: folder that receives the files.
        url: where the zip is published; its name is appended.
        root: the dataset's root folder; None looks nowhere on this machine.
        sha256: known checksums by name of the zip; a download that differs is refused.

    Raises:
        DownloadError: if the files are missing here and the download fails, or the zip lacks the first file.
    """
    target = Path(into)
    # The first name comes last: where it exists, the others are complete.
    if root is not None and (first := find(names[0], root)) is not None:
        for path in (first.with_name(name) for name in reversed(names)):
            if path.exists():
                write_whole(target / path.name, path.open("rb"))
        return
    checksum = (sha256 or {}).get(archive)
    with (
        fetched(archive, target, f"{url}/{archive}", root, checksum) as file,
        zipfile.ZipFile(file) as contents,
    ):
        members = {Path(member).name: member for member in contents.namelist()}
        if names[0] not in members:
            raise DownloadError(f"{file}: expected a zip that holds {names[0]!r}, got {sorted(members)}")
        for name in reversed(names):
            if name in members:
                write_whole(target / name, contents.open(members[name]))


@contextmanager
def fetched(
    name: str, into: Path, url: str, root: PathLike | None, sha256: str | None = None
) -> Iterator[Path]:
    """An archive of this machine, or one that is downloaded into a folder and removed once it is read.

    Arguments as for `download_file`; `root` is the dataset's root folder, None looks nowhere on this machine.

    Raises:
        DownloadError: if it is missing here and the download fails.
    """
    found = None if root is None else find(name, root)
    file = found or download_file(name, into, url, sha256)
    yield file
    if found is None:
        file.unlink()


def find(name: str, root: PathLike) -> Path | None:
    """Returns the file of that name in `root` or ``$GRAPEVINE_DATA``, up to two folders deep, or None."""
    return next((folder / name for folder in _folders(root) if (folder / name).is_file()), None)


def download_file(
    name: str, into: PathLike, url: str, sha256: str | None = None, archive: str | None = None
) -> Path:
    """Downloads one file, checks it, and returns where it lies.

    Args:
        name: the file's name.
        into: folder that receives it.
        url: where it is published.
        sha256: its checksum; None accepts whatever comes.
        archive: name of a zip that would do as well, for the message.

    Raises:
        DownloadError: if it cannot be had, or differs from the checksum.
    """
    files = pooch.create(path=into, base_url="", registry={name: sha256}, urls={name: url}, retry_if_failed=2)
    try:
        return Path(files.fetch(name))
    except (requests.RequestException, OSError, ValueError) as error:
        instead = f" (or {archive!r})" if archive else ""
        raise DownloadError(
            f"could not download {name!r} from {url}: {error}; do this instead: fetch it with a browser, and "
            f"put it into {os.fspath(into)}, or put it{instead} into a folder that the environment variable "
            f"GRAPEVINE_DATA names"
        ) from error


def _folders(root: PathLike) -> Iterator[Path]:
    for folder in (root, os.environ.get("GRAPEVINE_DATA")):
        if folder and Path(folder).is_dir():
            yield Path(folder)
            for pattern in ("*/", "*/*/"):
                yield from sorted(path for path in Path(folder).glob(pattern) if path.is_dir())


def _find_member(name: str, archive: str, root: PathLike) -> tuple[Path, str] | None:
    if (file := find(archive, root)) is None:
        return None
    with zipfile.ZipFile(file) as contents:
        member = next((member for member in contents.namelist() if Path(member).name == name), None)
    return None if member is None else (file, member)


def write_whole(path: Path, source: IO[bytes] | gzip.GzipFile) -> None:
    """Writes a file from a stream and closes that; an interrupted copy is never taken for the file."""
    partial = path.with_name(path.name + ".part")
    with source, partial.open("wb") as out:
        shutil.copyfileobj(source, out)
    partial.replace(path)
