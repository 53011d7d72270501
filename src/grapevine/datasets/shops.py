"""Users, goods and ratings, from large tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grapevine.data import HeteroData
from grapevine.datasets._published import NamedDataset, PublishedDataset, mask_of
from grapevine.errors import require

_NOV_25, _DEC_3 = 1511539200, 1512316799


class Taobao(PublishedDataset):
    """What about a million users did with goods of a shop in nine days of 2017; needs pandas.

    Arguments as for `PublishedDataset`.

    Returns:
        A graph of ``user``, ``item`` and ``category``; edges from users to items with ``time`` and ``behavior``, 0
        looked at, 1 put into the cart, 2 bought, 3 liked, and from items to categories.

    Raises:
        MissingDependencyError: without pandas.

    Source: Zhu et al., "Learning Tree-based Deep Model for Recommender Systems" (arXiv:1801.02294).
    """

    def _archive(self) -> tuple[str, str]:
        place = "https://alicloud-dev.oss-cn-hangzhou.aliyuncs.com"
        return "UserBehavior.csv.zip", f"{place}/UserBehavior.csv.zip"

    def _urls(self) -> Mapping[str, str]:
        return {"UserBehavior.csv": ""}

    def _read(self, folder: Path) -> HeteroData:
        names = ["user", "item", "category", "behavior", "time"]
        table = require("pandas").read_csv(folder / "UserBehavior.csv", names=names)
        table = table[table["time"].between(_NOV_25, _DEC_3)].drop_duplicates()
        data = HeteroData()
        column: dict[str, Tensor] = {}
        for name in names[:3]:
            known, number = np.unique(table[name].to_numpy(), return_inverse=True)
            data[name].num_nodes = len(known)
            column[name] = torch.from_numpy(number)
        kinds = {"pv": 0, "cart": 1, "buy": 2, "fav": 3}
        did = data["user", "item"]
        did.edge_index = torch.stack([column["user"], column["item"]])
        did.time = torch.from_numpy(table["time"].to_numpy(copy=True))
        did.behavior = torch.from_numpy(table["behavior"].map(kinds).to_numpy(copy=True))
        belongs = torch.stack([column["item"], column["category"]])
        first = ~table[["item", "category"]].duplicated()
        data["item", "category"].edge_index = belongs[:, torch.from_numpy(first.to_numpy(copy=True))]
        return data


class RCDD(PublishedDataset):
    """Goods, and what they have to do with forbidden ones: 13,806,619 nodes of 7 types, 157,814,864 edges; needs
    pandas.

    Arguments as for `PublishedDataset`.

    Returns:
        A graph whose nodes have ``x`` (·, 256); those of type ``item`` ``y``, 1 for a risk, -1 unknown, ``train_mask``
        and ``test_mask``.

    Raises:
        MissingDependencyError: without pandas.

    Source: Liu et al., "Datasets and Interfaces for Benchmarking Heterogeneous Graph Neural Networks", CIKM 2023.
    """

    @property
    def num_classes(self) -> int:
        return 2

    def _archive(self) -> tuple[str, str]:
        place = "https://s3.cn-north-1.amazonaws.com.cn/dgl-data/dataset/openhgnn"
        return "AliRCD_ICDM.zip", f"{place}/AliRCD_ICDM.zip"

    def _urls(self) -> Mapping[str, str]:
        return {f"AliRCD_ICDM_{part}.csv": "" for part in ("nodes", "edges", "train_labels", "test_labels")}

    def _read(self, folder: Path) -> HeteroData:
        nodes_file, edges_file, *label_files = (folder / file for file in self._urls())
        read = require("pandas").read_csv
        data = HeteroData()
        nodes = read(nodes_file, header=None, names=["id", "type", "x"])
        number = torch.empty(len(nodes), dtype=torch.long)
        for name, table in nodes.groupby("type", sort=False):
            number[torch.from_numpy(table["id"].to_numpy(copy=True))] = torch.arange(len(table))
            data[name].num_nodes = len(table)
            cells = [np.array(text.split(":"), dtype=np.float32) for text in table["x"]]
            data[name].x = torch.from_numpy(np.stack(cells))

        edges = read(edges_file, header=None, names=["src", "dst", "src_type", "dst_type", "type"])
        for name, table in edges.groupby("type", sort=False):
            ends = torch.from_numpy(table[["src", "dst"]].to_numpy(copy=True))
            key = table["src_type"].iloc[0], name, table["dst_type"].iloc[0]
            data[key].edge_index = number[ends.t()].contiguous()

        items = data["item"]
        items.y = torch.full((items.num_nodes,), -1)
        for file, mask, sep in zip(label_files, ("train_mask", "test_mask"), (",", "\t"), strict=True):
            labels = torch.from_numpy(np.loadtxt(file, dtype=np.int64, delimiter=sep, ndmin=2))
            index = number[labels[:, 0]]
            items.y[index] = labels[:, 1]
            items[mask] = mask_of(index, items.num_nodes)
        return data


class IGMCDataset(NamedDataset):
    """Ratings of films, books and music by users, with features; needs h5py.

    | name        | users | items |
    |-------------|-------|-------|
    | flixster    | 3,000 | 3,000 |
    | douban      | 3,000 | 3,000 |
    | yahoo_music | 3,000 | 3,000 |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw file again.

    Returns:
        A graph of ``user`` and ``item`` with ``x``; edges both ways with ``rating``, those for training, and, from
        users to items, ``edge_label_index`` and ``edge_label``, those for testing.

    Raises:
        GraphValueError: for an unknown name.
        MissingDependencyError: without h5py.

    Source: Zhang & Chen, "Inductive Matrix Completion Based on Graph Neural Networks" (arXiv:1904.12058).
    """

    names = ("flixster", "douban", "yahoo_music")
    file = "training_test_dataset.mat"

    def _urls(self) -> Mapping[str, str]:
        return {self.file: f"https://github.com/muhanzhang/IGMC/raw/master/raw_data/{self.name}/{self.file}"}

    def _read(self, folder: Path) -> HeteroData:
        with require("h5py").File(folder / self.file, "r") as file:
            arrays = {key: torch.from_numpy(np.asarray(file[key])).float().t() for key in file}
        ratings = arrays["M"]
        of_users, of_items = {
            "flixster": ("W_users", "W_movies"),
            "douban": ("W_users", ""),
            "yahoo_music": ("", "W_tracks"),
        }[self.name]
        data = HeteroData()
        for name, key, count in (("user", of_users, ratings.shape[0]), ("item", of_items, ratings.shape[1])):
            data[name].x = arrays[key] if key else torch.eye(count)
        known, asked = (arrays[key].nonzero().t() for key in ("Otraining", "Otest"))
        there, back = data["user", "rates", "item"], data["item", "rated_by", "user"]
        there.edge_index, back.edge_index = known, known.flip(0)
        there.rating = back.rating = ratings[known[0], known[1]]
        there.edge_label_index, there.edge_label = asked, ratings[asked[0], asked[1]]
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name})"
