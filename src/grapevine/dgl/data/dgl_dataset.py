"""`DGLDataset`: what datasets in the DGL dialect are subclasses of."""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grapevine.dgl.data.utils import download, extract_archive, get_download_dir, makedirs
from grapevine.io import find

__all__ = ["DGLBuiltinDataset", "DGLDataset"]


class DGLDataset:
    """Graphs that are downloaded, processed and saved once, and loaded ever after.

    Making one calls `has_cache`; if that is true `load`, else `download` (unless `raw_path` exists), `process` and
    `save`. Subclasses write `process`, `__getitem__` and `__len__`, and the others as they need them.

    Args:
        name: of the dataset.
        url: where the raw files are published.
        raw_dir: folder of raw files; None means `get_download_dir()`.
        save_dir: folder of processed files; None means `raw_dir`.
        hash_key: what tells apart several forms of the dataset, see `hash`.
        force_reload: whether to process again.
        verbose: whether to print.
        transform: for subclasses to call on every graph they return, under the name `_transform`.
    """

    def __init__(
        self,
        name: str,
        url: str | None = None,
        raw_dir: str | None = None,
        save_dir: str | None = None,
        hash_key: tuple[Any, ...] = (),
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self._name = name
        self._url = url
        self._force_reload = force_reload
        self._verbose = verbose
        self._hash_key = hash_key
        self._hash = self._get_hash()
        self._transform = transform
        self._raw_dir = get_download_dir() if raw_dir is None else raw_dir
        self._save_dir = self._raw_dir if save_dir is None else save_dir
        self._load()

    def download(self) -> None:
        """Puts the raw files into `raw_dir`."""

    def process(self) -> None:
        """Makes the graphs of the raw files."""
        raise TypeError(
            f"expected {type(self).__name__} to say how raw files become graphs; write its process()"
        )

    def save(self) -> None:
        """Writes the processed graphs to `save_path`."""

    def load(self) -> None:
        """Reads what `save` wrote."""

    def has_cache(self) -> bool:
        """Whether `load` would find something."""
        return False

    def _download(self) -> None:
        if not os.path.exists(self.raw_path):
            makedirs(self.raw_dir)
            self.download()

    def _load(self) -> None:
        if not self._force_reload and self.has_cache():
            try:
                self.load()
            except Exception:  # a broken cache is made anew, as DGL does; said aloud if asked
                if self.verbose:
                    print(traceback.format_exc(), "Loading from cache failed, re-processing.", sep="\n")  # noqa: T201
            else:
                return
        self._download()
        self.process()
        self.save()

    def _get_hash(self) -> str:
        return _short_hash(self._hash_key)

    def _get_hash_url_suffix(self) -> str:
        return "" if self._url is None else "_" + _short_hash(self._url)

    @property
    def url(self) -> str | None:
        """Where the raw files are published."""
        return self._url

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self._name

    @property
    def raw_dir(self) -> str:
        """The folder in which raw files lie, each dataset's in a folder of its own."""
        return self._raw_dir

    @property
    def raw_path(self) -> str:
        """The folder of this dataset's raw files."""
        return os.path.join(self.raw_dir, self.name + self._get_hash_url_suffix())

    @property
    def save_dir(self) -> str:
        """The folder in which processed files lie."""
        return self._save_dir

    @property
    def save_path(self) -> str:
        """The folder of this dataset's processed files."""
        return os.path.join(self.save_dir, self.name + self._get_hash_url_suffix())

    @property
    def verbose(self) -> bool:
        """Whether to print."""
        return self._verbose

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits that stand for `hash_key`."""
        return self._hash

    def __getitem__(self, idx: Any) -> Any:
        raise TypeError(f"expected {type(self).__name__} to have items; write its __getitem__()")

    def __len__(self) -> int:
        raise TypeError(f"expected {type(self).__name__} to have a length; write its __len__()")

    def __repr__(self) -> str:
        return f'Dataset("{self.name}", num_graphs={len(self)}, save_path={self.save_path})'

    def _transformed(self, graph: Any) -> Any:
        return graph if self._transform is None else self._transform(graph)


class DGLBuiltinDataset(DGLDataset):
    """A dataset that is published as one archive.

    The archive is taken from `raw_dir` or the folder `$GRAPEVINE_DATA` where it lies there (up to two folders deep),
    and downloaded otherwise.

    Args:
        name: as of `DGLDataset`, like all others.
        url: of the archive.
        raw_dir: folder of raw and processed files.
        hash_key: tells apart several forms of the dataset.
        force_reload: whether to process again.
        verbose: whether to print.
        transform: called on every graph.
    """

    def __init__(
        self,
        name: str,
        url: str | None,
        raw_dir: str | None = None,
        hash_key: tuple[Any, ...] = (),
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(
            name,
            url=url,
            raw_dir=raw_dir,
            hash_key=hash_key,
            force_reload=force_reload,
            verbose=verbose,
            transform=transform,
        )

    def download(self) -> None:
        """Gets the archive and unpacks it into `raw_path`."""
        if self.url is not None:
            archive = find(self.url.split("/")[-1], self.raw_dir)
            if archive is None:
                suffix = "".join(Path(self.url).suffixes[-2:]) if self.url.endswith(".tar.gz") else ".zip"
                target = os.path.join(self.raw_dir, self.name + suffix)
                archive = Path(download(self.url, path=target, log=self.verbose))
            extract_archive(str(archive), self.raw_path)


def _short_hash(key: Any) -> str:
    return hashlib.sha1(str(key).encode(), usedforsecurity=False).hexdigest()[:8]
