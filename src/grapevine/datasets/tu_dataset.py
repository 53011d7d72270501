"""The graph classification benchmarks of TU Dortmund."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grapevine.data import InMemoryDataset
from grapevine.io import obtain_archive, read_tu_data

_PARTS = (
    "A",
    "graph_indicator",
    "graph_labels",
    "graph_attributes",
    "node_labels",
    "node_attributes",
    "edge_labels",
    "edge_attributes",
)
_SHA256 = {
    "AIDS.zip": "ef65a8095846588ffd6e17f95c1968a247d8ada7295a61209c401bda23d19ab9",
    "Letter-med.zip": "4daa9f88dcbada7c43876a160b47896e67bbe01524eb01f24c581a83fc655f54",
    "MUTAG.zip": "66112bc67b33235364e6e75edbbcbd61294b865897e05988bb67ebea8cb5a517",
    "NCI1.zip": "7ba51bf6ef3cc830039d4161dc4684cdd747745bb9b87cdd9f4655a9eb58a42d",
}


class TUDataset(InMemoryDataset):
    """Collections of small graphs with one label each: MUTAG, PROTEINS, NCI1, ENZYMES, IMDB-BINARY and more.

    | name        | graphs | nodes a graph | edges a graph | features | classes |
    |-------------|--------|---------------|---------------|----------|---------|
    | MUTAG       | 188    | 17.9          | 39.6          | 7        | 2       |
    | ENZYMES     | 600    | 32.6          | 124.3         | 3        | 6       |
    | PROTEINS    | 1,113  | 39.1          | 145.6         | 3        | 2       |
    | NCI1        | 4,110  | 29.9          | 64.6          | 37       | 2       |
    | IMDB-BINARY | 1,000  | 19.8          | 193.1         | 0        | 2       |

    Node and edge labels become one-hot features. Collections without node labels have no ``x``; see the
    transforms `Constant` and `OneHotDegree`.

    Args:
        root: folder of the dataset. The text files or the zip (``MUTAG.zip``) are taken from here, or from
            the folder ``$GRAPEVINE_DATA``, where they lie there, and downloaded otherwise.
        name: one of the names on chrsmrrs.github.io/datasets.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.
        use_node_attr: whether ``x`` begins with the continuous node attributes.
        use_edge_attr: whether ``edge_attr`` begins with the continuous edge attributes.
        cleaned: whether to take the collections without isomorphic graphs.

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: Morris et al., arXiv:2007.08663; cleaned: Ivanov, Sviridov, Burnaev, arXiv:1910.12091.
    """

    url = "https://www.chrsmrrs.com/graphkerneldatasets"
    cleaned_url = "https://raw.githubusercontent.com/nd7141/graph_datasets/master/datasets"

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
        use_node_attr: bool = False,
        use_edge_attr: bool = False,
        cleaned: bool = False,
    ) -> None:
        self.name = name
        self.cleaned = cleaned
        super().__init__(root, transform, pre_transform, pre_filter, force_reload=force_reload)
        self.load(self.processed_paths[0])
        self.sizes: dict[str, int] = json.loads(Path(self.processed_paths[1]).read_text())
        stored = self._data
        if stored.x is not None and not use_node_attr:
            stored.x = stored.x[:, self.num_node_attributes :]
        if stored.edge_attr is not None and not use_edge_attr:
            stored.edge_attr = stored.edge_attr[:, self.num_edge_attributes :]

    @property
    def raw_dir(self) -> str:
        return str(Path(self.root) / self.name / ("raw_cleaned" if self.cleaned else "raw"))

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / self.name / ("processed_cleaned" if self.cleaned else "processed"))

    @property
    def num_node_labels(self) -> int:
        """The number of columns of ``x`` that one-hot encode labels."""
        return self.sizes["num_node_labels"]

    @property
    def num_node_attributes(self) -> int:
        """The number of continuous node attributes, used or not."""
        return self.sizes["num_node_attributes"]

    @property
    def num_edge_labels(self) -> int:
        """The number of columns of ``edge_attr`` that one-hot encode labels."""
        return self.sizes["num_edge_labels"]

    @property
    def num_edge_attributes(self) -> int:
        """The number of continuous edge attributes, used or not."""
        return self.sizes["num_edge_attributes"]

    @property
    def raw_file_names(self) -> list[str]:
        return [f"{self.name}_A.txt", f"{self.name}_graph_indicator.txt"]

    @property
    def processed_file_names(self) -> list[str]:
        return ["grapevine.pt", "sizes.json"]

    def download(self) -> None:
        obtain_archive(
            f"{self.name}.zip",
            [f"{self.name}_{part}.txt" for part in _PARTS],
            into=self.raw_dir,
            url=self.cleaned_url if self.cleaned else self.url,
            root=None if self.cleaned else self.root,  # the cleaned files bear the same names
            sha256=None if self.cleaned else _SHA256,
        )

    def process(self) -> None:
        self.data, self.slices, sizes = read_tu_data(self.raw_dir, self.name)
        graphs = self._kept([self.get(i) for i in range(len(self))])
        self._data_list = None  # these were the graphs as read
        self.save(graphs, self.processed_paths[0])
        Path(self.processed_paths[1]).write_text(json.dumps(sizes))

    def __repr__(self) -> str:
        return f"{self.name}({len(self)})"
