"""Graphs that change: who writes to whom, who rates whom, who uses what, and when."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data, TemporalData
from grapevine.datasets._published import NamedFolder, WholeDataset
from grapevine.errors import GraphValueError
from grapevine.io import find, obtain
from grapevine.io.download import fetched, write_whole

_SNAP = "https://snap.stanford.edu/data"


def _unpacked(name: str, into: str, root: str) -> None:
    """Puts a file into a folder: as it is on this machine, or out of ``name.gz`` there or below SNAP."""
    target = Path(into) / name
    if (plain := find(name, root)) is not None:
        write_whole(target, plain.open("rb"))
        return
    with (
        fetched(f"{name}.gz", Path(into), f"{_SNAP}/{name}.gz", root) as packed,
        gzip.open(packed) as source,
    ):
        write_whole(target, source)


class CollegeMsg(WholeDataset):
    """Private messages among 1,899 students: 59,835 in 193 days.

    Args:
        root: folder of the dataset. The raw file ``CollegeMsg.txt``, or ``CollegeMsg.txt.gz``, is taken from here, or
            from the folder ``$GRAPEVINE_DATA``, where it lies there, and downloaded otherwise.
        transform: called on the events at every access.
        pre_transform: called on the events once, before they are saved.
        force_reload: whether to read the raw file again.

    Returns:
        Events with `src` and `dst`, students numbered from 0, and `t`, seconds of Unix time; all int64 (59835,), in the
        order of time.

    Raises:
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: Panzarasa et al., "Patterns and dynamics of users' behavior and interaction", 2009.
    """

    @property
    def raw_file_names(self) -> str:
        return "CollegeMsg.txt"

    def download(self) -> None:
        _unpacked("CollegeMsg.txt", self.raw_dir, self.root)

    def _graphs(self) -> TemporalData:
        src, dst, t = torch.from_numpy(np.loadtxt(self.raw_paths[0], dtype=np.int64, ndmin=2)).unbind(1)
        first = torch.minimum(src, dst).min()
        return TemporalData(src - first, dst - first, t.clone())


class JODIEDataset(NamedFolder, WholeDataset):
    """Users and what they use, as streams of events: edits, posts, actions in courses, songs.

    | name      | users and items | events    | features |
    |-----------|-----------------|-----------|----------|
    | Reddit    | 10,984          | 672,447   | 172      |
    | Wikipedia | 9,227           | 157,474   | 172      |
    | MOOC      | 7,144           | 411,749   | 4        |
    | LastFM    | 1,980           | 1,293,103 | 2        |

    Args:
        root: folder of the dataset. The raw file, such as ``wikipedia.csv``, is taken from here, or from the folder
            ``$GRAPEVINE_DATA``, where it lies there, and downloaded otherwise.
        name: one of these names, in letters of any case.
        transform: called on the events at every access.
        pre_transform: called on the events once, before they are saved.
        force_reload: whether to read the raw file again.

    Returns:
        Events with `src`, a user, `dst`, an item, numbered after the users, `t`, seconds since the first, `y`, 1 where
        the user is banned or drops out, all int64 (E,), and features `msg`, float (E, F).

    Raises:
        GraphValueError: for another name.
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: Kumar et al., "Predicting dynamic embedding trajectory in temporal interaction networks"
    (arXiv:1908.01207).
    """

    names = ("reddit", "wikipedia", "mooc", "lastfm")

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.name = name.lower()
        if self.name not in self.names:
            raise GraphValueError(f"expected one of {self.names}, got {name!r}")
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> str:
        return f"{self.name}.csv"

    def download(self) -> None:
        obtain([self.raw_file_names], self.raw_dir, "http://snap.stanford.edu/jodie", self.root)

    def _graphs(self) -> TemporalData:
        # The header names one column of features, whatever their number.
        table = torch.from_numpy(np.loadtxt(self.raw_paths[0], delimiter=",", skiprows=1, ndmin=2))
        src, dst, t, y = table[:, :4].long().t().contiguous()
        return TemporalData(src, dst + src.max() + 1, t, table[:, 4:].float(), y=y)

    def __repr__(self) -> str:
        return f"{self.name.capitalize()}()"


class BitcoinOTC(WholeDataset):
    """Who trusts whom with bitcoins: 138 graphs of the same 6,005 nodes, one for each 13.8 days.

    An edge, rated from -10 to 10, belongs to the graph of its time and to those that follow within the window.

    Args:
        root: folder of the dataset. The raw file ``soc-sign-bitcoinotc.csv``, or ``soc-sign-bitcoinotc.csv.gz``, is
            taken from here, or from the folder ``$GRAPEVINE_DATA``, where it lies there, and downloaded otherwise.
        edge_window_size: of how many graphs an edge is part.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        force_reload: whether to read the raw file again.

    Returns:
        Graphs with `edge_index` (2, E) and `edge_attr`, the ratings, int64 (E,).

    Raises:
        DownloadError: if the raw file is missing and cannot be downloaded.

    Departures from PyTorch Geometric: time passes in seconds, whatever the time zone of the machine.

    Source: Kumar et al., "Edge weight prediction in weighted signed networks", 2016; as graphs: "EvolveGCN: Evolving
    Graph Convolutional Networks for Dynamic Graphs" (arXiv:1902.10191).
    """

    def __init__(
        self,
        root: str,
        edge_window_size: int = 10,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.edge_window_size = edge_window_size
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> str:
        return "soc-sign-bitcoinotc.csv"

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{self.edge_window_size}.pt"

    @property
    def num_nodes(self) -> int:
        """How many nodes each graph has."""
        return int(self._data.edge_index.max()) + 1

    def download(self) -> None:
        _unpacked(self.raw_file_names, self.raw_dir, self.root)

    def _graphs(self) -> list[Data]:
        table = torch.from_numpy(np.loadtxt(self.raw_paths[0], delimiter=",", ndmin=2))
        edge_index = table[:, :2].long().t().contiguous()
        edge_index = edge_index - edge_index.min()
        step = _steps(table[:, 3].long(), 13.8 * 24 * 3600)
        graphs = []
        for i in range(int(step.max()) + 1):
            mask = (step > i - self.edge_window_size) & (step <= i)
            graph = Data(edge_index=edge_index[:, mask], edge_attr=table[mask, 2].long())
            graph.num_nodes = int(edge_index.max()) + 1
            graphs.append(graph)
        return graphs


def _steps(t: Tensor, length: float) -> Tensor:
    """In which step each of the times is; a later time begins at most one step more than the one before it."""
    steps, now = [], 0
    for time in (t - t[0]).tolist():
        now += time >= (now + 1) * length
        steps.append(now)
    return torch.tensor(steps)
