"""What happened in the world, and when: facts of news, apps that were installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from grapevine.data import Data, TemporalData
from grapevine.datasets._parts import PartsDataset
from grapevine.datasets._published import PublishedDataset, fetch, rows

_MYKET = "https://raw.githubusercontent.com/erfanloghmani/myket-android-application-market-dataset/main/data_int_index"
_RE_NET = "https://github.com/INK-USC/RE-Net/raw/master/data"


class EventDataset(PartsDataset):
    """Facts in three parts; each a graph of numbers, for `RENet`, whose `pre_transform` adds histories.

    Subclasses say how many entities and relations there are, and how long a time step is.
    """

    step: int
    entities: int
    num_rels: int

    @property
    def num_nodes(self) -> int:
        """Number of entities."""
        return self.entities

    @property
    def raw_file_names(self) -> list[str]:
        return ["train.txt", "valid.txt", "test.txt"]

    def download(self) -> None:
        name = type(self).__name__
        urls = {file: f"{_RE_NET}/{name}/{file}" for file in self.raw_file_names}
        fetch(urls, None, Path(self.raw_dir), self.root, name.lower())

    def _read(self, part: str) -> Iterator[Data]:
        tables = [np.loadtxt(path, dtype=np.int64, usecols=(0, 1, 2, 3), ndmin=2) for path in self.raw_paths]
        for table in tables:
            table[:, 3] //= self.step
        first = np.min([table.min(axis=0) for table in tables], axis=0)
        for sub, rel, obj, t in (tables[self.parts.index(part)] - first).tolist():
            yield Data(sub=sub, rel=rel, obj=obj, t=t)


class ICEWS18(EventDataset):
    """Political events of 2018, by the day: 23,033 entities, 256 relations, 373,018 / 45,995 / 49,545 facts.

    Args:
        root: folder of the dataset.
        split: ``"train"``, ``"val"`` or ``"test"``.
        transform: called on a fact at every access.
        pre_transform: called on every fact once, in the order of time, before it is saved.
        pre_filter: tells of every fact whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Facts, each with the numbers ``sub``, ``rel``, ``obj`` and ``t``, days since the first.

    Raises:
        GraphValueError: for an unknown split.

    Departures from PyTorch Geometric: `pre_filter` does not move facts from one split to another.

    Source: Jin et al., "Recurrent Event Network for Reasoning over Temporal Knowledge Graphs" (arXiv:1904.05530).
    """

    step, entities, num_rels = 24, 23033, 256


class GDELT(EventDataset):
    """Events in the news of January 2018, by the quarter of an hour: 7,691 entities, 240 relations, 2,278,405 facts.

    Arguments, contents and errors as for `ICEWS18`; ``t`` counts quarters of an hour.

    Source: Leetaru & Schrodt, "GDELT: Global data on events, location, and tone", 2013; the split of arXiv:1904.05530.
    """

    step, entities, num_rels = 15, 7691, 240


class GDELTLite(PublishedDataset):
    """A part of the events of GDELT as one graph: 8,831 nodes, 1,912,909 edges with times and 186 features.

    Arguments as for `PublishedDataset`.

    Returns:
        A graph with ``x`` (N, 413), ``edge_index``, ``edge_attr`` (E, 186) and ``time`` (E,).

    Source: Cong et al., "Do We Really Need Complicated Model Architectures For Temporal Networks?" (arXiv:2302.11636).
    """

    def _archive(self) -> tuple[str, str]:
        return "gdelt_lite.zip", "https://data.pyg.org/datasets/gdelt_lite.zip"

    def _urls(self) -> Mapping[str, str]:
        return dict.fromkeys(("node_features.pt", "edges.csv", "edge_features.pt"), "")

    def _read(self, folder: Path) -> Data:
        with (folder / "edges.csv").open() as file:
            names = file.readline().strip().split(",")
            wanted = [names.index(name) for name in ("src", "dst", "time")]
            table = np.loadtxt(file, delimiter=",", usecols=wanted, ndmin=2)
        src, dst, time = torch.from_numpy(table).long().t().contiguous()
        x, edge_attr = (
            torch.load(folder / f"{of}_features.pt", weights_only=True) for of in ("node", "edge")
        )
        return Data(x=x, edge_index=torch.stack([src, dst]), edge_attr=edge_attr, time=time)


class MyketDataset(PublishedDataset):
    """Who installs which app of an Android market, and when: 10,000 users, 7,988 apps, 694,121 events, 33 features.

    Arguments as for `PublishedDataset`.

    Returns:
        Events with `src`, a user, `dst`, an app, numbered after the users, `t`, and `msg`, the features of the app.

    Source: Loghmani & Fazli, "Effect of Choosing Loss Function when Using T-Batching for Representation Learning on
    Dynamic Networks" (arXiv:2308.06862).
    """

    name = "myket"

    def _urls(self) -> Mapping[str, str]:
        return {file: f"{_MYKET}/{file}" for file in ("myket.csv", "app_info_sample.npy")}

    def _read(self, folder: Path) -> TemporalData:
        table = rows(folder / "myket.csv", ",", skip=1)
        users, apps, times = (list(column) for column in list(zip(*table))[:3])
        src, dst = (torch.tensor([int(each) for each in column]) for column in (users, apps))
        number = float if any("." in time for time in times) else int
        msg = torch.from_numpy(np.load(folder / "app_info_sample.npy")).float()[dst]
        t = torch.tensor([number(time) for time in times], dtype=torch.float64 if number is float else None)
        return TemporalData(src, dst + src.max() + 1, t, msg)
