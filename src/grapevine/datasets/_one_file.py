"""Datasets that are one published file holding one graph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grapevine.data import Data, InMemoryDataset
from grapevine.io import obtain


class OneFileDataset(InMemoryDataset):
    """One graph, read from the single file ``raw_file_names`` published below ``url``.

    Subclasses say the file's name, where it is published, and how it is read.
    """

    url: str
    name: str
    sha256: dict[str, str] = {}

    def __init__(
        self,
        root: str,
        transform: Callable[..., Any] | None,
        pre_transform: Callable[..., Any] | None,
        force_reload: bool,
    ) -> None:
        super().__init__(root, transform, pre_transform, force_reload=force_reload)
        self.load(self.processed_paths[0])

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

    @property
    def processed_file_names(self) -> str:
        return "grapevine.pt"

    def download(self) -> None:
        obtain(
            [Path(self.raw_paths[0]).name],
            into=self.raw_dir,
            url=self.url,
            root=self.root,
            sha256=self.sha256,
        )

    def process(self) -> None:
        data = self._read(self.raw_paths[0])
        self.save(self._kept([data]), self.processed_paths[0])
