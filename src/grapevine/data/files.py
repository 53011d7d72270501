"""Getting and unpacking the files of a dataset."""

from __future__ import annotations

import bz2
import gzip
import os
import os.path as osp
import shutil
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from grapevine.errors import GraphValueError


def _say(text: str, log: bool) -> None:
    if log:
        sys.stderr.write(f"{text}\n")


def makedirs(path: str) -> None:
    """Creates a folder and those above it, unless they exist."""
    os.makedirs(path, exist_ok=True)


def download_url(url: str, folder: str, log: bool = True, filename: str | None = None) -> str:
    """Downloads a file unless it exists; it appears under its name only when it is complete.

    Args:
        url: the address.
        folder: where to put it.
        log: whether to say so on stderr.
        filename: its name; by default the last part of the address.

    Returns:
        The path of the file.
    """
    if filename is None:
        filename = url.rpartition("/")[2]
        filename = filename if filename.startswith("?") else filename.split("?")[0]
    path = osp.join(folder, filename)
    if osp.exists(path):
        _say(f"Using existing file {filename}", log)
        return path
    _say(f"Downloading {url}", log)
    os.makedirs(folder, exist_ok=True)
    with urllib.request.urlopen(url) as source, open(f"{path}.part", "wb") as target:
        shutil.copyfileobj(source, target)
    os.replace(f"{path}.part", path)
    return path


def google_url(id: str) -> str:
    """Where Google Drive gives the file of that id."""
    return f"https://drive.usercontent.google.com/download?id={id}&confirm=t"


def download_google_url(id: str, folder: str, filename: str, log: bool = True) -> str:
    """Downloads a file of Google Drive by its id."""
    return download_url(google_url(id), folder, log, filename)


def extract_tar(
    path: str, folder: str, mode: Literal["r:gz", "r:bz2", "r:xz", "r:*"] = "r:gz", log: bool = True
) -> None:
    """Unpacks a tar archive into a folder.

    Raises:
        GraphValueError: if something in it would come to lie, or lead, outside of the folder; nothing is unpacked then.
    """
    _say(f"Extracting {path}", log)
    home = Path(folder).resolve()
    with tarfile.open(path, mode) as archive:
        for member in archive.getmembers():
            place = home / member.name
            target = place.parent / member.linkname if member.issym() else home / member.linkname
            if member.isdev() or not all(p.resolve().is_relative_to(home) for p in (place, target)):
                raise GraphValueError(
                    f"expected an archive whose files stay in its folder, got {member.name!r}; do not unpack {path}"
                )
        # Python 3.11.4 and 3.10.12 brought a filter of their own; older ones do not look at it.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)


def extract_zip(path: str, folder: str, log: bool = True) -> None:
    """Unpacks a zip archive into a folder."""
    _say(f"Extracting {path}", log)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)


def extract_bz2(path: str, folder: str, log: bool = True) -> None:
    """Unpacks a file compressed by bzip2 into a folder, under its name without the ending."""
    _unpack(bz2.open, path, folder, log)


def extract_gz(path: str, folder: str, log: bool = True) -> None:
    """Unpacks a file compressed by gzip into a folder, under its name without the ending."""
    _unpack(gzip.open, path, folder, log)


def _unpack(opener: Callable[..., Any], path: str, folder: str, log: bool) -> None:
    _say(f"Extracting {path}", log)
    name = osp.splitext(osp.basename(path))[0]
    with opener(path, "rb") as source, open(osp.join(folder, name), "wb") as target:
        shutil.copyfileobj(source, target)
