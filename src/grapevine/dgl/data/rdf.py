"""Graphs of the semantic web: AIFB, MUTAG, BGS and AM, read from RDF."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from grapevine.dgl.base import EID, NID
from grapevine.dgl.construct import heterograph
from grapevine.dgl.data.published import Contents, OneGraphDataset, Record
from grapevine.dgl.heterograph import DGLGraph
from grapevine.errors import require

__all__ = ["AIFBDataset", "AMDataset", "BGSDataset", "MUTAGDataset"]

# Names that mean something else in programs.
_RENAMED = {"type": "rdftype", "rev-type": "rev-rdftype"}


@dataclass
class Entity:
    """A node: its name within its class, and its class."""

    id: Any
    cls: str | None

    def __str__(self) -> str:
        return f"{self.cls}/{self.id}"


class RDFGraphDataset(OneGraphDataset):
    """A heterogeneous graph whose types are read off the names of entities and relations, as in DGL.

    Nodes of the category to predict have `label` (and `labels`), -1 where unknown, `train_mask` and `test_mask`.

    Args:
        print_every: accepted.
        insert_reverse: whether every relation has its reverse, `rev-...`.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again (needs rdflib).
        verbose: whether to print.
        transform: called on the graph at every access.

    Source: Ristoski, de Vries, Paulheim, A Collection of Benchmark Datasets for Systematic Evaluations of Machine
    Learning on the Semantic Web, 2016.
    """

    #: The node type with classes.
    category: ClassVar[str]
    #: Relations that give the classes away.
    hidden: ClassVar[frozenset[str]]
    #: Which of a line's words are the entity and its class.
    columns: ClassVar[tuple[int, int]] = (0, 2)

    def __init__(
        self,
        print_every: int = 10000,
        insert_reverse: bool = True,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self._insert_reverse = insert_reverse
        super().__init__(raw_dir, force_reload, verbose, transform)

    def entity(self, term: Any) -> Entity | None:
        """The node that a term of RDF stands for; None for terms that are left out."""
        raise TypeError(f"expected {type(self).__name__} to name its entities; write its entity()")

    def relation(self, term: Any) -> str | None:
        """The relation that a term stands for; None for those that are left out."""
        raise TypeError(f"expected {type(self).__name__} to name its relations; write its relation()")

    def settle(self, predicate: Any, subject: Entity, relation: str, object: Entity) -> None:
        """Gives entities without a class theirs."""

    @property
    def predict_category(self) -> str:
        """The node type with classes."""
        return self.category

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return int(self.graphs[0].nodes[self.category].data["labels"].max()) + 1

    def __getitem__(self, idx: int) -> DGLGraph:
        found: DGLGraph = self._transformed(self.graphs[0])
        return found

    @property
    def save_name(self) -> str:
        """The stem of the processed files."""
        return self.name + "_dgl_graph"

    def load(self) -> None:
        super().load()
        nodes = self.graphs[0].nodes[self.category].data
        if "label" not in nodes:
            nodes["label"] = nodes["labels"]


def _triples(folder: Path) -> list[tuple[Any, Any, Any]]:
    rdflib = require("rdflib")
    found: list[tuple[Any, Any, Any]] = []
    for form in ("nt", "n3"):
        for file in sorted(folder.glob(f"*{form}")):
            parsed = rdflib.Graph()
            parsed.parse(str(file), format=form)
            found += list(parsed)
    return sorted(found)


def _number(names: dict[Any, int], name: Any) -> int:
    return names.setdefault(name, len(names))


def _read(data: RDFGraphDataset) -> Contents:
    folder = Path(data.raw_path)
    entities: dict[str, int] = {}
    types: list[str] = []
    of_type: dict[tuple[str, str, str], list[tuple[int, int, int]]] = {}
    count = 0
    for s, p, o in _triples(folder):
        subject, relation, object_ = data.entity(s), data.relation(p), data.entity(o)
        if subject is None or relation is None or object_ is None:
            continue
        data.settle(p, subject, relation, object_)
        ids = []
        for end in (subject, object_):
            ids.append(_number(entities, str(end)))
            if len(entities) > len(types):
                types.append(str(end.cls))
        etype = (types[ids[0]], relation, types[ids[1]])
        of_type.setdefault(etype, []).append((ids[0], ids[1], count))
        count += 1
    g = _graph(np.array(types), of_type, count if data._insert_reverse else None)
    _classify(g, data, entities)
    return Contents([g])


def _graph(types: Any, of_type: dict[Any, Any], first_reverse: int | None) -> DGLGraph:
    """The graph, whose features hold the numbers of nodes and edges counted over all types."""
    local = np.empty(len(types), dtype=np.int64)
    members = {name: np.where(types == name)[0] for name in dict.fromkeys(types.tolist())}
    for ids in members.values():
        local[ids] = np.arange(len(ids))
    edges: dict[Any, Any] = {}
    numbers: dict[Any, Any] = {}
    for (source, relation, target), found in of_type.items():
        src, dst, number = np.array(found).T
        forward = (source, _RENAMED.get(relation, relation), target)
        edges[forward], numbers[forward] = (local[src], local[dst]), number
        if first_reverse is not None:
            back = (target, _RENAMED.get(f"rev-{relation}", f"rev-{relation}"), source)
            edges[back], numbers[back] = (local[dst], local[src]), number + first_reverse
    g = heterograph(edges, {name: len(ids) for name, ids in members.items()})
    for name, ids in members.items():
        g.nodes[name].data[NID] = torch.from_numpy(ids)
    for etype, ids in numbers.items():
        g.edges[etype].data[EID] = torch.from_numpy(ids)
    return g


def _classify(g: DGLGraph, data: RDFGraphDataset, entities: dict[str, int]) -> None:
    """Labels and masks, from the two lists of examples."""
    nodes = g.nodes[data.category].data
    place = {int(number): i for i, number in enumerate(nodes[NID])}
    labels = torch.full((len(place),), -1)
    classes: dict[str, int] = {}
    for split, file in (("train", "trainingSet.tsv"), ("test", "testSet.tsv")):
        mask = torch.zeros(len(place), dtype=torch.bool)
        for name, label in _examples(Path(data.raw_path, file), data.columns):
            number = entities.get(str(data.entity(name)))
            if number is not None:
                mask[place[number]] = True
                labels[place[number]] = _number(classes, label)
        nodes[f"{split}_mask"] = mask
    nodes["labels"] = nodes["label"] = labels


def _examples(file: Path, columns: tuple[int, int]) -> Iterable[tuple[str, str]]:
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        words = line.strip().split("\t")
        yield words[columns[0]], words[columns[1]]


def _kind(term: Any) -> str:
    """Literal, BNode, URIRef, or str for names in the lists of examples."""
    return type(term).__name__


def _record(name: str) -> Record:
    return Record(f"{name}-hetero", f"dataset/rdf/{name}-hetero.zip", _read, "{self.save_name}.bin")


class AIFBDataset(RDFGraphDataset):
    """An institute: its people, projects and papers; to which group belongs a person? 7 node types, 4 classes."""

    record = _record("aifb")
    category = "Personen"
    hidden = frozenset(f"http://swrc.ontoware.org/ontology#{word}" for word in ("employs", "affiliation"))

    def entity(self, term: Any) -> Entity | None:
        if _kind(term) == "Literal":
            return Entity(str(term), "_Literal")
        if _kind(term) == "BNode" or not str(term).startswith("http://www.aifb.uni-karlsruhe.de/"):
            return None
        words = str(term).split("/")
        return Entity(words[5], words[3])

    def relation(self, term: Any) -> str | None:
        if str(term) in self.hidden:
            return None
        words = str(term).split("/")
        return words[3] if str(term).startswith("http://swrc.ontoware.org/") else words[-1]


class MUTAGDataset(RDFGraphDataset):
    """Molecules, their atoms and bonds: which are mutagenic? 5 node types, 2 classes."""

    record = _record("mutag")
    category = "d"
    prefix = "http://dl-learner.org/carcinogenesis#"
    hidden = frozenset({f"{prefix}isMutagenic"})

    def entity(self, term: Any) -> Entity | None:
        if _kind(term) == "Literal":
            return Entity(str(term), "_Literal")
        if _kind(term) == "BNode" or not str(term).startswith(self.prefix):
            return None
        name = str(term)[len(self.prefix) :]
        matched = re.match("d(?=[0-9])|bond(?=[0-9])", name)
        return Entity(name, matched[0] if matched else None)

    def relation(self, term: Any) -> str | None:
        if str(term) in self.hidden:
            return None
        ours = str(term).startswith(self.prefix)
        return str(term)[len(self.prefix) :] if ours else str(term).split("/")[-1]

    def settle(self, predicate: Any, subject: Entity, relation: str, object: Entity) -> None:
        if not str(predicate).startswith(self.prefix):
            object.cls = "SCHEMA"
            subject.cls = subject.cls or "SCHEMA"
        object.cls = object.cls or relation


class BGSDataset(RDFGraphDataset):
    """Rocks of Great Britain: how did they come about? 27 node types, 2 classes."""

    record = _record("bgs")
    category = "Lexicon/NamedRockUnit"
    hidden = frozenset({"http://data.bgs.ac.uk/ref/Lexicon/hasLithogenesis"})
    columns = (1, 2)

    def entity(self, term: Any) -> Entity | None:
        name = str(term)
        if _kind(term) in ("Literal", "BNode") or name.startswith("http://data.bgs.ac.uk/ref/CurrentStatus"):
            return None
        words = name.split("/")
        if not name.startswith("http://data.bgs.ac.uk/") or len(words) != 7:
            return None
        return Entity(words[6], f"{words[4]}/{words[5]}")

    def relation(self, term: Any) -> str | None:
        if str(term) in self.hidden:
            return None
        if not str(term).startswith("http://data.bgs.ac.uk/ref"):
            return str(term).replace(".", "_")
        words = str(term).split("/")
        return None if len(words) < 6 else f"{words[4]}/{words[5]}"


class AMDataset(RDFGraphDataset):
    """Objects of the Amsterdam Museum: of which kind are they? 7 node types, 11 classes."""

    record = _record("am")
    category = "proxy"
    prefix = "http://purl.org/collections/nl/am/"
    hidden = frozenset({f"{prefix}objectCategory", f"{prefix}material"})

    def entity(self, term: Any) -> Entity | None:
        if _kind(term) == "BNode":
            return Entity(str(term), "_BNode")
        if _kind(term) == "Literal" or not str(term).startswith(self.prefix):
            return None
        name = str(term).split("/")[6]
        words = name.split("-")
        return Entity(words[1], words[0]) if len(words) == 2 else Entity(words, "TYPE")

    def relation(self, term: Any) -> str | None:
        if str(term) in self.hidden:
            return None
        ours = str(term).startswith(self.prefix)
        return str(term).split("/")[6] if ours else str(term).replace(".", "_")
