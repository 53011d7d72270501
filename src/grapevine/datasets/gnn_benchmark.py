"""The co-purchase and co-author networks of Shchur et al."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grapevine.data import Data
from grapevine.datasets._one_file import OneFileDataset
from grapevine.errors import GraphValueError
from grapevine.io import read_npz

_URL = "https://github.com/shchur/gnn-benchmark/raw/master/data/npz"


class Amazon(OneFileDataset):
    """Goods that are often bought together; features are words of their reviews, classes their categories.

    | name      | nodes  | edges   | features | classes |
    |-----------|--------|---------|----------|---------|
    | Computers | 13,752 | 491,722 | 767      | 10      |
    | Photo     | 7,650  | 238,162 | 745      | 8       |

    Args:
        root: folder of the dataset. The raw file is taken from here, or from the folder ``$GRAPEVINE_DATA``,
            where it lies there, and downloaded otherwise.
        name: ``"Computers"`` or ``"Photo"``, in any case.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw file again.

    Raises:
        GraphValueError: for an unknown name.
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: Shchur et al., "Pitfalls of Graph Neural Network Evaluation", arXiv:1811.05868.
    """

    url = _URL

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.name = name.lower()
        if self.name not in ("computers", "photo"):
            raise GraphValueError(f"expected a dataset of ('Computers', 'Photo'), got {name!r}")
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def _folder(self) -> str:
        return self.name.capitalize()

    @property
    def raw_file_names(self) -> str:
        return f"amazon_electronics_{self.name}.npz"

    def _read(self, path: str) -> Data:
        return read_npz(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.name.capitalize()}()"


class Coauthor(OneFileDataset):
    """Authors who wrote papers together; features are keywords of their papers, classes their fields.

    | name    | nodes  | edges   | features | classes |
    |---------|--------|---------|----------|---------|
    | CS      | 18,333 | 163,788 | 6,805    | 15      |
    | Physics | 34,493 | 495,924 | 8,415    | 5       |

    Args:
        root: folder of the dataset. The raw file is taken from here, or from the folder ``$GRAPEVINE_DATA``,
            where it lies there, and downloaded otherwise.
        name: ``"CS"`` or ``"Physics"``, in any case.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw file again.

    Raises:
        GraphValueError: for an unknown name.
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: Shchur et al., "Pitfalls of Graph Neural Network Evaluation", arXiv:1811.05868.
    """

    url = _URL

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        names = {"cs": "CS", "physics": "Physics"}
        if name.lower() not in names:
            raise GraphValueError(f"expected a dataset of ('CS', 'Physics'), got {name!r}")
        self.name = names[name.lower()]
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> str:
        return f"ms_academic_{self.name[:3].lower()}.npz"

    def _read(self, path: str) -> Data:
        return read_npz(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.name}()"
