"""Message passing on graphs: messages along edges, reduced at their destinations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from grapevine import engine
from grapevine.dgl.base import ALL, DGLError, is_all
from grapevine.dgl.core import (
    EdgeFunction,
    Hop,
    NodeFunction,
    combined,
    finite,
    incoming,
    is_builtin,
    message_passing,
    missing_as_infinite,
)
from grapevine.dgl.features import FeatureMethods
from grapevine.dgl.function.algebra import stored
from grapevine.dgl.function.message import MessageFunction
from grapevine.dgl.function.reducer import SimpleReduceFunction
from grapevine.dgl.structure import EType
from grapevine.dgl.udf import NodeBatch


class MessageMethods(FeatureMethods):
    """`update_all`, `apply_edges` and their relatives.

    Functions that are left out are those registered with the graph, as programs for DGL 0.4 have it.
    """

    _registered: Mapping[str, Any] = MappingProxyType({})

    def register_message_func(self, func: EdgeFunction) -> None:
        """Sets the message function of calls that name none.

        Args:
            func: as of `update_all`.
        """
        self._register("message", func)

    def register_reduce_func(self, func: NodeFunction) -> None:
        """Sets the reduce function of calls that name none.

        Args:
            func: as of `update_all`.
        """
        self._register("reduce", func)

    def register_apply_node_func(self, func: NodeFunction) -> None:
        """Sets what `apply_nodes()` does, and what follows the reduction in calls that name nothing else.

        Args:
            func: from a batch of nodes to features.
        """
        self._register("apply_node", func)

    def register_apply_edge_func(self, func: EdgeFunction) -> None:
        """Sets what `apply_edges()` does.

        Args:
            func: from a batch of edges to features.
        """
        self._register("apply_edge", func)

    def _register(self, role: str, func: Any) -> None:
        self._registered = {**self._registered, role: func}

    def _function(self, role: str, given: Any) -> Any:
        if given is None and role not in self._registered:
            raise DGLError(
                f"expected a {role} function; pass one, or register it with g.register_{role}_func(...)"
            )
        return self._registered[role] if given is None else given

    def _functions(self, message: Any, reduce: Any, apply: Any) -> tuple[Any, Any, Any]:
        apply = self._registered.get("apply_node") if apply is None else apply
        return self._function("message", message), self._function("reduce", reduce), apply

    def update_all(
        self,
        message_func: EdgeFunction | None = None,
        reduce_func: NodeFunction | None = None,
        apply_node_func: NodeFunction | None = None,
        etype: str | EType | None = None,
    ) -> None:
        """Sends messages along all edges, reduces those that arrive, and sets the results as features of the receivers.

            h_v = update(reduce over edges (u -> v) of message(x_u, x_v, x_e))

        Args:
            message_func: from a batch of edges to messages: built in (`dgl.function.u_mul_e`) or your own; the engine
                fuses both alike.
            reduce_func: from a batch of nodes with their mailbox to features: built in or your own.
            apply_node_func: from a batch of nodes with the reduced features beside their own to the features to set;
                reduced features that it does not return are dropped.
            etype: the edges' type. Without it, in a graph of several types, built-in messages of all types are reduced
                together at each node.

        Raises:
            DGLError: if the reduce function asks for another message than is sent; for functions of your own, or the
                mean, over several edge types at once.

        Departures:
            Nodes that nobody sends to get zeros also from `max` and `min`, whose genuine infinities stay; equal
            extremes share the gradient.

        Example:
            >>> import torch
            >>> from grapevine import dgl
            >>> g = dgl.graph(([0, 1], [1, 2]))
            >>> g.ndata["h"] = torch.tensor([1.0, 2.0, 3.0])
            >>> g.update_all(lambda edges: {"m": 2 * edges.src["h"]}, dgl.function.sum("m", "out"))
            >>> g.ndata["out"]
            tensor([0., 2., 4.])
        """
        functions = self._functions(message_func, reduce_func, apply_node_func)
        if etype is None and len(self._relations) > 1:
            self._update_all_types(*functions)
            return
        hop = Hop(self, etype)
        self._set_node_data(hop.dst_id, ALL, message_passing(hop, *functions))

    def _update_all_types(self, mfunc: EdgeFunction, rfunc: NodeFunction, afunc: NodeFunction | None) -> None:
        if not isinstance(mfunc, MessageFunction) or not isinstance(rfunc, SimpleReduceFunction):
            raise DGLError(
                "User defined functions are not yet supported in update_all for heterogeneous graphs. "
                "Please use multi_update_all instead."
            )
        if rfunc.name == "mean":
            raise DGLError(
                "Cannot set both intra-type and inter-type reduce operators as 'mean' using update_all. "
                "Please use multi_update_all instead."
            )
        args = (mfunc, rfunc)
        self._merge([(etype, args) for etype in self.canonical_etypes], rfunc.name, afunc)

    def multi_update_all(
        self,
        etype_dict: Mapping[str | EType, Sequence[Any]],
        cross_reducer: str | Callable[[list[Tensor]], Tensor],
        apply_node_func: NodeFunction | None = None,
    ) -> None:
        """Message passing along several edge types, whose results are merged per node type.

        Args:
            etype_dict: from edge types to `(message_func, reduce_func)`, perhaps with a third `apply_node_func`.
            cross_reducer: sum, mean (over the edge types), max, min, stack (along axis 1, in the order of edge type
                ids), or a function of the list of results.
            apply_node_func: run on every receiving node type after the merge.

        Raises:
            DGLError: for an unknown reducer or a value that is not two or three functions.

        Departures:
            As in DGL, a node that misses one of several relations reduced by `max` or `min` counts as infinite there
            until the merge, and as zero if it is infinite after it.

        Example:
            >>> import torch
            >>> from grapevine import dgl
            >>> g = dgl.heterograph({("u", "a", "v"): ([0], [0]), ("w", "b", "v"): ([0], [0])})
            >>> g.nodes["u"].data["h"], g.nodes["w"].data["h"] = torch.ones(1), torch.ones(1)
            >>> copy, add = dgl.function.copy_u("h", "m"), dgl.function.sum("m", "h")
            >>> g.multi_update_all({"a": (copy, add), "b": (copy, add)}, "sum")
            >>> g.nodes["v"].data["h"]
            tensor([2.])
        """
        for etype, args in etype_dict.items():
            if not isinstance(args, (tuple, list)) or not 2 <= len(args) <= 3:
                raise DGLError(
                    f'Invalid arguments for edge type "{etype}". Should be (msg_func, reduce_func, [apply_node_func])'
                )
        self._merge(list(etype_dict.items()), cross_reducer, apply_node_func)

    def _merge(
        self,
        passes: Sequence[tuple[str | EType, Sequence[Any]]],
        cross: str | Callable[[list[Tensor]], Tensor],
        afunc: NodeFunction | None,
    ) -> None:
        """Message passing per edge type, merged per node type."""
        answers: dict[int, list[dict[str, Tensor]]] = {}
        unbounded: set[int] = set()
        if cross == "stack":
            passes = sorted(passes, key=lambda item: self.get_etype_id(item[0]))
        for etype, args in passes:
            hop = Hop(self, etype)
            out = message_passing(hop, *args)
            if getattr(args[1], "name", None) in ("max", "min"):
                unbounded.add(hop.dst_id)
                out = missing_as_infinite(hop, out, args[1]) if len(args) < 3 or args[2] is None else out
            answers.setdefault(hop.dst_id, []).append(out)
        for dst_id, given in answers.items():
            merged = combined(given, cross)
            if dst_id in unbounded:
                merged = {name: finite(rows) for name, rows in merged.items()}
            self._set_node_data(dst_id, ALL, merged)
            if afunc is not None:
                self._apply_nodes(afunc, ALL, dst_id)

    # -- parts of message passing --------------------------------------------------------------------

    def apply_edges(
        self, func: EdgeFunction | None = None, edges: Any = ALL, etype: str | EType | None = None
    ) -> None:
        """Sets features of edges from those of both ends and their own.

        Args:
            func: from a batch of edges to features: built in or your own.
            edges: ids, or a pair of endpoint ids; all edges if left out. Features that are new get the initialiser's
                values on the others.
            etype: the edges' type. Without it, in a graph of several types, a built-in function runs on each.

        Raises:
            DGLError: for a function of your own over several edge types.

        Example:
            >>> import torch
            >>> from grapevine import dgl
            >>> g = dgl.graph(([0, 1], [1, 2]))
            >>> g.ndata["h"] = torch.tensor([1.0, 2.0, 3.0])
            >>> g.apply_edges(dgl.function.u_add_v("h", "h", "s"))
            >>> g.edata["s"]
            tensor([3., 5.])
        """
        func = self._function("apply_edge", func)
        several = etype is None and len(self._relations) > 1
        if several and not is_builtin(func):
            raise DGLError(
                "User defined functions are not yet supported in apply_edges for heterogeneous graphs. "
                "Please use (apply_edges(func), etype = rel) instead."
            )
        if several:
            answers = [self._edge_features(func, edges, t) for t in self.canonical_etypes]
            for type_id, out in enumerate(answers):
                self._set_edge_data(type_id, edges, out)
        else:
            self._set_edge_data(self.get_etype_id(etype), edges, self._edge_features(func, edges, etype))

    def _edge_features(self, func: EdgeFunction, edges: Any, etype: str | EType | None) -> dict[str, Tensor]:
        eids = None if is_all(edges) else self._edge_argument(edges, self.get_etype_id(etype))
        hop = Hop(self, etype, eids)
        if is_builtin(func):
            return {name: stored(hop.relation, m) for name, m in func(hop.edges(False)).items()}
        with engine.scope():
            return {name: stored(hop.relation, m) for name, m in hop.messages(func, False).items()}

    def apply_nodes(self, func: NodeFunction | None = None, v: Any = ALL, ntype: str | None = None) -> None:
        """Sets features of nodes from their features.

        Args:
            func: from a batch of nodes to features.
            v: ids; all nodes if left out.
            ntype: the nodes' type.

        Example:
            >>> import torch
            >>> from grapevine import dgl
            >>> g = dgl.graph(([0], [1]))
            >>> g.ndata["h"] = torch.ones(2)
            >>> g.apply_nodes(lambda nodes: {"h": 2 * nodes.data["h"]}, v=[1])
            >>> g.ndata["h"]
            tensor([1., 2.])
        """
        self._apply_nodes(self._function("apply_node", func), v, self.get_ntype_id(ntype))

    def _apply_nodes(self, func: NodeFunction, v: Any, type_id: int) -> None:
        frame = self._node_frames[type_id]
        if is_all(v):
            ids = self._all_nodes(type_id)
        else:
            ids = self._ids(v, "v")
            frame = frame.subframe(ids)
        self._set_node_data(type_id, v, func(NodeBatch(self, ids, self.ntypes[type_id], frame)))

    def send_and_recv(
        self,
        edges: Any,
        message_func: EdgeFunction | None = None,
        reduce_func: NodeFunction | None = None,
        apply_node_func: NodeFunction | None = None,
        etype: str | EType | None = None,
    ) -> None:
        """As `update_all`, along some edges: only their destinations get new features.

        Args:
            edges: ids, or a pair of endpoint ids.
            message_func: as in `update_all`.
            reduce_func: as in `update_all`.
            apply_node_func: as in `update_all`.
            etype: the edges' type.
        """
        functions = self._functions(message_func, reduce_func, apply_node_func)
        eids = self._edge_argument(edges, self.get_etype_id(etype))
        if eids.shape[0] == 0:
            return
        receivers = self._relation(etype).dst_index.index_select(0, eids.to(torch.int64)).unique()
        self._pass_some(Hop(self, etype, eids, receivers), *functions)

    def _pass_some(
        self, hop: Hop, mfunc: EdgeFunction, rfunc: NodeFunction, afunc: NodeFunction | None
    ) -> None:
        out = message_passing(hop, mfunc, rfunc, afunc)
        self._set_node_data(hop.dst_id, hop.node_ids(), out)

    def pull(
        self,
        v: Any,
        message_func: EdgeFunction | None = None,
        reduce_func: NodeFunction | None = None,
        apply_node_func: NodeFunction | None = None,
        etype: str | EType | None = None,
    ) -> None:
        """As `update_all`, along the edges that arrive at some nodes.

        Args:
            v: ids of the nodes that get new features.
            message_func: as in `update_all`.
            reduce_func: as in `update_all`.
            apply_node_func: as in `update_all`.
            etype: the edges' type.

        Departures:
            A node that is named twice receives its messages once, in DGL twice.
        """
        functions = self._functions(message_func, reduce_func, apply_node_func)
        receivers = self._ids(v, "v").to(torch.int64).unique()
        if receivers.shape[0] == 0:
            return
        eids = self._as_ids(incoming(self._relation(etype), receivers))
        self._pass_some(Hop(self, etype, eids, receivers), *functions)

    def push(
        self,
        u: Any,
        message_func: EdgeFunction | None = None,
        reduce_func: NodeFunction | None = None,
        apply_node_func: NodeFunction | None = None,
        etype: str | EType | None = None,
    ) -> None:
        """As `send_and_recv`, along the edges that leave some nodes.

        Args:
            u: ids of the nodes that send.
            message_func: as in `update_all`.
            reduce_func: as in `update_all`.
            apply_node_func: as in `update_all`.
            etype: the edges' type.
        """
        senders = self._ids(u, "u").to(torch.int64)
        eids = self._as_ids(incoming(self._relation(etype).reverse(), senders))
        self.send_and_recv(eids, message_func, reduce_func, apply_node_func, etype)

    def prop_nodes(
        self,
        nodes_generator: Iterable[Any],
        message_func: EdgeFunction | None = None,
        reduce_func: NodeFunction | None = None,
        apply_node_func: NodeFunction | None = None,
        etype: str | EType | None = None,
    ) -> None:
        """`pull` for one set of nodes after the other.

        Args:
            nodes_generator: ids of the nodes of every step, such as `dgl.topological_nodes_generator(g)`.
            message_func: as in `update_all`.
            reduce_func: as in `update_all`.
            apply_node_func: as in `update_all`.
            etype: the edges' type.
        """
        for nodes in nodes_generator:
            self.pull(nodes, message_func, reduce_func, apply_node_func, etype)

    def prop_edges(
        self,
        edges_generator: Iterable[Any],
        message_func: EdgeFunction | None = None,
        reduce_func: NodeFunction | None = None,
        apply_node_func: NodeFunction | None = None,
        etype: str | EType | None = None,
    ) -> None:
        """`send_and_recv` for one set of edges after the other.

        Args:
            edges_generator: ids of the edges of every step, such as `dgl.bfs_edges_generator(g, 0)`.
            message_func: as in `update_all`.
            reduce_func: as in `update_all`.
            apply_node_func: as in `update_all`.
            etype: the edges' type.
        """
        for edges in edges_generator:
            self.send_and_recv(edges, message_func, reduce_func, apply_node_func, etype)
