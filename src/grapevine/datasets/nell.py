"""NELL: entities and relations that a machine read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from grapevine.data import Data
from grapevine.datasets._published import PublishedDataset
from grapevine.io import read_pickle, read_planetoid_data
from grapevine.utils import to_torch_csr_tensor

_PREFIX = "nell.0.001"
_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")


class NELL(PublishedDataset):
    """Entities and relations of the Never-Ending Language Learner: 65,755 nodes, 251,550 edges, 186 classes.

    Arguments as for `PublishedDataset`.

    Returns:
        A graph with ``x``, a sparse matrix (65755, 61278): words of entities, and a column for each relation;
        ``edge_index``, ``y``, and the masks of the split in which one entity in a thousand is known.

    Source: Carlson et al., "Toward an Architecture for Never-Ending Language Learning", AAAI 2010; as a graph:
    "Revisiting Semi-Supervised Learning with Graph Embeddings" (arXiv:1603.08861).
    """

    def _archive(self) -> tuple[str, str]:
        return "nell_data.tar.gz", "http://www.cs.cmu.edu/~zhiliny/data/nell_data.tar.gz"

    def _urls(self) -> Mapping[str, str]:
        return {f"ind.{_PREFIX}.{part}": "" for part in _PARTS}

    def _read(self, folder: Path) -> Data:
        data = read_planetoid_data(folder, _PREFIX)
        words = data.x
        assert words is not None
        entity = data.test_mask.clone()
        entity[: read_pickle(folder / f"ind.{_PREFIX}.ally").shape[0]] = True
        relation = (~entity).nonzero().squeeze(1)
        row, column = words.nonzero().t()
        size = (words.shape[0], words.shape[1] + relation.numel())
        own = torch.stack([relation, torch.arange(words.shape[1], size[1])])
        index = torch.cat([torch.stack([row, column]), own], dim=1)
        value = torch.cat([words[row, column], torch.ones(relation.numel())])
        data.x = to_torch_csr_tensor(index, value, size)
        return data
