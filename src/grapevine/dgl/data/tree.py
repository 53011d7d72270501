"""Sentences as trees: the Stanford sentiment treebank."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.data.published import Contents, PublishedDataset, Record
from grapevine.dgl.data.utils import load_info, save_info
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["SST", "SSTDataset"]


def _trees(text: str) -> Iterator[list[Any]]:
    """`(3 (2 The) (4 Rock))` as `["3", ["2", "The"], ["4", "Rock"]]`, for every tree of a file."""
    open_: list[list[Any]] = []
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(":
            open_.append([])
        elif token != ")":
            open_[-1].append(token)
        else:
            done = open_.pop()
            if open_:
                open_[-1].append(done)
            else:
                yield done


def _graph(tree: list[Any], vocabulary: dict[str, int]) -> DGLGraph:
    """Nodes top down, children of a node together with all below them; edges from child to parent."""
    rows: list[tuple[int, int, int]] = []
    parents: list[int] = []

    def add(node: list[Any], parent: int) -> None:
        word = node[1] if isinstance(node[1], str) else None
        known = SSTDataset.PAD_WORD if word is None else vocabulary.get(word.lower(), SSTDataset.UNK_WORD)
        rows.append((known, int(node[0]), int(word is not None)))
        parents.append(parent)
        here = len(rows) - 1
        if word is None:
            for child in node[1:]:
                add(child, here)

    add(tree, -1)
    children = torch.arange(1, len(rows))
    g = graph((children, torch.tensor(parents[1:], dtype=torch.int64)), num_nodes=len(rows))
    for name, column in zip(("x", "y", "mask"), torch.tensor(rows).unbind(1)):
        g.ndata[name] = column.clone()
    return g


def _read(data: Any) -> Contents:
    folder = Path(data.raw_path)
    text = Path(data._vocab_file or folder / "vocab.txt").read_text(encoding="utf-8")
    words = [line.strip() for line in text.splitlines()]
    data._vocab = OrderedDict((word, i) for i, word in enumerate(words))
    if data._glove_embed_file is not None and os.path.exists(data._glove_embed_file):
        data._pretrained_emb = _vectors(data._glove_embed_file, data._vocab)
    trees = _trees((folder / f"{data.mode}.txt").read_text(encoding="utf-8"))
    return Contents([_graph(tree, data._vocab) for tree in trees])


def _vectors(file: str, vocabulary: dict[str, int]) -> Tensor:
    """The word vectors of GloVe, and random ones for words that it does not know."""
    found = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            word, *numbers = line.split(" ")
            if word.lower() in vocabulary:
                found[word.lower()] = np.array([float(number) for number in numbers])
    rows = [found.get(word.lower(), np.random.uniform(-0.05, 0.05, 300)) for word in vocabulary]  # noqa: NPY002
    return torch.from_numpy(np.stack(rows))


class SSTDataset(PublishedDataset):
    """Sentences of reviews; nodes have a word `x` (-1 inside the tree), a sentiment `y` (0 to 4), `mask` 1 at words.

    Args:
        mode: `"train"` (8,544 trees), `"dev"` (1,101), `"test"` (2,210) or `"tiny"` (5).
        glove_embed_file: word vectors to read, for the training set.
        vocab_file: the words; None takes those of the archive.
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Raises:
        DGLError: for another mode.

    Source: Socher et al., Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank, 2013.
    """

    record = Record("sst", "dataset/sst.zip", _read, "{self.mode}_dgl_graph.bin", num_classes=5)
    #: The word of nodes inside a tree, and of unknown words.
    PAD_WORD = UNK_WORD = -1

    _vocab: OrderedDict[str, int]

    def __init__(
        self,
        mode: str = "train",
        glove_embed_file: str | None = None,
        vocab_file: str | None = None,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if mode not in ("train", "dev", "test", "tiny"):
            raise DGLError(f"expected mode 'train', 'dev', 'test' or 'tiny', got {mode!r}")
        self._glove_embed_file = glove_embed_file if mode == "train" else None
        self.mode = mode
        self._vocab_file = vocab_file
        self._pretrained_emb: Tensor | None = None
        super().__init__(raw_dir, force_reload, verbose, transform)

    @property
    def vocab_path(self) -> str:
        """Where the words are kept."""
        return os.path.join(self.save_path, "vocab.pkl")

    @property
    def _vectors_path(self) -> str:
        return os.path.join(self.save_path, "emb.pkl")

    def has_cache(self) -> bool:
        return super().has_cache() and os.path.exists(self.vocab_path)

    def save(self) -> None:
        super().save()
        save_info(self.vocab_path, {"vocab": self.vocab})
        if self.pretrained_emb is not None:
            save_info(self._vectors_path, {"embed": self.pretrained_emb})

    def load(self) -> None:
        super().load()
        self._vocab = load_info(self.vocab_path)["vocab"]
        if os.path.exists(self._vectors_path):
            self._pretrained_emb = load_info(self._vectors_path)["embed"]

    @property
    def vocab(self) -> OrderedDict[str, int]:
        """From word to number."""
        return self._vocab

    @property
    def vocab_size(self) -> int:
        """The number of words."""
        return len(self._vocab)

    @property
    def pretrained_emb(self) -> Tensor | None:
        """`(V, D)` word vectors, if a file of them was given."""
        return self._pretrained_emb


SST = SSTDataset
