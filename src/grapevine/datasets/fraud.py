"""Who cheats: transactions in bitcoins, and users of a bank."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grapevine.data import Data
from grapevine.datasets._parts import obtain_by_hand
from grapevine.datasets._published import PublishedDataset, fetch, mask_of, rows
from grapevine.errors import GraphValueError

_ELLIPTIC = "https://data.pyg.org/datasets/elliptic"


class EllipticBitcoinDataset(PublishedDataset):
    """Transactions in bitcoins, lawful or not: 203,769 nodes, 234,355 payments, 165 features, 2 classes.

    Arguments as for `PublishedDataset`.

    Returns:
        A graph with ``x``, ``edge_index``, ``y`` (1 unlawful, 0 lawful, 2 unknown), and masks: the first 34 of 49 time
        steps for training, the rest for testing, unknown ones in neither.

    Source: Weber et al., "Anti-Money Laundering in Bitcoin: Experimenting with Graph Convolutional Networks for
    Financial Forensics" (arXiv:1908.02591).
    """

    @property
    def num_classes(self) -> int:
        return 2

    def _urls(self) -> Mapping[str, str]:
        return {f"elliptic_txs_{part}.csv": "" for part in ("features", "edgelist", "classes")}

    def download(self) -> None:
        for file in self.raw_file_names:
            archive = f"{file}.zip", f"{_ELLIPTIC}/{file}.zip"
            fetch({file: ""}, archive, Path(self.raw_dir), self.root, type(self).__name__.lower())

    def _read(self, folder: Path) -> Data:
        table = np.loadtxt(folder / "elliptic_txs_features.csv", delimiter=",", ndmin=2)
        table = table[self._steps(table[:, 1])]
        number = {int(key): row for row, key in enumerate(table[:, 0])}
        kinds = dict(rows(folder / "elliptic_txs_classes.csv", ",", skip=1))
        y = torch.tensor([{"1": 1, "2": 0, "unknown": 2}[kinds[str(key)]] for key in number])
        ends = [(int(a), int(b)) for a, b in rows(folder / "elliptic_txs_edgelist.csv", ",", skip=1)]
        edges = [(number[a], number[b]) for a, b in ends if a in number]
        edge_index = torch.tensor(edges, dtype=torch.int64).view(-1, 2).t().contiguous()
        early, known = torch.from_numpy(table[:, 1] < 35), y != 2
        return Data(
            x=torch.from_numpy(table[:, 2:]).float(),
            edge_index=edge_index,
            y=y,
            train_mask=early & known,
            test_mask=~early & known,
        )

    def _steps(self, step: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Which rows belong to the graph."""
        return np.full(step.shape, True)


class EllipticBitcoinTemporalDataset(EllipticBitcoinDataset):
    """One of the 49 time steps of `EllipticBitcoinDataset`, between which there are no payments.

    Args:
        root: folder of the dataset.
        t: the time step, 1 to 49.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Raises:
        GraphValueError: for another time step.

    Source: as of `EllipticBitcoinDataset`.
    """

    def __init__(
        self,
        root: str,
        t: int,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if not 1 <= t <= 49:
            raise GraphValueError(f"expected a time step t from 1 to 49, got {t}")
        self.t = t
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{self.t}.pt"

    def _steps(self, step: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return step == self.t


class DGraphFin(PublishedDataset):
    """Users of a bank and whom they name for emergencies: 3,700,550 nodes, 4,300,999 edges, 17 features, 2 classes.

    Arguments as for `PublishedDataset`. ``DGraphFin.zip`` is given to registered users only.

    Returns:
        A graph with ``x``, ``edge_index``, ``edge_type``, ``edge_time`` in days, ``y`` (1: cheated; 2 and 3:
        background, in no mask), ``train_mask``, ``val_mask`` and ``test_mask``.

    Raises:
        DownloadError: if the archive is not on this machine.

    Source: Huang et al., "DGraph: A Large-Scale Financial Dataset for Graph Anomaly Detection" (arXiv:2207.03579).
    """

    @property
    def num_classes(self) -> int:
        return 2

    def _urls(self) -> Mapping[str, str]:
        return {"DGraphFin.zip": ""}

    def download(self) -> None:
        obtain_by_hand("DGraphFin.zip", self.raw_dir, "https://dgraph.xinye.com", self.root)

    def _read(self, folder: Path) -> Data:
        with (
            zipfile.ZipFile(folder / "DGraphFin.zip") as packed,
            packed.open("dgraphfin.npz") as file,
            np.load(file) as arrays,
        ):
            found = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        size = found["x"].shape[0]
        return Data(
            x=found["x"].float(),
            edge_index=found["edge_index"].long().t().contiguous(),
            edge_type=found["edge_type"].long(),
            edge_time=found["edge_timestamp"].long(),
            y=found["y"].long(),
            train_mask=mask_of(found["train_mask"], size),
            val_mask=mask_of(found["valid_mask"], size),
            test_mask=mask_of(found["test_mask"], size),
        )
