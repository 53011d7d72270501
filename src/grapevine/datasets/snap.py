"""Networks of the Stanford Network Analysis Project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.data.files import extract_tar
from grapevine.datasets._published import NamedDataset, fetch, rows
from grapevine.io.download import fetched
from grapevine.utils import coalesce

_URL = "https://snap.stanford.edu/data"
_FILES = {
    "ego-facebook": "facebook.tar.gz",
    "ego-gplus": "gplus.tar.gz",
    "ego-twitter": "twitter.tar.gz",
    "soc-ca-astroph": "ca-AstroPh.txt.gz",
    "soc-ca-grqc": "ca-GrQc.txt.gz",
    "soc-epinions1": "soc-Epinions1.txt.gz",
    "soc-livejournal1": "soc-LiveJournal1.txt.gz",
    "soc-pokec": "soc-pokec-relationships.txt.gz",
    "soc-slashdot0811": "soc-Slashdot0811.txt.gz",
    "soc-slashdot0922": "soc-Slashdot0902.txt.gz",
    "wiki-vote": "wiki-Vote.txt.gz",
}


class EgoData(Data):
    """Somebody's friends; in batches, circles keep their numbers apart."""

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        if key == "circle":
            return self.num_nodes
        if key == "circle_batch":
            return int(value.max()) + 1 if value.numel() else 0
        return super().__inc__(key, value, *args, **kwargs)


class SNAPDataset(NamedDataset):
    """Networks of friends, followers, authors and voters.

    | name             | graphs | nodes     | edges      |                                          |
    |------------------|--------|-----------|------------|------------------------------------------|
    | ego-facebook     | 10     | 4,039     | 88,234     | somebody's friends, and their circles    |
    | ego-gplus        | 132    | 107,614   | 13,673,453 | likewise                                 |
    | ego-twitter      | 973    | 81,306    | 1,768,149  | likewise                                 |
    | soc-ca-astroph   | 1      | 18,772    | 396,160    | authors in astrophysics                  |
    | soc-ca-grqc      | 1      | 5,242     | 28,980     | authors in general relativity            |
    | soc-epinions1    | 1      | 75,879    | 508,837    | who trusts whose reviews                 |
    | soc-livejournal1 | 1      | 4,847,571 | 68,993,773 | friends among bloggers                   |
    | soc-pokec        | 1      | 1,632,803 | 30,622,564 | friends in Slovakia                      |
    | soc-slashdot0811 | 1      | 77,360    | 905,468    | friends and foes among readers           |
    | soc-slashdot0922 | 1      | 82,168    | 948,464    | likewise, later                          |
    | wiki-vote        | 1      | 7,115     | 103,689    | who voted on whom                        |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``edge_index``; those of somebody's friends, of which the last node is that person, also with ``x``
        (N, F), except for gplus, and ``circle``, the members of all circles, with ``circle_batch``, which circle.

    Raises:
        GraphValueError: for an unknown name.

    Departures from PyTorch Geometric: the person is a node of their own, not the last of the friends; no edges of pokec
    are lost.

    Source: Leskovec & Krevl, "SNAP Datasets: Stanford Large Network Dataset Collection", 2014; McAuley & Leskovec,
    "Learning to Discover Social Circles in Ego Networks", NIPS 2012.
    """

    names = tuple(_FILES)

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        super().__init__(root, name, transform, pre_transform, force_reload, pre_filter=pre_filter)

    def _urls(self) -> dict[str, str]:
        file = _FILES[self.name]
        return {file.removesuffix(".gz").removesuffix(".tar"): f"{_URL}/{file}"}

    def download(self) -> None:
        archive = _FILES[self.name]
        if not archive.endswith(".tar.gz"):
            fetch(self._urls(), None, Path(self.raw_dir), self.root, self.name)
            return
        with fetched(archive, Path(self.raw_dir), f"{_URL}/{archive}", self.root) as path:
            extract_tar(str(path), self.raw_dir, log=False)

    def _read(self, folder: Path) -> list[Data]:
        path = folder / self.raw_file_names[0]
        if path.is_dir():
            return list(_egos(path, with_features=self.name != "ego-gplus"))
        edge_index = torch.from_numpy(np.loadtxt(path, dtype=np.int64, ndmin=2)).t()
        if self.name == "wiki-vote":
            edge_index = edge_index.unique(return_inverse=True)[1]
        num_nodes = int(edge_index.max()) + 1
        return [Data(edge_index=coalesce(edge_index, num_nodes=num_nodes), num_nodes=num_nodes)]

    def __repr__(self) -> str:
        return f"SNAP-{self.name}({len(self)})"


def _egos(folder: Path, with_features: bool) -> Iterator[EgoData]:
    files = sorted(folder.glob("*.edges"))
    names = (
        {file.stem: _feature_names(file.with_suffix(".featnames")) for file in files} if with_features else {}
    )
    column = {name: i for i, name in enumerate(sorted({name for each in names.values() for name in each}))}
    for file in files:
        table = rows(file.with_suffix(".feat"))
        number = {row[0]: i for i, row in enumerate(table)}
        ego = len(table)
        friends = [(number[a], number[b]) for a, b in rows(file)]
        known = [edge for i in range(ego) for edge in ((i, ego), (ego, i))]
        circles = [[number[friend] for friend in row[1:]] for row in rows(file.with_suffix(".circles"))]
        edge_index = torch.tensor(friends + known, dtype=torch.int64).view(-1, 2).t()
        data = EgoData(
            edge_index=coalesce(edge_index, num_nodes=ego + 1),
            circle=torch.tensor([friend for circle in circles for friend in circle], dtype=torch.int64),
            circle_batch=torch.tensor(
                [i for i, circle in enumerate(circles) for _ in circle], dtype=torch.int64
            ),
            num_nodes=ego + 1,
        )
        if with_features:
            own = rows(file.with_suffix(".egofeat"))[0]
            data.x = _features([*(row[1:] for row in table), own], names[file.stem], column)
        yield data


def _feature_names(file: Path) -> list[str]:
    return [line.partition(" ")[2] for line in file.read_text(encoding="utf-8").splitlines() if line]


def _features(table: list[list[str]], names: list[str], column: dict[str, int]) -> Tensor:
    x = torch.zeros(len(table), len(column))
    x[:, [column[name] for name in names]] = torch.tensor([[float(cell) for cell in row] for row in table])
    return x
