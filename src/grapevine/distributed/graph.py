"""`DistGraph`: one graph, held by all ranks together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data import Data, HeteroData
from grapevine.distributed.exchange import Exchange
from grapevine.distributed.features import hold
from grapevine.distributed.hops import Shard
from grapevine.distributed.manifest import Manifest, Part, load_manifest, load_part
from grapevine.distributed.topology import edge_index, ends_of, joined, own_rows, replicated, tensor
from grapevine.distributed.world import World, init
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.loader.gather import annotate, join
from grapevine.loader.memory import RowMemory
from grapevine.sampler import HeteroSamplerOutput
from grapevine.sampler.csc import SampledGraph, sampled_graph


class DistGraph:
    """A graph in parts on disk, opened by all ranks together; every rank makes one with the same arguments.

    Rank w owns the parts `w * P // W` to `(w + 1) * P // W` of P: so one folder serves any number of ranks up to P.

    Args:
        folder: written by `partition`.
        world: the ranks; None: `init()`.
        topology: `"replicated"`: every host holds all edges, in one mapping that its ranks share, and samples by
            itself; `"partitioned"`: each rank holds the edges into its own nodes, and samples them for the others.
        features: `"host"`: ranks read the rows of all ranks on their host from one shared mapping, and ask other hosts
            for theirs; `"owner"`: every rank holds its own rows only, and asks the others.
        cache_rows: how many rows of other hosts, by node type, to keep: those with most edges into this rank's nodes.
        attributes: names of the attributes that batches carry; None: all, but for the original `node_id` and `edge_id`.
        verify: compare checksums, which reads each file once.

    Raises:
        GraphValueError: if ranks have different partitions or options, there are fewer parts than ranks, or a file is
            damaged.

    Example:
        >>> import tempfile
        >>> from grapevine.distributed import partition
        >>> data = Data(x=torch.eye(4), edge_index=torch.tensor([[1, 2, 3], [0, 0, 1]]))
        >>> folder = tempfile.mkdtemp()
        >>> _ = partition(data, folder, parts=2, method="hash")
        >>> graph = DistGraph(folder)
        >>> graph.num_nodes, graph.rows("x", torch.tensor([3])).shape
        ({None: 4}, torch.Size([1, 4]))
    """

    #: The graph itself, where each rank holds all of it.
    whole: Data | HeteroData | None = None

    def __init__(
        self,
        folder: str | Path,
        world: World | None = None,
        topology: str = "replicated",
        features: str = "host",
        cache_rows: int = 0,
        attributes: Sequence[str] | None = None,
        verify: bool = True,
    ) -> None:
        for name, value, allowed in (
            ("topology", topology, ("replicated", "partitioned")),
            ("features", features, ("host", "owner")),
        ):
            if value not in allowed:
                raise GraphValueError(f"expected {name} to be one of {allowed}, got {value!r}")
        self.world = world = world or init()
        self.topology, self.features = topology, features
        manifest, problem = None, None
        try:
            manifest = load_manifest(folder)
        except GraphValueError as error:
            problem = error
        said = (
            str(problem)
            if manifest is None
            else f"{manifest.uuid} ({manifest.digest}) of {manifest.parts} parts"
        )
        options = {
            "topology": topology,
            "features": features,
            "cache_rows": cache_rows,
            "attributes": attributes,
        }
        world.agree("partition and options of DistGraph", {"partition": said, **options})
        if manifest is None or problem is not None:
            raise problem or GraphValueError(f"expected a partition in {folder}")
        if manifest.parts < world.size:
            raise GraphValueError(
                f"expected at least one part for each of {world.size} ranks, got {manifest.parts} parts; start fewer "
                "ranks, or partition the graph into more parts"
            )
        self.manifest: Manifest = manifest
        self.node_types, self.edge_types = list(manifest.node_types), list(manifest.edge_types)
        self.num_nodes = {kind: int(manifest.node_offsets[kind][-1]) for kind in self.node_types}
        self.num_edges = {key: int(manifest.edge_offsets[key][-1]) for key in self.edge_types}
        bounds = [rank * manifest.parts // world.size for rank in range(world.size + 1)]
        self._offsets: dict[tuple[str, Any], Tensor] = {
            ("nodes", kind): torch.tensor([manifest.node_offsets[kind][part] for part in bounds])
            for kind in self.node_types
        } | {
            ("edges", key): torch.tensor([manifest.edge_offsets[key][part] for part in bounds])
            for key in self.edge_types
        }
        self._bounds, self._verify = bounds, verify
        self.parts: list[Part] = self._opened(lambda: self._load(world.rank))
        self._named = {
            ("nodes", kind): _chosen(manifest.node_attrs[kind], "node_id", attributes)
            for kind in self.node_types
        } | {
            ("edges", key): _chosen(manifest.edge_attrs[key], "edge_id", attributes)
            for key in self.edge_types
        }
        self._exchange = Exchange(world, "graph")
        self._rows = hold(
            world,
            self._offsets,
            self._named,
            features,
            lambda rank: self.parts if rank == world.rank else self._load(rank),
        )
        if cache_rows and not self._rows.everything_here:
            hot = {("nodes", kind): self._edges_from(kind) for kind in self.node_types}
            self._rows.keep_hot(hot, cache_rows, self._exchange)

    @classmethod
    def of(cls, data: Data | HeteroData, world: World | None = None) -> Self:
        """A graph that every rank holds as a whole: batches are shared out, nothing travels.

        Args:
            data: the graph, the same on all ranks.
            world: the ranks; None: `init()`.
        """
        self = cls.__new__(cls)
        self.world = world = world or init()
        self.whole, self.topology, self.features = data, "replicated", "host"
        hetero = isinstance(data, HeteroData)
        nodes = dict(data.node_items()) if isinstance(data, HeteroData) else {None: data._store}
        edges = dict(data.edge_items()) if isinstance(data, HeteroData) else {None: data._store}
        self.node_types, self.edge_types = list(nodes), list(edges)
        self.num_nodes = {
            kind: int((store if hetero else data).num_nodes or 0) for kind, store in nodes.items()
        }
        self.num_edges = {key: int(store.edge_index.shape[1]) for key, store in edges.items()}
        world.agree("graph", (self.num_nodes, self.num_edges))
        self._offsets = {
            (level, kind): torch.tensor([count * rank // world.size for rank in range(world.size + 1)])
            for level, counts in (("nodes", self.num_nodes), ("edges", self.num_edges))
            for kind, count in counts.items()
        }
        self.parts = []
        return self

    # Who owns what ------------------------------------------------------------------------------------------------

    @property
    def is_hetero(self) -> bool:
        """Whether there are several types."""
        return self.edge_types != [None]

    @property
    def communicates(self) -> bool:
        """Whether batches need other ranks: if not, ranks go their own ways."""
        return (
            self.whole is None
            and self.world.size > 1
            and not (self.replicated and self._rows.everything_here)
        )

    @property
    def replicated(self) -> bool:
        """Whether this rank can sample by itself."""
        return self.topology == "replicated"

    def offsets(self, kind: Any = None) -> Tensor:
        """`(W + 1,)` where the node ids of each rank begin.

        Args:
            kind: a node type.
        """
        return self._of("nodes", kind, self._offsets)

    def owner(self, ids: Tensor, kind: Any = None) -> Tensor:
        """The rank that owns each node.

        Args:
            ids: `(n,)` node ids.
            kind: a node type.
        """
        return torch.searchsorted(self.offsets(kind)[1:], ids, right=True)

    def own(self, kind: Any = None) -> range:
        """The ids of this rank's nodes.

        Args:
            kind: a node type.
        """
        first, last = self.offsets(kind)[self.world.rank :][:2].tolist()
        return range(first, last)

    # Features -------------------------------------------------------------------------------------------------------

    def rows(self, name: str, ids: Tensor, kind: Any = None, exchange: Exchange | None = None) -> Tensor:
        """Rows of an attribute of nodes; every rank calls it, unless all rows are on this host.

        Args:
            name: of the attribute.
            ids: `(n,)` node ids.
            kind: their type.
            exchange: of the calling thread; None: the graph's, for the main thread.
        """
        if self.whole is not None:
            return _store(self.whole, kind)[name][ids]
        key = ("nodes", kind)
        if name not in self._of("nodes", kind, self._named):
            raise GraphKeyError(
                f"expected one of the attributes {self._named[key]}, got {name!r}; name others in "
                "DistGraph(..., attributes=[...])"
            )
        return self._rows.fetch({key: (ids, [name])}, exchange or self._exchange)[key][name]

    def local(self, name: str, kind: Any = None) -> Tensor:
        """The rows of this rank's own nodes.

        Args:
            name: of the attribute.
            kind: a node type.

        Raises:
            GraphKeyError: if there is no such attribute.
        """
        if self.whole is not None:
            own = self.own(kind)
            return _store(self.whole, kind)[name][own.start : own.stop]
        return joined(self.parts, "nodes", kind, name)

    def everywhere(self, name: str, kind: Any = None) -> Tensor:
        """All rows of an attribute, brought together on each rank; every rank calls it.

        Args:
            name: of the attribute: a small one, such as times or a mask.
            kind: a node type.
        """
        if self.whole is not None:
            return _store(self.whole, kind)[name]
        mine = self.local(name, kind)
        return torch.cat(self._exchange.swap([mine] * self.world.size, "everywhere"))

    # Loaders --------------------------------------------------------------------------------------------------------

    def sampled(self, time_attr: str | None, weight_attr: str | None, backward: bool) -> SampledGraph:
        """The graph as samplers read it: all of it, or this rank's rows; every rank calls it.

        Args:
            time_attr: an attribute with times.
            weight_attr: an attribute with weights.
            backward: follow edges to their destinations.
        """
        if self.whole is not None:
            return sampled_graph(self.whole, time_attr, weight_attr, backward)
        if self.replicated:
            return replicated(self.world, self.manifest, time_attr, weight_attr, backward)
        if backward:
            raise GraphValueError(
                "expected sample_direction='forward', got 'backward': the parts group edges by destination; use "
                "topology='replicated'"
            )
        times = {
            kind: self.everywhere(time_attr, kind)
            for kind in self.node_types
            if time_attr is not None and time_attr in self.manifest.node_attrs[kind]
        }
        return own_rows(self.manifest, self.parts, times, time_attr, weight_attr)

    def shard(self, graph: SampledGraph) -> Shard:
        """This rank's rows, and who has the others.

        Args:
            graph: from `sampled`, of a partitioned topology.
        """
        return Shard(
            list(graph.relations.values()),
            [int(self._offsets["edges", key][self.world.rank]) for key in self.edge_types],
            [self._offsets["nodes", kind].tolist() for kind in self.node_types],
            max(*self.num_nodes.values(), *self.num_edges.values()) >= 2**31 - 1,
        )

    def batch(self, sample: Any, exchange: Exchange | None, memory: RowMemory) -> Data | HeteroData:
        """The part of the graph that a sample names, with its attributes; all ranks call it if the graph communicates.

        Args:
            sample: what a sampler answered.
            exchange: of the calling thread.
            memory: of the loader.
        """
        hetero = isinstance(sample, HeteroSamplerOutput)
        out: Any = HeteroData() if hetero else Data()
        levels = {
            "nodes": sample.node if hetero else {None: sample.node},
            "edges": sample.edge if hetero else {None: sample.edge},
        }
        wanted = {
            (level, kind): (ids, self._named[level, kind])
            for level, found in levels.items()
            for kind, ids in (found or {}).items()
            if ids is not None and self._named[level, kind]
        }
        for kind, ids in levels["nodes"].items():
            (out if kind is None else out[kind]).num_nodes = ids.numel()
        for key in self.edge_types:
            if key is None:
                out.edge_index = join(sample.row, sample.col)
            elif key in sample.row:
                out[key].edge_index = join(sample.row[key], sample.col[key])
        for (_, kind), rows in self._rows.fetch(wanted, exchange, memory.empty).items():
            (out if kind is None else out[kind]).update(rows)
        for name, value in self.manifest.globals.items():
            out[name] = value
        annotate(out, sample)
        return out

    def outline(self) -> Data | HeteroData:
        """The graph without edges and attributes: types and numbers of nodes."""
        out: Any = HeteroData() if self.is_hetero else Data()
        for kind, count in self.num_nodes.items():
            (out if kind is None else out[kind]).num_nodes = count
        for key in self.edge_types:
            (out if key is None else out[key]).edge_index = torch.empty(2, 0, dtype=torch.int64)
        return out

    def where(self, name: str, kind: Any = None) -> Tensor:
        """The ids of nodes for which a mask is true, ascending; every rank calls it.

        Args:
            name: of the mask.
            kind: a node type.
        """
        mask = self.everywhere(name, kind)
        if mask.dtype is not torch.bool:
            raise GraphValueError(
                f"expected {name!r} to be a mask of bools, got {mask.dtype}; pass ids instead"
            )
        return mask.nonzero().view(-1)

    def links(self, key: Any = None) -> Tensor:
        """`(2, e)` the edges that this rank holds: those into its own nodes, or all where each rank holds all.

        Args:
            key: an edge type.
        """
        if self.whole is not None:
            return _store(self.whole, key).edge_index
        everything = range(self.manifest.parts)
        parts = [load_part(self.manifest, p, False) for p in everything] if self.replicated else self.parts
        return edge_index(self.manifest, parts, key)

    # Opening --------------------------------------------------------------------------------------------------------

    def _of(self, level: str, kind: Any, table: Mapping[Any, Any]) -> Any:
        if (level, kind) not in table:
            raise GraphKeyError(
                f"expected a type of {level}, got {kind!r}; choose one of {[k for _, k in table]}"
            )
        return table[level, kind]

    def _load(self, rank: int) -> list[Part]:
        """The parts of a rank; each rank checks its own."""
        verify = self._verify and rank == self.world.rank
        first, last = self._bounds[rank : rank + 2]
        return [load_part(self.manifest, part, verify) for part in range(first, last)]

    def _opened(self, load: Any) -> Any:
        """Opens something on every rank; a rank that cannot tells the others, which do not wait for it."""
        out, problem = None, None
        try:
            out = load()
        except Exception as error:  # raised below, when the others know
            problem = error
        said = self.world.gather(None if problem is None else f"{type(problem).__name__}: {problem}")
        if problem is not None:
            raise problem
        failed = [f"rank {rank}: {text}" for rank, text in enumerate(said) if text is not None]
        if failed:
            raise GraphValueError(f"expected all ranks to open their parts, got {'; '.join(failed)}")
        return out

    def _edges_from(self, kind: Any) -> Tensor:
        """`(N,)` how many edges lead from each node of a type to nodes of this rank."""
        total = torch.zeros(self.num_nodes[kind], dtype=torch.int64)
        for key in self.edge_types:
            if ends_of(key)[0] == kind:
                for part in self.parts:
                    total += torch.bincount(tensor(part.edges[key]["index"]), minlength=total.numel())
        return total

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_nodes={self.num_nodes}, num_edges={self.num_edges}, rank={self.world.rank} of "
            f"{self.world.size}, topology={self.topology!r}, features={self.features!r})"
        )


def _store(data: Data | HeteroData, kind: Any) -> Any:
    return data if kind is None else data[kind]


def _chosen(attrs: Mapping[str, Any], original: str, attributes: Sequence[str] | None) -> list[str]:
    return list(attrs) if attributes is None else [name for name in (*attrs, original) if name in attributes]
