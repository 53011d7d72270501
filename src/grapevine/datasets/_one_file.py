"""Datasets that are one published file holding one graph."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from grapevine.data import Data
from grapevine.datasets._published import WholeDataset
from grapevine.io import obtain


class OneFileDataset(WholeDataset):
    """One graph, read from the single file ``raw_file_names`` published below ``url``.

    Subclasses say the file's name, where it is published, and how it is read.
    """

    url: str
    name: str
    sha256: dict[str, str] = {}

    @abstractmethod
    def _read(self, path: str) -> Data: ...

    @property
    def _folder(self) -> str:
        return self.name

    @property
    def raw_dir(self) -> str:
        return str(Path(self.root) / self._folder / "raw")

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / self._folder / "processed")

    def download(self) -> None:
        obtain(
            [Path(self.raw_paths[0]).name],
            into=self.raw_dir,
            url=self.url,
            root=self.root,
            sha256=self.sha256,
        )

    def _graphs(self) -> Data:
        return self._read(self.raw_paths[0])
