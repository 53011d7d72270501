"""GraphSAINT: random subgraphs, with the coefficients that undo their bias."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.loader.gather import rows
from grapevine.loader.seeds import SeedLoader
from grapevine.ops import SampleRequest, random_walks, sample_neighbors
from grapevine.ops._draw import PHI, mix
from grapevine.ops.sample_neighbors import compress
from grapevine.sampler.inputs import fresh_key
from grapevine.sampler.outputs import SamplerOutput


class GraphSAINTSampler(SeedLoader):
    """Batches of random subgraphs: the base of the three samplers below.

    A batch holds all edges among its nodes and, with `sample_coverage`, `node_norm` and `edge_norm`:

        node_norm[v] = S / (C_v N),   edge_norm[u -> v] = C_u / C_uv

    where C counts how often nodes and edges came in S subgraphs drawn beforehand; weigh losses by the first and
    messages by the second.

    Args:
        data: the graph.
        batch_size: draws per batch (nodes, edges or walks).
        num_steps: batches per pass.
        sample_coverage: subgraphs are drawn until they hold this many times N nodes; 0: no coefficients.
        save_dir: folder to keep the coefficients in.
        log: accepted for compatibility; nothing is printed.
        **kwargs: `prefetch_threads`, and arguments of `torch.utils.data.DataLoader`.

    Raises:
        GraphValueError: if the graph has no edges, or has coefficients already.

    Source: Zeng et al., GraphSAINT, arXiv:1907.04931.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int,
        num_steps: int = 1,
        sample_coverage: int = 0,
        save_dir: str | None = None,
        log: bool = True,
        **kwargs: Any,
    ) -> None:
        if data.edge_index is None or "node_norm" in data or "edge_norm" in data or data.num_edges == 0:
            raise GraphValueError(
                f"expected a graph with edges and without node_norm and edge_norm, got {data}; "
                "the sampler adds the two to its batches"
            )
        self.data = data
        self.num_steps = num_steps
        self._draws = batch_size
        self.sample_coverage = sample_coverage
        self.save_dir = save_dir
        self.N, self.E = data.num_nodes or 0, data.num_edges
        self.row, self.col = data.edge_index.cpu().to(torch.int64)
        self.relation = compress(self.col, self.row, (self.N, self.N), (0, 0))
        super().__init__(num_steps, **{"shuffle": False, **kwargs, "batch_size": 1})
        if sample_coverage > 0:
            self.node_norm, self.edge_norm = self._norms()

    @property
    def _filename(self) -> str:
        return f"{type(self).__name__.lower()}_{self.sample_coverage}.pt"

    def _sample_nodes(self, generator: torch.Generator) -> Tensor:
        """The nodes of one subgraph, with duplicates."""
        raise GraphValueError(
            "use GraphSAINTNodeSampler, GraphSAINTEdgeSampler or GraphSAINTRandomWalkSampler"
        )

    def _sample(self, index: Tensor, key: int | None) -> SamplerOutput:
        key = fresh_key() if key is None else key
        nodes = self._sample_nodes(torch.Generator().manual_seed(key)).unique()
        found = sample_neighbors(SampleRequest([self.N], [self.relation], [()], [(0, nodes)], induced=True))
        neighbour, node = found.edge_index[0]
        return SamplerOutput(nodes, node, neighbour, found.edge[0])

    def _gather(self, out: Any) -> Data:
        batch: Data = type(self.data)()
        batch.num_nodes = out.node.numel()
        batch.edge_index = torch.stack([out.row, out.col])
        store = self.data._store
        for key, level in store._levels().items():
            if key not in ("edge_index", "num_nodes"):
                ids = {"node": out.node, "edge": out.edge, None: None}[level if level != "graph" else None]
                value, dim = store[key], store._cat_dim(key)
                batch[key] = value if ids is None else rows(value, ids, dim, self._memory)
        if self.sample_coverage > 0:
            batch.node_norm, batch.edge_norm = self.node_norm[out.node], self.edge_norm[out.edge]
        return batch

    def _norms(self) -> tuple[Tensor, Tensor]:
        path = None if self.save_dir is None else Path(self.save_dir) / self._filename
        if path is not None and path.exists():
            node_norm, edge_norm = torch.load(path, weights_only=True)
            return node_norm, edge_norm
        node_count, edge_count = torch.zeros(self.N), torch.zeros(self.E)
        key, samples, nodes = fresh_key(), 0, 0
        while nodes < self.N * self.sample_coverage:
            samples += 1
            out = self._sample(torch.tensor([samples]), mix(key + PHI * samples))
            node_count[out.node] += 1
            edge_count[out.edge] += 1
            nodes += out.node.numel()
        edge_norm = (node_count[self.row] / edge_count).clamp(0, 1e4)
        edge_norm[edge_norm.isnan()] = 0.1
        node_norm = samples / node_count.clamp(min=0.1) / self.N
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save((node_norm, edge_norm), path)
        return node_norm, edge_norm


class GraphSAINTNodeSampler(GraphSAINTSampler):
    """Subgraphs of random nodes, in proportion to their numbers of outgoing edges; see `GraphSAINTSampler`."""

    def _sample_nodes(self, generator: torch.Generator) -> Tensor:
        return self.row[torch.randint(self.E, (self._draws,), generator=generator)]


class GraphSAINTEdgeSampler(GraphSAINTSampler):
    """Subgraphs of the ends of random edges, drawn without replacement; see `GraphSAINTSampler`.

        p(u -> v) ∝ 1 / deg(u) + 1 / deg(v)

    Departures: the probabilities are the paper's; PyG's inverts each degree twice and so uses their sum.
    """

    def __init__(self, data: Data, batch_size: int, *args: Any, **kwargs: Any) -> None:
        if data.edge_index is not None:
            row, col = data.edge_index.cpu()
            out, into = (torch.bincount(end, minlength=data.num_nodes or 0).double() for end in (row, col))
            self._rate = 1 / out[row] + 1 / into[col]
        super().__init__(data, batch_size, *args, **kwargs)

    def _sample_nodes(self, generator: torch.Generator) -> Tensor:
        # The first to ring of exponential clocks: draws without replacement in proportion to their rates.
        ring = torch.empty(self.E, dtype=torch.float64).exponential_(generator=generator) / self._rate
        edge = ring.topk(min(self._draws, self.E), largest=False).indices
        return torch.cat([self.row[edge], self.col[edge]])


class GraphSAINTRandomWalkSampler(GraphSAINTSampler):
    """Subgraphs of random walks from random nodes; see `GraphSAINTSampler`.

    Args:
        data: the graph.
        batch_size: walks per batch.
        walk_length: steps of each.
        num_steps: batches per pass.
        sample_coverage: subgraphs are drawn until they hold this many times N nodes; 0: no coefficients.
        save_dir: folder to keep the coefficients in.
        log: accepted for compatibility; nothing is printed.
        **kwargs: `prefetch_threads`, and arguments of `torch.utils.data.DataLoader`.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int,
        walk_length: int,
        num_steps: int = 1,
        sample_coverage: int = 0,
        save_dir: str | None = None,
        log: bool = True,
        **kwargs: Any,
    ) -> None:
        self.walk_length = walk_length
        super().__init__(data, batch_size, num_steps, sample_coverage, save_dir, log, **kwargs)

    @property
    def _filename(self) -> str:
        return f"{type(self).__name__.lower()}_{self.walk_length}_{self.sample_coverage}.pt"

    def _sample_nodes(self, generator: torch.Generator) -> Tensor:
        start = torch.randint(self.N, (self._draws,), generator=generator)
        key, relation = fresh_key(generator), self.relation
        nodes, _ = random_walks(
            relation.ptr, relation.index, None, start, self.walk_length, 1.0, 1.0, 0.0, key
        )
        return nodes.view(-1)
