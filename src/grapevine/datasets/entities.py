"""Knowledge about entities, to be classified: AIFB, MUTAG, BGS and AM."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.datasets._published import NamedDataset, rows
from grapevine.errors import require


class Entities(NamedDataset):
    """Entities and relations between them, some with a class.

    | name  | nodes     | edges      | relations | classes |
    |-------|-----------|------------|-----------|---------|
    | AIFB  | 8,285     | 58,086     | 90        | 4       |
    | MUTAG | 23,644    | 148,454    | 46        | 2       |
    | BGS   | 333,845   | 1,832,398  | 206       | 2       |
    | AM    | 1,666,764 | 11,976,642 | 266       | 11      |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        hetero: a `HeteroData` with one edge type for each relation instead of `edge_type`.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Returns:
        A graph with ``edge_index`` and ``edge_type``; relation 2 r leads from subject to object, 2 r + 1 back; the
        most frequent ones come first. ``train_idx`` and ``test_idx`` have the classes ``train_y`` and ``test_y``.

    Raises:
        GraphValueError: for an unknown name.
        MissingDependencyError: without rdflib, which reads the files.

    Departures: entities, equally frequent relations and classes count in the order of their names, the same in every
    run; `pre_transform` is applied.

    Source: Schlichtkrull et al., "Modeling Relational Data with Graph Convolutional Networks", arXiv:1703.06103.
    """

    names = ("aifb", "am", "mutag", "bgs")
    #: The columns of nodes and classes in the tables.
    columns = {
        "aifb": ("person", "label_affiliation"),
        "am": ("proxy", "label_cateogory"),
        "mutag": ("bond", "label_mutagenic"),
        "bgs": ("rock", "label_lithogenesis"),
    }

    def __init__(
        self,
        root: str,
        name: str,
        hetero: bool = False,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.hetero = hetero
        super().__init__(root, name, transform, pre_transform, force_reload)

    @property
    def processed_file_names(self) -> str:
        return "grapevine_hetero.pt" if self.hetero else "grapevine.pt"

    @property
    def num_relations(self) -> int:
        """The number of relations, both directions."""
        return len(self[0].edge_types) if self.hetero else int(self[0].edge_type.max()) + 1

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return int(self[0].train_y.max()) + 1

    def _archive(self) -> tuple[str, str]:
        return f"{self.name}.tgz", f"https://data.dgl.ai/dataset/{self.name}.tgz"

    def _urls(self) -> Mapping[str, str]:
        files = ("completeDataset.tsv", "trainingSet.tsv", "testSet.tsv")
        return dict.fromkeys((f"{self.name}_stripped.nt.gz", *files), "")

    def _read(self, folder: Path) -> Data | HeteroData:
        everything, labelled, train, test = (folder / file for file in self._urls())
        known = require("rdflib", "rdflib").Graph()
        with gzip.open(everything, "rb") as file:
            known.parse(file=file, format="nt")
        triples = [(str(s), str(p), str(o)) for s, p, o in known]
        count = Counter(p for _, p, _ in triples)
        relation = {p: i for i, p in enumerate(sorted(count, key=lambda p: (-count[p], p)))}
        node = {name: i for i, name in enumerate(sorted({end for s, _, o in triples for end in (s, o)}))}
        found = torch.tensor([(node[s], node[o], 2 * relation[p]) for s, p, o in triples]).t()
        back = torch.stack([found[1], found[0], found[2] + 1])
        edges = torch.cat([found, back], dim=1)
        order = ((edges[0] * len(node) + edges[1]) * 2 * len(relation) + edges[2]).argsort()
        edge_index, edge_type = edges[:2, order], edges[2, order]
        names = self._table(labelled)[1]
        number = {name: i for i, name in enumerate(sorted(set(names)))}
        parts: dict[str, Tensor] = {}
        for part, table in (("train", train), ("test", test)):
            entities, labels = self._table(table)
            parts[f"{part}_idx"] = torch.tensor([node[name] for name in entities])
            parts[f"{part}_y"] = torch.tensor([number[label] for label in labels])
        data = Data(edge_index=edge_index, edge_type=edge_type, num_nodes=len(node), **parts)
        return data.to_heterogeneous(node_type_names=["v"]) if self.hetero else data

    def _table(self, file: Path) -> tuple[list[str], list[str]]:
        """The entities of a table, and their classes."""
        head, *table = rows(file, "\t")
        at = [head.index(name) if name in head else None for name in self.columns[self.name]]
        first, second = ([row[i].strip('"') for row in table] if i is not None else [] for i in at)
        return first, second

    def __repr__(self) -> str:
        return f"{self.name.upper()}{type(self).__name__}()"
