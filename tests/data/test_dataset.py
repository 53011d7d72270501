from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import torch

from grapevine.data import Data, Dataset
from grapevine.errors import GraphIndexError, GraphTypeError
from tests.data.peer import BOTH, ours, same


def paths(module, count: int = 10, **kwargs):
    class Paths(module.Dataset):
        def len(self):
            return count

        def get(self, idx):
            return module.Data(
                x=torch.full((idx + 1, 3), float(idx)), y=torch.tensor([idx % 4]), edge_attr=torch.zeros(2, 5)
            )

    return Paths(**kwargs)


INDICES = [
    slice(2, 7),
    slice(None, None, -3),
    slice(0.2, 0.85),
    slice(None, 0.5),
    [1, -1],
    (0, 3),
    range(4),
    torch.tensor([5, 2]),
    torch.arange(10) % 2 == 0,
    np.array([3, 1]),
    np.arange(10) > 6,
]


@pytest.mark.parametrize("idx", INDICES, ids=str)
def test_parts_are_those_of_the_peer(idx) -> None:
    data, peer = (paths(module)[idx] for module in BOTH)
    assert (
        repr(data) == repr(peer) and len(data) == len(peer) and list(data.indices()) == list(peer.indices())
    )
    same(list(data), list(peer))
    same(list(data[1:][[0]]), list(peer[1:][[0]]))


@pytest.mark.parametrize("idx", [0, -1, np.int64(3), torch.tensor(4)])
def test_examples_are_those_of_the_peer(idx) -> None:
    data, peer = (paths(module) for module in BOTH)
    same(data[idx], peer[idx])


def test_wrong_indices() -> None:
    dataset = paths(ours)
    for idx in (10, -11):
        with pytest.raises(GraphIndexError, match="expected an index in"):
            dataset[idx]
    for idx in ("x", torch.tensor([0.5]), {1}):
        with pytest.raises(IndexError, match="are valid indices"):
            dataset[idx]


def test_properties_are_those_of_the_peer() -> None:
    data, peer = (paths(module) for module in BOTH)
    for name in [
        "num_node_features",
        "num_features",
        "num_edge_features",
        "num_classes",
        "has_download",
        "has_process",
    ]:
        assert getattr(data, name) == getattr(peer, name), name
    assert repr(paths(ours, 1)) == repr(paths(BOTH[1], 1)) == "Paths()"
    torch.manual_seed(3)
    a, perm = data.shuffle(return_perm=True)
    torch.manual_seed(3)
    b = peer.shuffle()
    same(list(a), list(b))
    assert list(a.indices()) == perm.tolist()


def test_transforms_that_return_many_graphs() -> None:
    for module in BOTH:
        dataset = paths(module, transform=lambda data: (data, {"b": [data]}))
        assert dataset.num_classes == 4 and dataset.num_node_features == 3
        assert isinstance(dataset[0], tuple)


@pytest.mark.parametrize(
    "labels",
    [
        [torch.tensor([0]), torch.tensor([2])],
        [torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 1.0]])],
        [torch.tensor([0.0]), torch.tensor([1.0])],
        [3, 1],
    ],
)
def test_number_of_classes_is_that_of_the_peer(labels) -> None:
    found = []
    for module in BOTH:

        class Labelled(module.Dataset):
            def len(self):
                return len(labels)

            def get(self, idx, module=module):
                return module.Data(y=labels[idx])

        found.append(Labelled().num_classes)
    assert found[0] == found[1]


def test_number_of_classes_of_odd_labels() -> None:
    class Labelled(Dataset):
        def __init__(self, labels):
            super().__init__()
            self.labels = labels

        def len(self):
            return len(self.labels)

        def get(self, idx):
            return Data(y=self.labels[idx])

    assert Labelled([torch.tensor(2), torch.tensor(0)]).num_classes == 3
    assert Labelled([None]).num_classes == 0
    with pytest.warns(UserWarning, match="floating-point labels"):
        assert Labelled([torch.tensor([0.1, 0.2, 0.5])]).num_classes == 3


def test_what_must_be_defined() -> None:
    class Nothing(Dataset):
        pass

    for use in (
        len,
        lambda d: d.get(0),
        lambda d: d.raw_paths,
        lambda d: d.processed_paths,
        lambda d: d.process(),
    ):
        with pytest.raises(GraphTypeError, match="expected 'Nothing' to define '"):
            use(Nothing())


def on_disk(module):
    class OnDisk(module.Dataset):
        steps: list[str] = []

        @property
        def raw_file_names(self):
            return ["a.txt", "b.txt"]

        def processed_file_names(self):  # a method where a property is meant, which both forgive
            return "all.pt"

        def download(self):
            self.steps.append("download")
            for path in self.raw_paths:
                open(path, "w").close()

        def process(self):
            self.steps.append("process")
            open(self.processed_paths[0], "w").close()

        def len(self):
            return 1

        def get(self, idx):
            return None

    return OnDisk


class Setting:
    pass


def test_files_are_made_once(tmp_path, capsys) -> None:
    for module in BOTH:
        root, cls = str(tmp_path / module.__name__), on_disk(module)
        dataset = cls(root)
        assert dataset.raw_dir == os.path.join(root, "raw") and dataset.has_download and dataset.has_process
        cls(root)
        assert cls.steps == ["download", "process"]
        os.remove(dataset.raw_paths[1])
        cls(root, force_reload=True, log=False)
        assert cls.steps == ["download", "process"] * 2
        with pytest.warns(UserWarning, match="The `pre_transform` argument differs"):
            cls(root, pre_transform=Setting())
        cls(root, pre_transform=Setting(), force_reload=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            cls(root, pre_transform=Setting())  # another object, but it prints the same
    assert capsys.readouterr().err.count("Processing...\nDone!\n") == 2
    assert paths(ours, root="~/x").root == os.path.expanduser("~/x")
    # the two libraries read one another's folders
    on_disk(ours)(str(tmp_path / BOTH[1].__name__), pre_transform=Setting())
