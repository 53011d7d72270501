"""Graphs that grow with time: trust between traders, and events between countries."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.data.published import Contents, PublishedDataset, Record, integers
from grapevine.dgl.data.utils import load_info, loadtxt, save_info
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["GDELT", "ICEWS18", "BitcoinOTC", "BitcoinOTCDataset", "GDELTDataset", "ICEWS18Dataset"]

_FORTNIGHT = 14 * 24 * 60 * 60


def _checked(mode: str) -> str:
    if mode.lower() not in ("train", "valid", "test"):
        raise DGLError(f"expected mode 'train', 'valid' or 'test', got {mode!r}")
    return mode.lower()


def _edges(src: Any, dst: Any, name: str, values: Any) -> DGLGraph:
    g = graph((src, dst))
    g.edata[name] = integers(values).view(-1, 1)
    return g


def _read_bitcoin(data: Any) -> Contents:
    (file,) = Path(data.raw_path).glob("*.csv")
    table = np.loadtxt(file, delimiter=",", ndmin=2).astype(np.int64)
    ends, rating, when = table[:, :2] - table[:, :2].min(), table[:, 2], table[:, 3]
    step = np.around((when - when.min()) / _FORTNIGHT).astype(np.int64)
    until = [step <= i for i in range(step.max())]
    return Contents([_edges(ends[rows, 0], ends[rows, 1], "h", rating[rows]) for rows in until])


class BitcoinOTCDataset(PublishedDataset):
    """Who trusts whom on Bitcoin OTC: 136 graphs, one a fortnight, each with all ratings so far (edge feature `h`).

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Kumar et al., Edge Weight Prediction in Weighted Signed Networks, 2016.
    """

    record = Record(
        "bitcoinotc",
        "https://snap.stanford.edu/data/soc-sign-bitcoinotc.csv.gz",
        _read_bitcoin,
        sha1="c14281f9e252de0bd0b5f1c6e2bae03123938641",
    )
    #: Whether the graphs come in the order of time.
    is_temporal = True

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(raw_dir, force_reload, verbose, transform)


BitcoinOTC = BitcoinOTCDataset


def _read_icews(data: Any) -> Contents:
    table = loadtxt(os.path.join(data.raw_path, f"{data.mode}.txt"), delimiter="\t").astype(np.int64)
    day = table[:, 3] // 24
    until = [day <= i for i in range(day[day != -1].min(), day.max() + 1)]
    return Contents([_edges(table[rows, 0], table[rows, 2], "rel_type", table[rows, 1]) for rows in until])


class ICEWS18Dataset(PublishedDataset):
    """Political events: a graph a day, each with all events so far (their kind is the edge feature `rel_type`).

    Args:
        mode: `"train"` (240 graphs), `"valid"` (30) or `"test"` (34).
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Jin et al., Recurrent Event Network for Reasoning over Temporal Knowledge Graphs, arXiv:1904.05530.
    """

    record = Record("ICEWS18", "dataset/icews18.zip", _read_icews, "{self.mode}_dgl_graph.bin")
    #: Whether the graphs come in the order of time.
    is_temporal = True

    def __init__(
        self,
        mode: str = "train",
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.mode = _checked(mode)
        super().__init__(raw_dir, force_reload, verbose, transform)


ICEWS18 = ICEWS18Dataset


def _no_graphs(data: Any) -> Contents:
    return Contents([])


class GDELTDataset(PublishedDataset):
    """World events: a graph a quarter of an hour, made when it is asked for, with all events so far (`rel_type`).

    Args:
        mode: `"train"` (2,304 graphs), `"valid"` (288) or `"test"` (384).
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Raises:
        IndexError: for a time before the first or after the last event.

    Source: Jin et al., Recurrent Event Network for Reasoning over Temporal Knowledge Graphs, arXiv:1904.05530.
    """

    record = Record("GDELT", "dataset/gdelt.zip", _no_graphs, "{self.mode}_info.pkl")
    #: Whether the graphs come in the order of time.
    is_temporal = True
    #: Countries and other actors.
    num_nodes = 23033

    def __init__(
        self,
        mode: str = "train",
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.mode = _checked(mode)
        super().__init__(raw_dir, force_reload, verbose, transform)

    def process(self) -> None:
        file = os.path.join(self.raw_path, f"{self.mode}.txt")
        self.data = loadtxt(file, delimiter="\t").astype(np.int64)
        self._read_times()

    def _read_times(self) -> None:
        self.time_index = self.data[:, 3] // 15

    def save(self) -> None:
        times = {"start_time": self.start_time, "end_time": self.end_time}
        save_info(self.graph_path, {"data": self.data, "time_index": self.time_index, **times})

    def load(self) -> None:
        self.data = load_info(self.graph_path)["data"]
        self._read_times()

    @property
    def start_time(self) -> int:
        """The quarter of an hour of the first event."""
        return int(self.time_index.min())

    @property
    def end_time(self) -> int:
        """The quarter of an hour of the last event."""
        return int(self.time_index.max())

    def __getitem__(self, t: int) -> DGLGraph:
        if not 0 <= t < len(self):
            raise IndexError(f"expected a time from 0 to {len(self) - 1}, got {t}")
        rows = self.time_index <= t + self.start_time
        found: DGLGraph = self._transformed(
            _edges(self.data[rows, 0], self.data[rows, 2], "rel_type", self.data[rows, 1])
        )
        return found

    def __len__(self) -> int:
        return self.end_time - self.start_time + 1


GDELT = GDELTDataset
