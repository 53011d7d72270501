from __future__ import annotations

from collections import namedtuple

import pytest
import torch

from grapevine.data import Batch, Data, HeteroData
from grapevine.errors import GraphTypeError
from grapevine.loader import Collater, DataLoader
from tests.data.peer import BOTH, graph, hetero, ours, same, theirs

peer = pytest.importorskip("torch_geometric.loader")
LOADERS = ((ours, DataLoader), (theirs, peer.DataLoader))
# The tests run beside a thread pool; the workers here start no threads of their own.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", [graph, hetero])
def test_batches_are_those_of_the_peer(kind, workers: int) -> None:
    found = []
    for module, loader in LOADERS:
        graphs = [kind(module, s) for s in range(5)]
        torch.manual_seed(0)
        kwargs = {"batch_size": 2, "shuffle": True, "follow_batch": ["x"], "exclude_keys": ["pos", "code"]}
        found.append(list(loader(graphs, num_workers=workers, **kwargs)))
    assert [batch.num_graphs for batch in found[0]] == [2, 2, 1]
    same(*found)
    if kind is graph:
        same(found[0][1][1], found[1][1][1])
    assert all(isinstance(batch, Batch) for batch in found[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_datasets_and_their_parts(workers: int) -> None:
    class Graphs(ours.InMemoryDataset):
        def __init__(self):
            super().__init__()
            self.data, self.slices = self.collate([graph(ours, s) for s in range(6)])

    loader = DataLoader(Graphs()[1:4], batch_size=2, num_workers=workers, drop_last=True)
    batches = list(loader)
    assert len(loader) == len(batches) == 1
    same(batches[0].x, Batch.from_data_list([graph(ours, 1), graph(ours, 2)]).x)


Pair = namedtuple("Pair", ["a", "b"])


def test_examples_of_every_kind_are_joined_as_by_the_peer() -> None:
    found = []
    for (module, _), collater in zip(LOADERS, (Collater, peer.dataloader.Collater)):
        data = module.Data(x=torch.ones(2, 1))
        example = {
            "graph": data,
            "tensor": torch.ones(3),
            "numbers": (1, 2.5, True),
            "string": "s",
            "pair": Pair(data, 3),
            "list": [data, torch.zeros(1)],
        }
        found.append(collater([])([example, example]))
    assert isinstance(found[0]["pair"], Pair) and isinstance(found[0]["list"][0], Batch)
    same(*found)
    with pytest.raises(GraphTypeError, match=r"expected examples that are graphs, .* got NoneType"):
        Collater([])([None])
    for single in (Data(x=torch.zeros(2, 1)), HeteroData()):
        with pytest.raises(GraphTypeError, match=r"got one .*Data; do this instead: NeighborLoader"):
            DataLoader(single)


def test_collate_fn_is_ours() -> None:
    loader = DataLoader([Data(x=torch.zeros(1))], collate_fn=lambda batch: None)
    assert isinstance(next(iter(loader)), Batch) and BOTH[0] is ours
