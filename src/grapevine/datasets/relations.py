"""Facts to be completed, and languages to be aligned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.data.files import google_url
from grapevine.datasets._parts import obtain_tree
from grapevine.datasets._published import NamedDataset, WholeDataset, rows
from grapevine.errors import GraphValueError
from grapevine.io import read_txt_array
from grapevine.utils import sort_edge_index

_FB15K = "https://raw.githubusercontent.com/MichSchli/RelationPrediction/master/data/FB-Toutanova"


class RelLinkPredDataset(NamedDataset):
    """Facts of Freebase, FB15k-237, as one graph for relational encoders: 14,541 entities, 237 relations.

    Arguments as for `NamedDataset`; the only name is ``"FB15k-237"``.

    Returns:
        A graph whose ``edge_index`` and ``edge_type`` hold the facts for training and their inverses, of types 237 to
        473, with ``train_edge_index``, ``train_edge_type``, and likewise ``valid`` and ``test``, the facts as
        published.

    Source: Toutanova & Chen, "Observed versus latent features for knowledge base and text inference", 2015;
    Schlichtkrull et al., arXiv:1703.06103.
    """

    names = ("FB15k-237",)

    @property
    def num_relations(self) -> int:
        """Number of relations, inverse ones included."""
        return int(self._data.edge_type.max()) + 1

    def _urls(self) -> Mapping[str, str]:
        files = ("entities.dict", "relations.dict", "test.txt", "train.txt", "valid.txt")
        return {file: f"{_FB15K}/{file}" for file in files}

    def _read(self, folder: Path) -> Data:
        entities, relations = (
            {name: int(number) for number, name in rows(folder / f"{of}.dict", "\t")}
            for of in ("entities", "relations")
        )
        found: dict[str, Tensor] = {}
        for split in ("train", "valid", "test"):
            facts = rows(folder / f"{split}.txt", "\t")
            ends = [[entities[fact[end]] for fact in facts] for end in (0, 2)]
            found[f"{split}_edge_index"] = torch.tensor(ends)
            found[f"{split}_edge_type"] = torch.tensor([relations[fact[1]] for fact in facts])
        edge_index, edge_type = found["train_edge_index"], found["train_edge_type"]
        return Data(
            num_nodes=len(entities),
            edge_index=torch.cat([edge_index, edge_index.flip(0)], dim=1),
            edge_type=torch.cat([edge_type, edge_type + len(relations)]),
            **found,
        )

    def __repr__(self) -> str:
        return f"{self.name}()"


class DBP15K(WholeDataset):
    """Two graphs of facts in two languages, and which of their entities are the same: 15,000 pairs.

    Args:
        root: folder of the dataset. The zip ``DBP15K.zip`` is taken from here or from the folder ``$GRAPEVINE_DATA``,
            and downloaded otherwise.
        pair: ``"en_zh"``, ``"en_fr"``, ``"en_ja"``, ``"zh_en"``, ``"fr_en"`` or ``"ja_en"``.
        transform: called on the graphs at every access.
        pre_transform: called on the graphs once, before they are saved.
        force_reload: whether to read the raw files again.

    Returns:
        A graph with ``x1`` (N_1, W, 300), the vectors of the words of each entity's name, ended by zeros,
        ``edge_index1`` and ``rel1``, the same for the second language, and ``train_y``, ``test_y`` (2, ·), pairs of the
        same entity.

    Raises:
        GraphValueError: for an unknown pair.

    Departures from PyTorch Geometric: `pre_transform` is called.

    Source: Sun et al., "Cross-lingual Entity Alignment via Joint Attribute-Preserving Embedding" (arXiv:1708.05045);
    Fey et al., "Deep Graph Matching Consensus" (arXiv:2001.09621).
    """

    pairs = ("en_zh", "en_fr", "en_ja", "zh_en", "fr_en", "ja_en")

    def __init__(
        self,
        root: str,
        pair: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if pair not in self.pairs:
            raise GraphValueError(f"expected a pair of {self.pairs}, got {pair!r}")
        self.pair = pair
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> list[str]:
        return ["sub.glove.300d", *self.pairs]

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{self.pair}.pt"

    def download(self) -> None:
        place = google_url("1ggYlYf2_kTyi7oF9g07oTNn3VDhjl7so")
        obtain_tree("DBP15K.zip", "DBP15K", self.raw_dir, place, self.root, "DBP15K")

    def _graphs(self) -> Data:
        folder = Path(self.raw_dir, self.pair)
        words = self._words()
        found: dict[str, Any] = {}
        numbers = []
        for side in (1, 2):
            x, number = _entities(folder / f"id_features_{side}", words)
            facts = read_txt_array(folder / f"triples_{side}", sep="\t", dtype=torch.long).t()
            edge_index, kind = sort_edge_index(number[facts[::2]], facts[1])
            found |= {f"x{side}": x, f"edge_index{side}": edge_index, f"rel{side}": kind}
            numbers.append(number)
        for split, file in (("train", "train.examples.20"), ("test", "test.examples.1000")):
            first, second, same = read_txt_array(folder / file, sep="\t", dtype=torch.long).t()
            same = same.bool()
            found[f"{split}_y"] = torch.stack([numbers[0][first[same]], numbers[1][second[same]]])
        return Data(**found)

    def _words(self) -> dict[str | None, Tensor]:
        """The vectors of words; that of unknown ones, which has no word in front, under None."""
        found: dict[str | None, Tensor] = {}
        with Path(self.raw_dir, "sub.glove.300d").open(encoding="utf-8") as file:
            for line in file:
                cells = line.strip().split(" ")
                word = cells.pop(0) if len(cells) > 300 else None
                found[word] = torch.tensor([float(cell) for cell in cells])
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pair})"


def _entities(file: Path, words: Mapping[str | None, Tensor]) -> tuple[Tensor, Tensor]:
    """The vectors of the words of every entity, (N, W, D), and the row of each id, -1 where there is none."""
    ids, vectors = [], []
    for line in file.read_text(encoding="utf-8").splitlines():
        key, _, name = line.strip().partition("\t")
        ids.append(int(key))
        vectors.append(
            torch.stack([words.get(word, words[None]) for word in name.lower().split()] or [words[None]])
        )
    number = torch.full((max(ids) + 1,), -1)
    number[ids] = torch.arange(len(ids))
    return torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True), number
