"""The co-purchase and co-author networks of Shchur et al., and citations in the same form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from grapevine.data import Data
from grapevine.datasets._one_file import OneFileDataset
from grapevine.datasets._published import NamedDataset, known_name
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
        self.name = known_name(name, ("Computers", "Photo")).lower()
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
        self.name = known_name(name, ("CS", "Physics"))
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> str:
        return f"ms_academic_{self.name[:3].lower()}.npz"

    def _read(self, path: str) -> Data:
        return read_npz(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.name}()"


class CitationFull(NamedDataset):
    """Articles that cite each other; features are words.

    | name     | nodes  | edges   | features | classes |
    |----------|--------|---------|----------|---------|
    | Cora     | 19,793 | 126,842 | 8,710    | 70      |
    | Cora_ML  | 2,995  | 16,316  | 2,879    | 7       |
    | CiteSeer | 4,230  | 10,674  | 602      | 6       |
    | DBLP     | 17,716 | 105,734 | 1,639    | 4       |
    | PubMed   | 19,717 | 88,648  | 500      | 3       |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        to_undirected: whether to add the reverse of every edge.
        force_reload: whether to read the raw file again.

    Raises:
        GraphValueError: for an unknown name.
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: Bojchevski, Guennemann, "Deep Gaussian Embedding of Graphs", arXiv:1707.03815.
    """

    names = ("cora", "cora_ml", "citeseer", "dblp", "pubmed")

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        to_undirected: bool = True,
        force_reload: bool = False,
    ) -> None:
        self.to_undirected = to_undirected
        super().__init__(root, name, transform, pre_transform, force_reload)

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{'un' if self.to_undirected else ''}directed.pt"

    def _urls(self) -> dict[str, str]:
        file = f"{self.name}.npz"
        return {file: f"https://github.com/abojchevski/graph2gauss/raw/master/data/{file}"}

    def _read(self, folder: Path) -> Data:
        return read_npz(folder / f"{self.name}.npz", to_undirected=self.to_undirected)

    def __repr__(self) -> str:
        return f"{self.name.capitalize()}Full()"


class CoraFull(CitationFull):
    """`CitationFull` with the name Cora: 19,793 nodes, 126,842 edges, 8,710 features, 70 classes.

    Args:
        root: folder of the collection.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.

    Source: Bojchevski, Guennemann, "Deep Gaussian Embedding of Graphs", arXiv:1707.03815.
    """

    def __init__(
        self,
        root: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(root, "cora", transform, pre_transform)
