"""Datasets of many graphs in several parts, and the trees of files they come from."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from grapevine.data import Data, InMemoryDataset
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError, download_file, find


class PartsDataset(InMemoryDataset):
    """Graphs in parts such as "train" and "test": all parts are saved, each in a file of its own, and one is loaded.

    Subclasses say which files make a part, and how they are read.
    """

    parts: Sequence[str] = ("train", "val", "test")

    def __init__(
        self,
        root: str,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if split not in self.parts:
            raise GraphValueError(f"expected one of {', '.join(map(repr, self.parts))}, got {split!r}")
        super().__init__(root, transform, pre_transform, pre_filter, force_reload=force_reload)
        self.load(self.processed_paths[list(self.parts).index(split)])

    @abstractmethod
    def _read(self, part: str) -> Iterable[Data]:
        """The graphs of a part, as published."""

    @property
    def processed_file_names(self) -> list[str]:
        return [f"grapevine_{part}.pt" for part in self.parts]

    def process(self) -> None:
        for part, path in zip(self.parts, self.processed_paths):
            graphs = self._kept(self._read(part))
            if not graphs:
                raise GraphValueError(f"{self.raw_dir}: expected graphs for {part!r}, found none")
            self.save(graphs, path)


class TrainTestDataset(PartsDataset):
    """Graphs for training and graphs for testing; `train` says which are loaded. As `PartsDataset`."""

    parts = ("train", "test")

    def __init__(
        self,
        root: str,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        super().__init__(
            root, "train" if train else "test", transform, pre_transform, pre_filter, force_reload
        )


def obtain_tree(archive: str, inside: str, into: str, url: str, root: str, folder: str | None = None) -> None:
    """Puts the files of a zip into a folder, in the folders they have there: from this machine, or downloaded.

    Args:
        archive: name of the zip; looked for in `root` and ``$GRAPEVINE_DATA``.
        inside: the folder of the zip whose contents are wanted; "": all.
        into: folder that receives them.
        url: where the zip is published.
        root: the dataset's root folder.
        folder: name of a folder in `root` or ``$GRAPEVINE_DATA`` that is as good as the zip.

    Raises:
        DownloadError: if it is missing here and the download fails, or the zip has no such folder.
    """
    target = Path(into)
    target.mkdir(parents=True, exist_ok=True)
    if folder is not None and (found := _folder(folder, root)) is not None:
        shutil.copytree(found, target, dirs_exist_ok=True)
        return
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        file = find(archive, root) or download_file(archive, Path(scratch), url)
        fresh = Path(scratch, "files")
        fresh.mkdir()
        with zipfile.ZipFile(file) as contents:
            _extract(contents, PurePosixPath(inside), fresh)
        if not any(fresh.iterdir()):
            raise DownloadError(f"{file}: expected a zip with files in {inside!r}, got none")
        # Moved at the end, so that an interrupted run leaves nothing that looks complete.
        shutil.copytree(fresh, target, dirs_exist_ok=True, copy_function=shutil.move)


def obtain_by_hand(name: str, into: str, url: str, root: str) -> None:
    """Copies a file that its publishers give to registered users only.

    Raises:
        DownloadError: if it is not on this machine, with the place where to ask for it.
    """
    found = find(name, root)
    if found is None:
        raise DownloadError(
            f"expected {name!r} on this machine, found none; do this instead: register at {url}, download it, and put "
            f"it into {into}, or into a folder that the environment variable GRAPEVINE_DATA names"
        )
    if found.parent != Path(into):
        shutil.copy(found, into)


def _folder(name: str, root: str) -> Path | None:
    for place in filter(None, (root, os.environ.get("GRAPEVINE_DATA"))):
        for depth in ("", "*/", "*/*/"):
            for path in sorted(Path(place).glob(depth + name)):
                if path.is_dir():
                    return path
    return None


def _extract(contents: zipfile.ZipFile, inside: PurePosixPath, into: Path) -> None:
    for info in contents.infolist():
        path = PurePosixPath(info.filename)
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
        if info.is_dir() or hidden or not path.is_relative_to(inside):
            continue
        target = into / path.relative_to(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contents.open(info) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
