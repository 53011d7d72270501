"""Graphs of Shchur et al. (2018): sparse matrices spread over the arrays of one .npz file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix

from grapevine.data import Data
from grapevine.utils import remove_self_loops
from grapevine.utils import to_undirected as make_undirected


def read_npz(path: str | os.PathLike[str], to_undirected: bool = True) -> Data:
    """Reads one file of the gnn-benchmark collection (without pickles). See `parse_npz`."""
    with np.load(path, allow_pickle=False) as arrays:
        return parse_npz(arrays, to_undirected=to_undirected)


def parse_npz(f: Mapping[str, Any], to_undirected: bool = True) -> Data:
    """Builds a graph from the arrays ``adj_{data,indices,indptr,shape}``, ``attr_*`` and ``labels``.

    Args:
        f: the arrays by name; ``adj`` and ``attr`` are the parts of CSR matrices.
        to_undirected: whether to add the reverse of every edge.

    Returns:
        Data with ``x`` (N, F) float32, positive entries set to one, ``edge_index`` (2, E) without self-loops,
        ``y`` (N,) int64.

    Source: Shchur et al., "Pitfalls of Graph Neural Network Evaluation", arXiv:1811.05868.
    """
    x = torch.from_numpy(_csr(f, "attr").toarray()).to(torch.float)
    x[x > 0] = 1
    adj = _csr(f, "adj").tocoo()
    edge_index = torch.from_numpy(np.stack([adj.row, adj.col]).astype(np.int64))
    edge_index, _ = remove_self_loops(edge_index)
    if to_undirected:
        edge_index = make_undirected(edge_index, num_nodes=x.size(0))
    return Data(x=x, edge_index=edge_index, y=torch.from_numpy(f["labels"]).to(torch.long))


def _csr(arrays: Mapping[str, Any], name: str) -> csr_matrix:
    data, indices, indptr, shape = (
        arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr", "shape")
    )
    matrix = csr_matrix((data, indices, indptr), shape=shape)
    matrix.check_format(full_check=True)  # an index out of range would write out of bounds
    return matrix
