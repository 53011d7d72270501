"""Crossings and streets of cities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from grapevine.data import Data
from grapevine.datasets._published import NamedDataset

_GITHUB = "https://github.com/LeonResearch/City-Networks/raw/refs/heads/main/data"
_FILES = {
    "edge_index": "edge_indices",
    "y": "10-chunk_16-hop_node_labels",
    "train_mask": "train_mask",
    "val_mask": "valid_mask",
    "test_mask": "test_mask",
}


class CityNetwork(NamedDataset):
    """Crossings of a city, joined by streets; how central they are, in 10 classes, asks for far-away neighbours.

    | name     | nodes   | edges   | features |
    |----------|---------|---------|----------|
    | paris    | 114,127 | 182,511 | 37       |
    | shanghai | 183,917 | 262,092 | 37       |
    | la       | 240,587 | 341,523 | 37       |
    | london   | 568,795 | 756,502 | 37       |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        augmented: features of the streets too, not of crossings alone.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.
        delete_raw: remove the raw files afterwards; what was made of them stays.

    Returns:
        A graph with ``x``, ``edge_index``, ``y``, ``train_mask``, ``val_mask`` and ``test_mask``.

    Raises:
        GraphValueError: for an unknown name.

    Source: Liang et al., "Towards Quantifying Long-Range Interactions in Graph Machine Learning" (arXiv:2503.09008).
    """

    names = ("paris", "shanghai", "la", "london")

    def __init__(
        self,
        root: str,
        name: str,
        augmented: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
        delete_raw: bool = False,
    ) -> None:
        self.augmented = augmented
        super().__init__(root, name, transform, pre_transform, force_reload)
        if delete_raw:
            for path in map(Path, self.raw_paths):
                path.unlink(missing_ok=True)

    @property
    def processed_file_names(self) -> str:
        return f"grapevine{'' if self.augmented else '_plain'}.pt"

    def _archive(self) -> tuple[str, str]:
        return f"{self.name}.tar.gz", f"{_GITHUB}/{self.name}.tar.gz"

    def download(self) -> None:
        # Raw files that were removed are not missed.
        if self.force_reload or not Path(self.processed_paths[0]).exists():
            super().download()

    def _features(self) -> str:
        return "node_features_augmented" if self.augmented else "node_features"

    def _urls(self) -> Mapping[str, str]:
        return {f"{file}.pt": "" for file in (self._features(), *_FILES.values())}

    def _read(self, folder: Path) -> Data:
        files = {"x": self._features()} | _FILES
        return Data(
            **{key: torch.load(folder / f"{file}.pt", weights_only=True) for key, file in files.items()}
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(root='{self.root}', name='{self.name}', augmented={self.augmented})"
