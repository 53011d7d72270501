"""Matrices of science and engineering, as graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import loadmat

from grapevine.data import Data
from grapevine.datasets._published import PublishedDataset


class SuiteSparseMatrixCollection(PublishedDataset):
    """One of the matrices of the SuiteSparse Matrix Collection as a graph.

    Args:
        root: folder of the collection.
        group: who gave the matrix, such as ``"DIMACS10"``.
        name: its name.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw file again.

    Returns:
        A graph with ``edge_index``, ``edge_attr`` (E,), the entries, unless all are 1, and, where the matrix is not
        square, ``size``.

    Source: Davis & Hu, "The University of Florida Sparse Matrix Collection", ACM TOMS 38 (2011).
    """

    def __init__(
        self,
        root: str,
        group: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.group = group
        self.name = name
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_dir(self) -> str:
        return str(Path(self.root) / self.group / self.name / "raw")

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / self.group / self.name / "processed")

    def _urls(self) -> Mapping[str, str]:
        return {f"{self.name}.mat": f"https://sparse.tamu.edu/mat/{self.group}/{self.name}.mat"}

    def _read(self, folder: Path) -> Data:
        problem = loadmat(folder / f"{self.name}.mat")["Problem"]
        matrix = problem["A"][0, 0].tocsr().tocoo()
        value = torch.from_numpy(matrix.data).float()
        return Data(
            edge_index=torch.from_numpy(np.stack([matrix.row, matrix.col])).long(),
            edge_attr=None if bool((value == 1).all()) else value,
            size=None if matrix.shape[0] == matrix.shape[1] else torch.Size(matrix.shape),
            num_nodes=matrix.shape[0],
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(group={self.group}, name={self.name})"
