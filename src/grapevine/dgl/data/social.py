"""Posts, pictures, reviews and encyclopedia pages: large graphs with a public split."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from scipy.io import loadmat

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph, heterograph
from grapevine.dgl.data.published import (
    Contents,
    OneGraphDataset,
    PublishedDataset,
    Record,
    floats,
    integers,
    put_masks,
)
from grapevine.dgl.data.utils import generate_mask_tensor
from grapevine.dgl.foreign import from_scipy
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.rewire import reorder_graph, to_bidirected

__all__ = [
    "FakeNewsDataset",
    "FlickrDataset",
    "FraudAmazonDataset",
    "FraudDataset",
    "FraudYelpDataset",
    "RedditDataset",
    "WikiCSDataset",
    "YelpDataset",
]


def _for_locality(g: DGLGraph) -> DGLGraph:
    return reorder_graph(g, "rcmk", "dst", store_ids=False)


# -- GraphSAINT's form: a matrix, features, and two JSON files ----------------------------------------


def _read_saint(data: Any) -> Contents:
    folder = Path(data.raw_path)
    g = from_scipy(scipy.sparse.load_npz(folder / "adj_full.npz"))
    g.ndata["feat"] = floats(np.load(folder / "feats.npy"))
    of_node = json.loads((folder / "class_map.json").read_text())
    g.ndata["label"] = integers([of_node.get(str(node), -1) for node in range(g.num_nodes())])
    role = json.loads((folder / "role.json").read_text())
    put_masks(g.ndata, (role["tr"], role["va"], role["te"]), g.num_nodes())
    return Contents([_for_locality(g) if data._reorder else g])


class _GraphSAINT(OneGraphDataset):
    """Arguments of both datasets.

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on the graph at every access.
        reorder: whether to number the nodes for locality.

    Source: Zeng et al., GraphSAINT, arXiv:1907.04931.
    """

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
        reorder: bool = False,
    ) -> None:
        self._reorder = reorder
        super().__init__(raw_dir, force_reload, verbose, transform)


class FlickrDataset(_GraphSAINT):
    """Pictures that share properties: 89,250 nodes, 899,756 edges, 500 features, 7 classes."""

    record = Record("flickr", "dataset/flickr.zip", _read_saint, num_classes=7)


class YelpDataset(_GraphSAINT):
    """Friends who write reviews: 716,847 nodes, 13,954,819 edges, 300 features, 100 classes, several at once."""

    record = Record("yelp", "dataset/yelp.zip", _read_saint, num_classes=100)


# -- Reddit and WikiCS --------------------------------------------------------------------------------


def _read_reddit(data: Any) -> Contents:
    folder = Path(data.raw_path)
    g = from_scipy(scipy.sparse.load_npz(folder / f"reddit{data._self_loop_str}_graph.npz"))
    with np.load(folder / "reddit_data.npz") as arrays:
        put_masks(g.ndata, [arrays["node_types"] == i for i in (1, 2, 3)])
        g.ndata["feat"], g.ndata["label"] = floats(arrays["feature"]), integers(arrays["label"])
    return Contents([_for_locality(g)])


class RedditDataset(OneGraphDataset):
    """Posts that one user commented on: 232,965 nodes, 114,615,892 edges, 602 features, 41 communities.

    Args:
        self_loop: whether every node has a self-loop.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
    """

    record = Record(
        "reddit{self._self_loop_str}", "dataset/reddit{self._self_loop_str}.zip", _read_reddit, num_classes=41
    )

    def __init__(
        self,
        self_loop: bool = False,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self._self_loop_str = "_self_loop" if self_loop else ""
        super().__init__(raw_dir, force_reload, verbose, transform)


def _read_wiki(data: Any) -> Contents:
    given = json.loads(Path(data.raw_path, "data.json").read_text())
    pairs = np.array([(i, j) for i, linked in enumerate(given["links"]) for j in linked])
    g = to_bidirected(graph((pairs[:, 0], pairs[:, 1]), num_nodes=len(given["labels"])))
    g.ndata["feat"], g.ndata["label"] = floats(given["features"]), integers(given["labels"])
    for name in ("train_mask", "val_mask", "stopping_mask"):
        g.ndata[name] = generate_mask_tensor(np.array(given[f"{name}s"]).T.copy())
    g.ndata["test_mask"] = generate_mask_tensor(np.array(given["test_mask"]))
    return Contents([_for_locality(g)])


class WikiCSDataset(OneGraphDataset):
    """Pages about computer science: 11,701 nodes, 431,726 edges, 300 features, 10 branches, 20 splits.

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Source: Mernyei, Cangea, Wiki-CS, arXiv:2007.02901.
    """

    record = Record("wiki_cs", "dataset/wiki_cs.zip", _read_wiki, num_classes=10)

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(raw_dir, force_reload, verbose, transform)


# -- fraud --------------------------------------------------------------------------------------------

_FRAUD = {
    "yelp": ("FraudYelp", "YelpChi.mat", "review", ("net_rsr", "net_rtr", "net_rur"), 0),
    # The first 3,305 users of Amazon have no labels.
    "amazon": ("FraudAmazon", "Amazon.mat", "user", ("net_upu", "net_usu", "net_uvu"), 3305),
}


def _read_fraud(data: Any) -> Contents:
    _, file, ntype, relations, first = _FRAUD[data._kind]
    arrays = loadmat(Path(data.raw_path, file))
    edges = {name: arrays[name].tocoo() for name in relations}
    features = floats(arrays["features"].todense())
    g = heterograph(
        {(ntype, name, ntype): (matrix.row, matrix.col) for name, matrix in edges.items()},
        {ntype: len(features)},
    )
    g.ndata["feature"], g.ndata["label"] = features, integers(arrays["label"].squeeze())
    order = np.random.RandomState(data.seed).permutation(np.arange(first, len(features)))
    train, held = int(data.train_size * len(order)), len(order) - int(data.val_size * len(order))
    put_masks(g.ndata, (order[:train], order[held:], order[train:held]), len(features))
    return Contents([g])


class FraudDataset(OneGraphDataset):
    """Spam reviews of Yelp (45,954 nodes) or fraudulent users of Amazon (11,944), joined by three relations.

    Args:
        name: `"yelp"` or `"amazon"`.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        random_seed: of the split.
        train_size: the fraction of training nodes.
        val_size: the fraction of validation nodes.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on the graph at every access.

    Raises:
        DGLError: for another name, and if the fractions are more than 1 in all.

    Source: Dou et al., Enhancing Graph Neural Network-based Fraud Detectors, arXiv:2008.08692.
    """

    record = Record(
        "{self._kind}",
        "dataset/{self._archive}.zip",
        _read_fraud,
        "{self.name}_dgl_graph_{self.hash}.bin",
        num_classes=2,
    )

    def __init__(
        self,
        name: str,
        raw_dir: str | None = None,
        random_seed: int = 717,
        train_size: float = 0.7,
        val_size: float = 0.1,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if name not in _FRAUD:
            raise DGLError(f"only supports 'yelp', or 'amazon', got {name!r}")
        if not 0 <= train_size + val_size <= 1:
            raise DGLError(f"expected train_size + val_size between 0 and 1, got {train_size + val_size}")
        self._kind, self._archive = name, _FRAUD[name][0]
        self.seed = random_seed
        self.train_size = train_size
        self.val_size = val_size
        super().__init__(raw_dir, force_reload, verbose, transform, (random_seed, train_size, val_size))


class FraudYelpDataset(FraudDataset):
    """`FraudDataset("yelp", ...)`."""

    def __init__(
        self,
        raw_dir: str | None = None,
        random_seed: int = 717,
        train_size: float = 0.7,
        val_size: float = 0.1,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__("yelp", raw_dir, random_seed, train_size, val_size, force_reload, verbose, transform)


class FraudAmazonDataset(FraudDataset):
    """`FraudDataset("amazon", ...)`."""

    def __init__(
        self,
        raw_dir: str | None = None,
        random_seed: int = 717,
        train_size: float = 0.7,
        val_size: float = 0.1,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(
            "amazon", raw_dir, random_seed, train_size, val_size, force_reload, verbose, transform
        )


# -- news ---------------------------------------------------------------------------------------------

_NEWS = {"gossipcop": "FakeNewsGOS", "politifact": "FakeNewsPOL"}


def _read_news(data: Any) -> Contents:
    folder = Path(data.raw_path)
    pairs = np.loadtxt(folder / "A.txt", delimiter=",", dtype=np.int64, ndmin=2)
    member = np.load(folder / "node_graph_id.npy")
    whole = graph((pairs[:, 0], pairs[:, 1]), num_nodes=len(member))
    groups = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])
    return Contents(
        [whole.subgraph(nodes) for nodes in groups],
        {"labels": integers(np.load(folder / "graph_labels.npy"))},
    )


class FakeNewsDataset(PublishedDataset):
    """How news spread on Twitter: a tree of the news and those who shared it, true or fake.

    Args:
        name: `"gossipcop"` (5,464 graphs) or `"politifact"` (314).
        feature_name: `"bert"`, `"content"`, `"profile"` or `"spacy"`.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        transform: called on every graph at access.

    Attributes:
        feature: `(N, F)` of the nodes of all graphs; `graph.ndata[dgl.NID]` are their rows.
        train_mask: `(G,)` of the graphs; likewise `val_mask` and `test_mask`.

    Raises:
        DGLError: for other names.

    Source: Dou et al., User Preference-aware Fake News Detection, arXiv:2104.12259.
    """

    record = Record(
        "{self._kind}", "dataset/{self._archive}.zip", _read_news, "{self.name}_dgl_graph.bin", num_classes=2
    )

    def __init__(
        self,
        name: str,
        feature_name: str,
        raw_dir: str | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if name not in _NEWS:
            raise DGLError(f"Only supports 'gossipcop' or 'politifact', got {name!r}")
        if feature_name not in ("bert", "content", "profile", "spacy"):
            raise DGLError(f"Only supports 'bert', 'content', 'profile', or 'spacy', got {feature_name!r}")
        self._kind, self._archive = name, _NEWS[name]
        self.feature_name = feature_name
        super().__init__(raw_dir, transform=transform)

    def process(self) -> None:
        super().process()
        self._read_beside()

    def _read_beside(self) -> None:
        folder = Path(self.raw_path)
        matrix = scipy.sparse.load_npz(folder / f"new_{self.feature_name}_feature.npz")
        self.feature = torch.from_numpy(np.asarray(matrix.todense()))
        sets = [np.load(folder / f"{part}_idx.npy") for part in ("train", "val", "test")]
        put_masks(self.__dict__, sets, len(self.graphs))

    @property
    def labels(self) -> Any:
        """`(G,)`: 1 for fake news."""
        return self._contents.labels["labels"]

    def has_cache(self) -> bool:
        return super().has_cache() and Path(self.raw_path).exists()

    def load(self) -> None:
        super().load()
        if not self._contents.labels:  # DGL keeps them elsewhere
            self._contents.labels["labels"] = integers(np.load(Path(self.raw_path) / "graph_labels.npy"))
        self._read_beside()

    @property
    def num_graphs(self) -> int:
        """The number of graphs."""
        return len(self.graphs)
