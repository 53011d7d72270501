"""WordNet: which words mean what to one another."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from grapevine.datasets._triplets import MaskedTripletDataset

_PUBLISHED = "https://raw.githubusercontent.com/villmow/datasets_knowledge_embedding/master"
_RELATIONS = (
    "_also_see",
    "_derivationally_related_form",
    "_has_part",
    "_hypernym",
    "_instance_hypernym",
    "_member_meronym",
    "_member_of_domain_region",
    "_member_of_domain_usage",
    "_similar_to",
    "_synset_domain_topic_of",
    "_verb_group",
)


class WordNet18(MaskedTripletDataset):
    """WordNet with inverse relations, which give answers away: 40,943 entities, 18 relations, 151,442 triplets.

    Use `WordNet18RR` to compare models: more than four fifths of the test triplets here stand in the training set the
    other way round.

    Args:
        root: folder of the dataset. The raw files, or an archive of them, ``WN18.tar.gz``, are taken from here, the
            archive also from the folder ``$GRAPEVINE_DATA``, where they lie there, and downloaded otherwise.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Returns:
        A graph with `edge_index` (2, E), from heads to tails, `edge_type` (E,), and `train_mask`, `val_mask` and
        `test_mask` (E,).

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: Bordes et al., "Translating Embeddings for Modeling Multi-relational Data", NeurIPS 2013.
    """

    url = f"{_PUBLISHED}/WN18/original"
    archive = "WN18.tar.gz"

    def _read(self, words: Iterable[list[str]]) -> list[Tensor]:
        # The number of triplets, then head, tail and relation of each, as numbers
        numbers = (torch.tensor([int(word) for word in file[1:]]).view(-1, 3) for file in words)
        return [triplets[:, [0, 2, 1]].t() for triplets in numbers]


class WordNet18RR(MaskedTripletDataset):
    """WordNet without inverse relations: 40,943 entities, 11 relations, 93,003 triplets.

    Arguments, contents and errors as for `WordNet18`; the archive is ``WN18RR.tar.gz``.

    Source: Dettmers et al., "Convolutional 2D Knowledge Graph Embeddings", arXiv:1707.01476.
    """

    url = f"{_PUBLISHED}/WN18RR/original"
    archive = "WN18RR.tar.gz"
    edge2id = {name: number for number, name in enumerate(_RELATIONS)}

    def _read(self, words: Iterable[list[str]]) -> list[Tensor]:
        entities: dict[str, int] = {}
        splits = []
        for file in words:
            head, relation, tail = file[::3], file[1::3], file[2::3]
            for name in (*head, *tail):
                entities.setdefault(name, len(entities))
            splits.append(
                torch.tensor(
                    [
                        [entities[name] for name in head],
                        [self.edge2id[name] for name in relation],
                        [entities[name] for name in tail],
                    ]
                )
            )
        return splits
