"""The two graphs of GraphSAGE that later work learns on: posts, and proteins in tissues."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import load_npz

from grapevine.data import Data
from grapevine.datasets._parts import PartsDataset
from grapevine.datasets._published import PublishedDataset, fetch
from grapevine.datasets.graph_saint import edges_of
from grapevine.utils import coalesce, remove_self_loops

_SPLITS = {"train": "train", "val": "valid", "test": "test"}


class Reddit(PublishedDataset):
    """Posts that one user commented on: 232,965 nodes, 114,615,892 edges, 602 features, 41 communities.

    Arguments as for `PublishedDataset`.

    Source: Hamilton et al., "Inductive Representation Learning on Large Graphs", arXiv:1706.02216.
    """

    def _archive(self) -> tuple[str, str]:
        return "reddit.zip", "https://data.dgl.ai/dataset/reddit.zip"

    def _urls(self) -> Mapping[str, str]:
        return {"reddit_data.npz": "", "reddit_graph.npz": ""}

    def _read(self, folder: Path) -> Data:
        with np.load(folder / "reddit_data.npz") as arrays:
            x = torch.from_numpy(arrays["feature"]).float()
            y = torch.from_numpy(arrays["label"]).long()
            part = torch.from_numpy(arrays["node_types"])
        edge_index = coalesce(edges_of(load_npz(folder / "reddit_graph.npz")), num_nodes=x.size(0))
        masks = {f"{name}_mask": part == i for i, name in enumerate(_SPLITS, start=1)}
        return Data(x=x, y=y, edge_index=edge_index, **masks)


class PPI(PartsDataset):
    """Proteins that interact, one graph for each of 24 tissues: 2,372 nodes on average, 50 features, 121 labels.

    Args:
        root: folder of the dataset.
        split: "train" (20 graphs), "val" (2) or "test" (2).
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``x`` (N, 50), ``y`` (N, 121) float32, several labels at once, and ``edge_index``, sorted.

    Raises:
        GraphValueError: for an unknown split.

    Source: Zitnik, Leskovec, "Predicting multicellular function through multi-layer tissue networks", arXiv:1707.04638.
    """

    @property
    def raw_file_names(self) -> list[str]:
        files = ("feats.npy", "graph_id.npy", "graph.json", "labels.npy")
        return [f"{split}_{file}" for split in _SPLITS.values() for file in files]

    def download(self) -> None:
        archive = "ppi.zip", "https://data.dgl.ai/dataset/ppi.zip"
        fetch(dict.fromkeys(self.raw_file_names, ""), archive, Path(self.raw_dir), self.root, "ppi")

    def _read(self, part: str) -> Iterator[Data]:
        stem = str(Path(self.raw_dir, _SPLITS[part]))
        x, y, member = (
            torch.from_numpy(np.load(f"{stem}_{name}.npy")) for name in ("feats", "labels", "graph_id")
        )
        graph = json.loads(Path(f"{stem}_graph.json").read_text())
        edges = torch.tensor([(link["source"], link["target"]) for link in graph["links"]]).t()
        if not graph["directed"]:
            edges = torch.cat([edges, edges.flip(0)], dim=1)
        edges = coalesce(remove_self_loops(edges)[0], num_nodes=len(member))
        for tissue in member.unique().tolist():
            mine = member == tissue
            place = mine.cumsum(0) - 1
            inside = edges[:, mine[edges[0]] & mine[edges[1]]]
            yield Data(x=x[mine].float(), y=y[mine].float(), edge_index=place[inside])
