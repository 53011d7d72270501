"""Datasets that are published as raw files: fetched, read by one function, and kept."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from grapevine.data import BaseData, InMemoryDataset
from grapevine.errors import GraphValueError
from grapevine.graph.mask import index_to_mask
from grapevine.io import DownloadError, download_file, find
from grapevine.io.download import fetched, write_whole

Graphs = BaseData | Sequence[BaseData]


class WholeDataset(InMemoryDataset):
    """One or several graphs, made of the raw files in one go (`_graphs`) and kept in one file.

    Arguments as for `PublishedDataset`.
    """

    def __init__(
        self,
        root: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
        *,
        pre_filter: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(root, transform, pre_transform, pre_filter, force_reload=force_reload)
        self.load(self.processed_paths[0])

    @abstractmethod
    def _graphs(self) -> Graphs: ...

    @property
    def processed_file_names(self) -> str:
        return "grapevine.pt"

    def process(self) -> None:
        read = self._graphs()
        graphs = read if isinstance(read, Sequence) else [read]
        self.save(self._kept(graphs), self.processed_paths[0])


class PublishedDataset(WholeDataset):
    """One or several graphs, from files that are published one by one or in one archive.

    Subclasses say where the files are (`_urls`, or `_archive` too) and how a folder of them is read (`_read`). What
    lies in the raw folder is not fetched; nor is an archive, or a file in a folder of the dataset's name, that lies in
    `root` or in the folder ``$GRAPEVINE_DATA``.

    Args:
        root: folder of the dataset.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        force_reload: whether to read the raw files again.
        pre_filter: tells of every graph whether it is kept.

    Raises:
        DownloadError: if the raw files are missing and cannot be downloaded.
    """

    @abstractmethod
    def _urls(self) -> Mapping[str, str]:
        """The raw files, and where each is published; an empty text for those of an archive."""

    @abstractmethod
    def _read(self, folder: Path) -> Graphs: ...

    def _archive(self) -> tuple[str, str] | None:
        """Name and place of the zip or tar that holds the files without a place of their own."""
        return None

    @property
    def raw_file_names(self) -> list[str]:
        return list(self._urls())

    def download(self) -> None:
        folder = getattr(self, "name", type(self).__name__)
        fetch(self._urls(), self._archive(), Path(self.raw_dir), self.root, folder.lower())

    def _graphs(self) -> Graphs:
        return self._read(Path(self.raw_dir))


class FilteredDataset(PublishedDataset):
    """As `PublishedDataset`, with `pre_filter` in its place among the arguments."""

    def __init__(
        self,
        root: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        super().__init__(root, transform, pre_transform, force_reload, pre_filter=pre_filter)


class NamedFolder(InMemoryDataset):
    """Raw and processed files lie in a folder of `root` that bears the dataset's `name`."""

    name: str

    @property
    def raw_dir(self) -> str:
        return str(Path(self.root) / self.name / "raw")

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / self.name / "processed")


class NamedDataset(NamedFolder, PublishedDataset):
    """One of several datasets of a collection, each in a folder of its own; `names` are those there are.

    Args:
        root: folder of the collection.
        name: which one, in any case.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        force_reload: whether to read the raw files again.
        pre_filter: tells of every graph whether it is kept.

    Raises:
        GraphValueError: for an unknown name.
    """

    names: tuple[str, ...]

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
        *,
        pre_filter: Callable[..., Any] | None = None,
    ) -> None:
        self.name = known_name(name, self.names)
        super().__init__(root, transform, pre_transform, force_reload, pre_filter=pre_filter)


def known_name(name: str, names: Sequence[str]) -> str:
    """The name as `names` has it; given in any case, with ``-`` or ``_``.

    Raises:
        GraphValueError: if it is none of them.
    """
    for known in names:
        if known.lower().replace("-", "_") == name.lower().replace("-", "_"):
            return known
    raise GraphValueError(f"expected a dataset of {tuple(names)}, got {name!r}")


def fetch(
    urls: Mapping[str, str], archive: tuple[str, str] | None, into: Path, root: str, folder: str
) -> None:
    """Puts raw files into a folder: from this machine where they are, downloaded otherwise.

    Args:
        urls: where each file is published; those that end in ``.gz`` while the file does not are unpacked.
        archive: name and place of the zip or tar that holds the files without a place of their own.
        into: the folder.
        root: where to look for the archive, or for `folder`, besides ``$GRAPEVINE_DATA``.
        folder: of the dataset; a file that is the only one is also found without it.

    Raises:
        DownloadError: if a file is missing here and cannot be downloaded.
    """
    packed = [name for name, url in urls.items() if not url]
    if archive is not None and not all((into / name).exists() for name in packed):
        with fetched(archive[0], into, archive[1], root) as file:
            _unpack(file, packed, into)
    for name, url in urls.items():
        if not url or (into / name).exists():
            continue
        found = find(f"{folder}/{name}", root) or (find(name, root) if len(urls) == 1 else None)
        if found is not None:
            write_whole(into / name, found.open("rb"))
        elif urlsplit(url).path.endswith(".gz") and not name.endswith(".gz"):
            file = download_file(f"{name}.gz", into, url)
            with gzip.open(file) as source:
                write_whole(into / name, source)
            file.unlink()
        else:
            download_file(name, into, url)


def _unpack(file: Path, names: list[str], into: Path) -> None:
    """Copies members of a zip or tar, wherever in it they lie."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as packed:
            found = {Path(n).name: n for n in packed.namelist() if not n.startswith("__MACOSX")}
            _copy(file, names, {key: lambda n=n: packed.open(n) for key, n in found.items()}, into)  # type: ignore[misc]
        return
    with tarfile.open(file) as tar:
        members = {Path(m.name).name: m for m in tar.getmembers() if m.isfile()}
        _copy(file, names, {key: lambda m=m: tar.extractfile(m) for key, m in members.items()}, into)  # type: ignore[misc]


def _copy(file: Path, names: list[str], members: Mapping[str, Callable[[], IO[bytes]]], into: Path) -> None:
    for name in names:
        if name not in members:
            raise DownloadError(f"{file}: expected a file {name!r} in it, got {sorted(members)}")
        write_whole(into / name, members[name]())


def rows(file: Path, separator: str | None = None, skip: int = 0) -> list[list[str]]:
    """The words of the lines of a text file, without its first `skip` lines and empty ones."""
    return [line.split(separator) for line in file.read_text(encoding="utf-8").splitlines()[skip:] if line]


def pairs(file: Path, separator: str | None = None, skip: int = 0) -> Tensor:
    """The first two columns of a table of integers as edges, (2, E)."""
    table = [(int(row[0]), int(row[1])) for row in rows(file, separator, skip)]
    return torch.tensor(table, dtype=torch.int64).view(-1, 2).t().contiguous()


def mask_of(index: Any, size: int) -> Tensor:
    """True at the given places, boolean (N,)."""
    return index_to_mask(torch.as_tensor(index, dtype=torch.int64), size)
