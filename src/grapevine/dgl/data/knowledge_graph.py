"""Facts: FB15k, FB15k-237 and WN18."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.data.published import Contents, OneGraphDataset, Record
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["FB15k237Dataset", "FB15kDataset", "WN18Dataset", "load_data"]

_PARTS = ("train", "valid", "test")


def _words(file: Path) -> Iterator[list[str]]:
    return (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line)


def _ids(folder: Path, kind: str, facts: list[list[str]], columns: tuple[int, ...]) -> dict[str, int]:
    """From name to number: by the file, or in the order of appearance where the archive has none."""
    file = folder / f"{kind}.dict"
    if file.exists():
        return {name: int(number) for number, name in _words(file)}
    names = dict.fromkeys(fact[column] for fact in facts for column in columns)
    return {name: number for number, name in enumerate(names)}


def _read(data: Any) -> Contents:
    folder = next(Path(data.raw_path).rglob("train.txt")).parent
    parts = [[[word.strip() for word in row] for row in _words(folder / f"{part}.txt")] for part in _PARTS]
    facts = [fact for part in parts for fact in part]
    entities, relations = _ids(folder, "entities", facts, (0, 2)), _ids(folder, "relations", facts, (1,))
    triples = np.array([(entities[s], relations[r], entities[o]) for s, r, o in facts])
    part_of = np.repeat([1, 2, 3], [len(part) for part in parts])
    return Contents([_graph(triples, part_of, len(entities), len(relations), data.reverse)])


def _graph(triples: Any, part_of: Any, num_nodes: int, num_rels: int, reverse: bool) -> DGLGraph:
    """Edges relation by relation, in the order in which the relations appear; then the reversed ones, alike."""
    _, first, relation = np.unique(triples[:, 1], return_index=True, return_inverse=True)
    order = np.argsort(first[relation], kind="stable")
    (s, r, o), part = triples[order].T, part_of[order]
    forward = part
    if reverse:
        s, r, o = np.concatenate([s, o]), np.concatenate([r, r + num_rels]), np.concatenate([o, s])
        forward, part = np.concatenate([part, np.zeros_like(part)]), np.tile(part, 2)
    g = graph((s, o), num_nodes=num_nodes)
    for i, names in enumerate((("train", "train"), ("valid", "val"), ("test", "test"))):
        g.edata[f"{names[0]}_edge_mask"] = torch.from_numpy(forward == i + 1)
        g.edata[f"{names[1]}_mask"] = torch.from_numpy(part == i + 1)
    g.edata["etype"] = torch.from_numpy(r)
    g.ndata["ntype"] = torch.zeros(num_nodes, dtype=torch.int64)
    return g


class _KnowledgeGraph(OneGraphDataset):
    """Edge features: `etype`; masks of the given facts (`train_edge_mask`, `valid_edge_mask`, `test_edge_mask`), and of
    them together with their reverses (`train_mask`, `val_mask`, `test_mask`).

    Args:
        reverse: whether every fact has its reverse, of a relation of its own.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on the graph at every access.
    """

    def __init__(
        self,
        reverse: bool = True,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.reverse = reverse
        super().__init__(raw_dir, force_reload, verbose, transform)

    def _facts(self, part: str) -> np.ndarray[Any, Any]:
        g = self.graphs[0]
        chosen = g.edata[f"{part}_edge_mask"]
        src, dst = g.edges()
        return torch.stack([src[chosen], g.edata["etype"][chosen], dst[chosen]], 1).numpy()

    @property
    def train(self) -> np.ndarray[Any, Any]:
        """`(K, 3)`: source, relation and destination of the facts for training."""
        return self._facts("train")

    @property
    def valid(self) -> np.ndarray[Any, Any]:
        """`(K, 3)`: those for validation."""
        return self._facts("valid")

    @property
    def test(self) -> np.ndarray[Any, Any]:
        """`(K, 3)`: those for the test."""
        return self._facts("test")

    @property
    def num_nodes(self) -> int:
        """The number of entities."""
        return self.graphs[0].num_nodes()

    @property
    def num_rels(self) -> int:
        """The number of relations, without the reversed ones."""
        top = int(self.graphs[0].edata["etype"].max()) + 1
        return top // 2 if self.reverse else top

    @property
    def save_name(self) -> str:
        """The stem of the processed file."""
        return self.name + "_dgl_graph"


def _record(name: str, also: str | None = None) -> Record:
    return Record(name, f"dataset/{name}.tgz", _read, "{self.save_name}.bin", also=also)


class FB15k237Dataset(_KnowledgeGraph):
    """Freebase without facts that follow from their reverse: 14,541 entities, 237 relations, 310,116 facts.

    Source: Toutanova, Chen, Observed versus Latent Features for Knowledge Base and Text Inference, 2015.
    """

    record = _record("FB15k-237", "FB15k-237.tar.gz")


class FB15kDataset(_KnowledgeGraph):
    """Freebase: 14,951 entities, 1,345 relations, 592,213 facts.

    Source: Bordes et al., Translating Embeddings for Modeling Multi-relational Data, 2013.
    """

    record = _record("FB15k", "FB15k.tar.gz")


class WN18Dataset(_KnowledgeGraph):
    """WordNet: 40,943 senses of words, 18 relations, 151,442 facts.

    Source: Bordes et al., Translating Embeddings for Modeling Multi-relational Data, 2013.
    """

    record = _record("wn18", "wn18.tar.gz")


def load_data(dataset: str) -> OneGraphDataset:
    """The dataset named `"wn18"`, `"FB15k"` or `"FB15k-237"`.

    Raises:
        DGLError: for another name.
    """
    known = {"wn18": WN18Dataset, "FB15k": FB15kDataset, "FB15k-237": FB15k237Dataset}
    if dataset not in known:
        raise DGLError(f"expected one of {', '.join(known)}, got {dataset!r}")
    return known[dataset]()
