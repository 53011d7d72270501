"""News, true and false, as the trees of those who passed them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import load_npz

from grapevine.data import Data
from grapevine.data.files import google_url
from grapevine.datasets._parts import PartsDataset
from grapevine.datasets._published import NamedFolder, fetch
from grapevine.errors import GraphValueError
from grapevine.io import read_txt_array
from grapevine.utils import coalesce

_DRIVE = {"politifact": "1toou2GO0agoY_OS54LaCWEECQfe93nuq", "gossipcop": "1DkMAzC7XUUciAxsSujRJt3sq1MqaVI3g"}
_FEATURES = ("profile", "spacy", "bert", "content")


class UPFD(NamedFolder, PartsDataset):
    """News on Twitter, true or false: a tree from each to those who passed it on; node 0 is the news.

    | name       | graphs | nodes, all |
    |------------|--------|------------|
    | politifact | 314    | 41,054     |
    | gossipcop  | 5,464  | 314,262    |

    Args:
        root: folder of the collection.
        name: one of these names.
        feature: what is known of users and news: ``"profile"`` (10 numbers), ``"spacy"`` (300), ``"bert"`` (768), or
            ``"content"`` (310, profiles and words).
        split: ``"train"``, ``"val"`` or ``"test"``.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``x``, ``edge_index`` and ``y`` (1,), 1 for news that are false.

    Raises:
        GraphValueError: for an unknown name, feature or split.

    Source: Dou et al., "User Preference-aware Fake News Detection" (arXiv:2104.12259).
    """

    def __init__(
        self,
        root: str,
        name: str,
        feature: str,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        for value, known in ((name, tuple(_DRIVE)), (feature, _FEATURES)):
            if value not in known:
                raise GraphValueError(f"expected one of {known}, got {value!r}")
        self.name = name
        self.feature = feature
        super().__init__(root, split, transform, pre_transform, pre_filter, force_reload)

    @property
    def processed_dir(self) -> str:
        return str(Path(super().processed_dir, self.feature))

    @property
    def raw_file_names(self) -> list[str]:
        arrays = ("node_graph_id", "graph_labels", "train_idx", "val_idx", "test_idx")
        return [*(f"{name}.npy" for name in arrays), "A.txt", f"new_{self.feature}_feature.npz"]

    def download(self) -> None:
        archive = f"{self.name}.zip", google_url(_DRIVE[self.name])
        fetch(dict.fromkeys(self.raw_file_names, ""), archive, Path(self.raw_dir), self.root, self.name)

    def _read(self, part: str) -> Iterator[Data]:
        owner, labels, index = (
            torch.from_numpy(np.load(Path(self.raw_dir, f"{name}.npy"))).long()
            for name in ("node_graph_id", "graph_labels", f"{part}_idx")
        )
        x = torch.from_numpy(load_npz(self.raw_paths[-1]).toarray()).float()
        edges = read_txt_array(self.raw_paths[-2], sep=",", dtype=torch.long).view(-1, 2).t()
        edges = coalesce(edges, num_nodes=x.shape[0])
        y = labels.unique(return_inverse=True)[1]
        first = owner.new_zeros(y.numel() + 1)
        first[1:] = owner.bincount(minlength=y.numel()).cumsum(0)
        edge_first = torch.searchsorted(owner[edges[0]], torch.arange(y.numel() + 1))
        for graph in index.tolist():
            nodes, of = slice(first[graph], first[graph + 1]), slice(edge_first[graph], edge_first[graph + 1])
            yield Data(x=x[nodes], edge_index=edges[:, of] - first[graph], y=y[graph : graph + 1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, name={self.name}, feature={self.feature})"
