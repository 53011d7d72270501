"""Features and edges that are kept elsewhere: batches as from the graph itself, and fields as the peer makes them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from grapevine.data import Data, EdgeAttr, FeatureStore, GraphStore, HeteroData, TensorAttr
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError
from grapevine.loader import LinkNeighborLoader, NeighborLoader
from tests.loader.test_neighbor_loader import heterogeneous, homogeneous

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)


class Features(FeatureStore):
    """Features in a dictionary, as arrays."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[Any, np.ndarray] = {}
        self.rows_read = 0

    def _put_tensor(self, tensor: Any, attr: TensorAttr) -> bool:
        self.values[attr.group_name, attr.attr_name] = np.asarray(tensor)
        return True

    def _get_tensor(self, attr: TensorAttr) -> Any:
        value = self.values.get((attr.group_name, attr.attr_name))
        if value is None or attr.index is None:
            return value
        self.rows_read += len(attr.index)
        return value[attr.index.numpy()]

    def _remove_tensor(self, attr: TensorAttr) -> bool:
        return self.values.pop((attr.group_name, attr.attr_name), None) is not None

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...] | None:
        value = self._get_tensor(attr)
        return None if value is None else value.shape

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        return [TensorAttr(*key) for key in self.values]


class Topology(GraphStore):
    """Edges in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[Any, tuple[EdgeAttr, Any]] = {}

    def _put_edge_index(self, edge_index: Any, edge_attr: EdgeAttr) -> bool:
        self.values[edge_attr.edge_type, edge_attr.layout] = (copy.copy(edge_attr), edge_index)
        return True

    def _get_edge_index(self, edge_attr: EdgeAttr) -> Any:
        return self.values.get((edge_attr.edge_type, edge_attr.layout), (None, None))[1]

    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:
        return self.values.pop((edge_attr.edge_type, edge_attr.layout), None) is not None

    def get_all_edge_attrs(self) -> list[EdgeAttr]:
        return [attr for attr, _ in self.values.values()]


def elsewhere(data: Any, layout: str = "coo") -> tuple[Features, Topology, Any]:
    """The graph in stores, and the graph with its edges in the order in which they are stored."""
    features, edges, data = Features(), Topology(), copy.copy(data)
    hetero = isinstance(data, HeteroData)
    for kind, store in data.node_items() if hetero else [(None, data)]:
        for key in store.node_attrs():
            features.put_tensor(store[key], kind, key, None)
        if not hetero:
            del store.train_mask
    for key, store in data.edge_items() if hetero else [(None, data)]:
        if layout == "csc":
            store.sort(sort_by_row=False) if hetero else store._store.sort(sort_by_row=False)
        row, col = store.edge_index
        size = store.size() if hetero else (data.num_nodes, data.num_nodes)
        if layout == "csc":
            col = torch.cat(
                [torch.zeros(1, dtype=torch.int64), torch.bincount(col, minlength=size[1]).cumsum(0)]
            )
        edges.put_edge_index((row, col), key, layout, size=size)
        if hetero:
            features.put_tensor(store.edge_attr, key, "edge_attr", None)
    return features, edges, data


@pytest.mark.parametrize("layout", ["coo", "csc"])
@pytest.mark.parametrize(
    "options", [{}, {"time_attr": "time"}, {"subgraph_type": "induced"}, {"num_workers": 1}]
)
def test_nodes(layout: str, options: dict) -> None:
    features, edges, data = elsewhere(homogeneous(), layout)
    batches = []
    for graph in (data, (features, edges)):
        torch.manual_seed(0)
        seeds = torch.arange(60)
        batches.append(list(NeighborLoader(graph, [3, 2], seeds, batch_size=16, shuffle=True, **options)))
    for ours, theirs in zip(*batches, strict=True):
        assert type(theirs) is Data and theirs.num_nodes == ours.num_nodes
        for key in ("x", "y", "time", "edge_index", "n_id", "e_id", "input_id"):
            assert torch.equal(ours[key], theirs[key]), key
        assert ours.num_sampled_nodes == theirs.num_sampled_nodes and ours.batch_size == theirs.batch_size
    if "num_workers" not in options:
        assert features.rows_read == sum(
            4 * batch.num_nodes for batch in batches[1]
        )  # x, y, time, train_mask


@pytest.mark.parametrize("layout", ["coo", "csc"])
def test_several_types(layout: str) -> None:
    features, edges, data = elsewhere(heterogeneous(), layout)
    numbers = {key: [2, 2] for key in data.edge_types}
    batches = []
    for graph in (data, (features, edges)):
        torch.manual_seed(0)
        batches.append(list(NeighborLoader(graph, numbers, ("paper", torch.arange(30)), batch_size=8)))
    for ours, theirs in zip(*batches, strict=True):
        for kind in data.node_types:
            assert torch.equal(ours[kind].x, theirs[kind].x) and torch.equal(
                ours[kind].n_id, theirs[kind].n_id
            )
        for key in data.edge_types:
            for name in ("edge_index", "e_id", "edge_attr"):
                assert torch.equal(ours[key][name], theirs[key][name])
    kind = ("author", "writes", "paper")
    batches = []
    for graph in (data, (features, edges)):
        torch.manual_seed(1)
        loader = LinkNeighborLoader(
            graph, [2], kind, batch_size=50, neg_sampling="binary", transform=copy.copy
        )
        batches.append(list(loader))
    for ours, theirs in zip(*batches, strict=True):
        assert torch.equal(ours[kind].edge_label_index, theirs[kind].edge_label_index)
        assert torch.equal(ours["author"].x, theirs["author"].x)
    assert len(list(NeighborLoader((features, edges), [1], "venue", batch_size=5))) == 1


def test_the_peer_finds_the_same_fields() -> None:
    """What a batch holds, by the peer's own function for such graphs."""
    peer = pytest.importorskip("torch_geometric.loader.utils")
    import torch_geometric.data as theirs

    features, edges, _ = elsewhere(heterogeneous())

    class Remote(theirs.FeatureStore, theirs.GraphStore):
        _put_tensor = _remove_tensor = _put_edge_index = _remove_edge_index = None

        def _get_tensor(self, attr: Any) -> Any:
            return torch.from_numpy(features.values[attr.group_name, attr.attr_name])[attr.index]

        def _get_tensor_size(self, attr: Any) -> Any:
            return None

        def get_all_tensor_attrs(self) -> Any:
            return [theirs.TensorAttr(*key) for key in features.values if isinstance(key[0], str)]

        def _get_edge_index(self, attr: Any) -> Any:
            return None

        def get_all_edge_attrs(self) -> Any:
            return [theirs.EdgeAttr(a.edge_type, "coo") for a in edges.get_all_edge_attrs()]

    Remote.__abstractmethods__ = frozenset()
    remote = Remote()
    batch = next(iter(NeighborLoader((features, edges), [2, 2], "paper", batch_size=9)))
    ends = {key: batch[key].edge_index for key in batch.edge_types}
    expected = peer.filter_custom_hetero_store(
        remote,
        remote,
        {kind: batch[kind].n_id for kind in batch.node_types},
        {key: pair[0] for key, pair in ends.items()},
        {key: pair[1] for key, pair in ends.items()},
        {},
    )
    for kind in expected.node_types:
        assert (
            torch.equal(expected[kind].x, batch[kind].x) and expected[kind].num_nodes == batch[kind].num_nodes
        )
    for key in expected.edge_types:
        assert torch.equal(expected[key].edge_index, batch[key].edge_index)


class Mine(Data):
    """A user's class of batches."""


def test_classes_and_errors() -> None:
    features, edges, _ = elsewhere(homogeneous())
    batch = next(iter(NeighborLoader((features, edges), [2], batch_size=4, custom_cls=Mine)))
    assert type(batch) is Mine and batch.x.shape == (batch.num_nodes, 8)
    with pytest.raises(GraphValueError, match="a graph store with edges, got an empty one"):
        NeighborLoader((features, Topology()), [2], torch.arange(3))
    bare = Topology()
    bare.put_edge_index((torch.tensor([0]), torch.tensor([1])), ("a", "to", "b"), "coo")
    with pytest.raises(GraphValueError, match=r"number of nodes of type 'a' .* give an EdgeAttr its size"):
        NeighborLoader((Features(), bare), [2], "a")
    features, edges, _ = elsewhere(heterogeneous())
    with pytest.raises(GraphTypeError, match="expected input_nodes as a node type"):
        NeighborLoader((features, edges), [2], torch.arange(3))
    with pytest.raises(GraphKeyError, match="expected one node type of the graph, got 'book'"):
        NeighborLoader((features, edges), [2], "book")
    with pytest.raises(GraphValueError, match="time_attr='t' on nodes or on edges"):
        NeighborLoader((features, edges), [2], "paper", time_attr="t")
