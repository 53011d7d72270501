"""Entity and relation embeddings, two R-GCN layers and the TransE score, as their reader would type them."""

from __future__ import annotations

from pathlib import Path

from tests.compat.programs import run

PROGRAM = r"""
import sys
import tarfile

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch_geometric.data import Data
from torch_geometric.nn import RGCNConv


class KnowledgeGraphModel(nn.Module):
    def __init__(self, num_entities, num_relations, embedding_dim):
        super().__init__()
        self.entity_embedding = nn.Embedding(num_entities, embedding_dim)
        self.relation_embedding = nn.Embedding(num_relations, embedding_dim)
        self.conv1 = RGCNConv(embedding_dim, embedding_dim, num_relations)
        self.conv2 = RGCNConv(embedding_dim, embedding_dim, num_relations)

    def forward(self, edge_index, edge_type):
        x = self.entity_embedding.weight
        x = F.relu(self.conv1(x, edge_index, edge_type))
        return self.conv2(x, edge_index, edge_type)

    def score(self, x, head, relation, tail):
        return -torch.norm(x[head] + self.relation_embedding(relation) - x[tail], p=2, dim=1)


def read(archive):
    entities, relations, parts = {}, {}, []
    with tarfile.open(archive) as tar:
        for name in ("train.txt", "valid.txt", "test.txt"):
            rows = [line.split("\t") for line in tar.extractfile(name).read().decode().splitlines()]
            parts.append(
                torch.tensor(
                    [
                        (
                            entities.setdefault(h, len(entities)),
                            relations.setdefault(r, len(relations)),
                            entities.setdefault(t, len(entities)),
                        )
                        for h, r, t in rows
                    ]
                )
            )
    return parts, len(entities), len(relations)


def corrupted(triplets, num_entities):
    triplets = triplets.clone()
    column = torch.where(torch.rand(len(triplets)) < 0.5, 0, 2)
    triplets[torch.arange(len(triplets)), column] = torch.randint(num_entities, (len(triplets),))
    return triplets


torch.manual_seed(0)
(train, valid, test), num_entities, num_relations = read(sys.argv[1])
data = Data(edge_index=train[:, [0, 2]].t().contiguous(), edge_type=train[:, 1], num_nodes=num_entities)
model = KnowledgeGraphModel(num_entities, num_relations, 32)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(100):
    model.train()
    optimizer.zero_grad()
    x = model(data.edge_index, data.edge_type)
    positive = model.score(x, *train.t())
    negative = model.score(x, *corrupted(train, num_entities).t())
    loss = F.margin_ranking_loss(positive, negative, torch.ones_like(positive), margin=1.0)
    loss.backward()
    optimizer.step()

model.eval()
with torch.no_grad():
    x = model(data.edge_index, data.edge_type)
    sides = []
    for part in (valid, test):
        both = torch.cat([part, corrupted(part, num_entities)])
        sides.append((model.score(x, *both.t()), both[:, 1], torch.arange(len(both)) < len(part)))

right = 0
score, relation, label = sides[0]
for r in range(num_relations):
    s, y = score[relation == r], label[relation == r]
    cuts = torch.cat([s, score.median()[None]])
    best = cuts[torch.stack([((s >= cut) == y).sum() for cut in cuts]).argmax()]
    at = sides[1][1] == r
    right += int(((sides[1][0][at] >= best) == sides[1][2][at]).sum())
print(f"loss {loss:.4f}")
print(f"accuracy {right / len(sides[1][2]):.4f}")
"""


def test_facts_are_told_from_false_ones(shared_data: Path, tmp_path: Path) -> None:
    printed = run(tmp_path, PROGRAM, shared_data / "kg" / "umls.tar.gz")
    assert float(printed.split("accuracy")[1]) >= 0.75
