"""Cora, CiteSeer and PubMed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grapevine.data import InMemoryDataset
from grapevine.errors import GraphValueError
from grapevine.io import obtain, read_planetoid_data
from grapevine.transforms import RandomNodeSplit

_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
_MASKS = ("train_mask", "val_mask", "test_mask")
_SPLITS = ("public", "full", "geom-gcn", "random")
_SHA256 = {
    f"ind.{name}.{part}": digest
    for name, digests in {
        "cora": (
            "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
            "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
            "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
            "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
            "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
            "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
            "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
            "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
        ),
        "citeseer": (
            "d20de19150741e555de0ed037195630fc194114ebc7fd72ced62810148aa22f6",
            "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
            "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
            "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924",
            "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
            "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
            "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
            "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4",
        ),
        "pubmed": (
            "fbe9cb5c47200d1b7769a26e579be3b7130b556831f9d850e77c4c74f2599b33",
            "4eb5f5d0f30f26497eb0ac6ac9719d09c67e284f1ed0385c93f3ef27a671da3d",
            "508e538e2abdccdd54c4d3e9f49d638b4af7107d85845f66ddea5a5152658b7e",
            "e6c807633307a07ed659249006536a147c7999c797f11a2560752990181b41b3",
            "ee2e0d4819d9fbcc403689c3bf2e49face401b605932f093bc58ab6461130fdd",
            "0c37bbe3b5014ec365e9d393cf4791925e5ed94fb194305d74f064a8d7b50f0e",
            "5b89f0036ca22909471f1e6558eb42fa06e0c730a577bde5b058b40638f81dc9",
            "b101d421688bbaecbd82e8a18f1e282378d6830f3a37666f28ebc47f844341b5",
        ),
    }.items()
    for part, digest in zip(_PARTS, digests)
}


class Planetoid(InMemoryDataset):
    """The citation networks Cora, CiteSeer and PubMed: papers, bags of words, citations in both directions.

    | name     | nodes  | edges  | features | classes |
    |----------|--------|--------|----------|---------|
    | Cora     | 2,708  | 10,556 | 1,433    | 7       |
    | CiteSeer | 3,327  | 9,104  | 3,703    | 6       |
    | PubMed   | 19,717 | 88,648 | 500      | 3       |

    Args:
        root: folder of the dataset. The raw files (or a zip of them, ``cora.zip``) are taken from here, or
            from the folder ``$GRAPEVINE_DATA``, where they lie there, and downloaded otherwise.
        name: ``"Cora"``, ``"CiteSeer"`` or ``"PubMed"``, in any case.
        split: ``"public"``, the fixed split with 20 nodes per class for training; ``"full"``, which trains on
            all nodes that are neither in the validation nor in the test set; ``"geom-gcn"``, ten fixed splits
            as columns of the masks; ``"random"``, drawn anew from torch's generator.
        num_train_per_class: training nodes per class of the random split.
        num_val: validation nodes of the random split.
        num_test: test nodes of the random split.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Raises:
        GraphValueError: for an unknown name or split.
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: Yang, Cohen, Salakhutdinov, arXiv:1603.08861; ``full``: Chen, Ma, Xiao, arXiv:1801.10247;
    ``geom-gcn``: Pei et al., arXiv:2002.05287.
    """

    url = "https://github.com/kimiyoung/planetoid/raw/master/data"
    geom_gcn_url = "https://raw.githubusercontent.com/graphdml-uiuc-jlu/geom-gcn/master"

    def __init__(
        self,
        root: str,
        name: str,
        split: str = "public",
        num_train_per_class: int = 20,
        num_val: int = 500,
        num_test: int = 1000,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.name = name
        self.split = split.lower()
        if self.split not in _SPLITS:
            raise GraphValueError(f"expected a split of {_SPLITS}, got {split!r}")
        if name.lower() not in ("cora", "citeseer", "pubmed"):
            raise GraphValueError(f"expected a dataset of ('Cora', 'CiteSeer', 'PubMed'), got {name!r}")
        super().__init__(root, transform, pre_transform, force_reload=force_reload)
        self.load(self.processed_paths[0])
        if self.split in ("full", "random"):
            data: Any = self.get(0)
            if self.split == "full":
                data["train_mask"] = ~(data["val_mask"] | data["test_mask"])
            else:
                data = RandomNodeSplit("random", 1, num_train_per_class, num_val, num_test)(data)
            self.data, self.slices = self.collate([data])

    @property
    def _folder(self) -> Path:
        folder = Path(self.root) / self.name
        return folder / "geom-gcn" if self.split == "geom-gcn" else folder

    @property
    def raw_dir(self) -> str:
        return str(self._folder / "raw")

    @property
    def processed_dir(self) -> str:
        return str(self._folder / "processed")

    @property
    def raw_file_names(self) -> list[str]:
        return self._graph_file_names + (self._split_file_names if self.split == "geom-gcn" else [])

    @property
    def _graph_file_names(self) -> list[str]:
        return [f"ind.{self.name.lower()}.{part}" for part in _PARTS]

    @property
    def processed_file_names(self) -> str:
        return "grapevine.pt"

    @property
    def _split_file_names(self) -> list[str]:
        return [f"{self.name.lower()}_split_0.6_0.2_{i}.npz" for i in range(10)]

    def download(self) -> None:
        obtain(
            self._graph_file_names,
            into=self.raw_dir,
            url=self.url,
            root=self.root,
            archive=f"{self.name.lower()}.zip",
            sha256=_SHA256,
        )
        if self.split == "geom-gcn":
            obtain(
                self._split_file_names, into=self.raw_dir, url=f"{self.geom_gcn_url}/splits", root=self.root
            )

    def process(self) -> None:
        data = read_planetoid_data(self.raw_dir, self.name)
        if self.split == "geom-gcn":
            splits = []
            for name in self._split_file_names:
                with np.load(Path(self.raw_dir) / name) as arrays:
                    splits.append({mask: torch.from_numpy(arrays[mask]).bool() for mask in _MASKS})
            for mask in _MASKS:
                data[mask] = torch.stack([split[mask] for split in splits], dim=1)
        self.save(self._kept([data]), self.processed_paths[0])

    def __repr__(self) -> str:
        return f"{self.name}()"
