"""What message passing does on one relation: messages, their reduction, and the update of the nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine import engine
from grapevine.dgl.base import EID, NID, DGLError, dgl_warning
from grapevine.dgl.frame import Frame
from grapevine.dgl.function.algebra import lowered, stored
from grapevine.dgl.function.base import BuiltinFunction
from grapevine.dgl.function.message import MessageFunction
from grapevine.dgl.function.reducer import SimpleReduceFunction
from grapevine.dgl.mailbox import Mail, Mailbox
from grapevine.dgl.structure import EType, GraphStructure
from grapevine.dgl.udf import EdgeBatch, NodeBatch
from grapevine.edges import Edges, known_good

__all__ = ["Hop", "is_builtin", "message_passing"]

EdgeFunction = Callable[[EdgeBatch], Mapping[str, Tensor]]
NodeFunction = Callable[[NodeBatch], Mapping[str, Tensor]]


def is_builtin(func: Any) -> bool:
    """True for the functions of `dgl.function`.

    Example:
        >>> is_builtin(SimpleReduceFunction("sum", "m", "h")), is_builtin(print)
        (True, False)
    """
    return isinstance(func, BuiltinFunction)


class Hop:
    """Edges of one type with everything that messages along them may read.

    Args:
        graph: the graph.
        etype: the type of the edges.
        eids: the edges; None means all.
        receivers: the nodes that receive, ascending, among them the destinations of all `eids`; None means all.
    """

    __slots__ = ("dst", "dst_id", "edge", "eids", "etype", "graph", "ids", "receivers", "relation", "src")

    def __init__(
        self,
        graph: GraphStructure,
        etype: str | EType | None,
        eids: Tensor | None = None,
        receivers: Tensor | None = None,
    ) -> None:
        type_id = graph.get_etype_id(etype)
        src_id, self.dst_id = graph._schema.ends[type_id]
        self.graph = graph
        self.etype = graph._schema.canonical_etypes[type_id]
        self.relation: Edges = graph._relations[type_id]
        self.src: Frame = graph._node_frames[src_id]
        self.dst: Frame = graph._node_frames[self.dst_id]
        self.edge: Frame = graph._edge_frames[type_id]
        self.eids = eids
        self.receivers = receivers
        self.ids: tuple[Tensor, Tensor] | None = None
        if eids is not None:
            self._narrow(eids.to(torch.int64), receivers)

    def _narrow(self, eids: Tensor, receivers: Tensor | None) -> None:
        whole = self.relation
        src, dst = whole.src_index.index_select(0, eids), whole.dst_index.index_select(0, eids)
        self.edge = self.edge.subframe(eids)
        num_dst = whole.num_dst
        if receivers is not None:
            self.ids = src, dst
            place = dst.new_zeros(whole.num_dst)
            num_dst = receivers.shape[0]
            place[receivers] = torch.arange(num_dst, device=dst.device)
            dst = place.index_select(0, dst)
            self.dst = self.dst.subframe(receivers)
        self.relation = known_good(src, dst, (whole.num_src, num_dst))

    def edges(self, original: bool) -> EdgeBatch:
        """The batch of edges for a message function.

        Args:
            original: whether edges of a subgraph show the ids they have in the whole graph.
        """
        eids = self.eids
        if eids is None and original and EID in self.edge:
            eids = self.edge[EID]
        frames = (self.src, self.dst, self.edge)
        return EdgeBatch(self.graph, self.relation, self.etype, frames, eids, self.ids, self.eids is None)

    def node_ids(self) -> Tensor:
        """The ids of the receiving nodes, those of the whole graph if this is a subgraph of one."""
        if self.receivers is not None:
            return self.graph._as_ids(self.receivers)
        if NID in self.dst:
            ids: Tensor = self.dst[NID]
            return ids
        return self.graph._as_ids(torch.arange(self.relation.num_dst, device=self.relation.device))

    def messages(self, function: EdgeFunction, original: bool = True) -> Mapping[str, Tensor]:
        """What a message function answers, lazy where it can be."""
        builtin = is_builtin(function)
        if not builtin and self.relation.num_edges == 0:
            dgl_warning("The input graph for the user-defined edge function does not contain valid edges")
        return function(self.edges(original and not builtin))


def message_passing(
    hop: Hop, mfunc: EdgeFunction, rfunc: NodeFunction, afunc: NodeFunction | None = None
) -> dict[str, Tensor]:
    """Messages along the edges of a hop, reduced, and perhaps updated.

    Args:
        hop: the edges and their features.
        mfunc: the message function.
        rfunc: the reduce function.
        afunc: the update; it sees the reduced features beside the nodes' own, and what it returns is all that is left.

    Returns:
        The new features of the receiving nodes.

    Raises:
        DGLError: if the reduce function asks for another message than the message function gives.
    """
    if is_builtin(mfunc) and is_builtin(rfunc):
        assert isinstance(mfunc, MessageFunction) and isinstance(rfunc, SimpleReduceFunction)
        if mfunc.out_field != rfunc.msg_field:
            raise DGLError(
                f"Invalid message ({mfunc}) and reduce ({rfunc}) function pairs. The output field of the message "
                "function must be equal to the message field of the reduce function."
            )
        out = reduced(hop, hop.messages(mfunc), rfunc)
    else:
        with engine.scope():
            out = reduced(hop, hop.messages(mfunc), rfunc)
            out = {name: engine.materialise(rows) for name, rows in out.items()}
    if afunc is not None:
        own = {name: rows for name, rows in hop.dst.items() if name not in out}
        frame = hop.dst._with({**out, **own}, hop.dst.num_rows)
        ntype = hop.graph._schema.ntypes[hop.dst_id]
        out = dict(afunc(NodeBatch(hop.graph, hop.node_ids(), ntype, frame)))
    return out


def reduced(hop: Hop, messages: Mapping[str, Tensor], function: NodeFunction) -> dict[str, Tensor]:
    """Messages reduced by a built-in or a user's function."""
    if not isinstance(function, SimpleReduceFunction):
        return reduced_by_user(hop, messages, function)
    if function.msg_field not in messages:
        raise DGLError(
            f"expected a message {function.msg_field!r} for {function}, got {', '.join(messages) or 'none'}; "
            "name the output of the message function as the reduce function calls it"
        )
    m = messages[function.msg_field]
    return {function.out_field: hop.relation.reduce(lowered(m), function.name)}


# -- user-defined reduce functions -----------------------------------------------------------------


def reduced_by_user(hop: Hop, messages: Mapping[str, Tensor], function: NodeFunction) -> dict[str, Tensor]:
    """A user's reduce function, on the lazy mailbox if that can answer it, else once per number of messages."""
    if hop.relation.num_edges == 0:
        return {}
    box = Mailbox(hop.relation)
    out = _at_once(hop, box, messages, function)
    if out is None:
        rows, out = _in_buckets(hop, messages, function)
    elif box.receivers is None:
        return out
    else:
        rows = box.receivers
    frame = hop.dst._with({}, hop.relation.num_dst)
    frame.update_row(rows, {name: engine.materialise(values) for name, values in out.items()})
    return dict(frame)


def _batch(hop: Hop, rows: Tensor | None, mail: dict[str, Any]) -> NodeBatch:
    ids, frame = hop.node_ids(), hop.dst
    if rows is not None:
        ids, frame = ids.index_select(0, rows), frame.subframe(rows)
    return NodeBatch(hop.graph, ids, hop.graph._schema.ntypes[hop.dst_id], frame, mail)


def _at_once(
    hop: Hop, box: Mailbox, messages: Mapping[str, Tensor], function: NodeFunction
) -> dict[str, Tensor] | None:
    """The function called once for all nodes that receive something; None where it needs real messages."""
    batch = _batch(hop, box.receivers, {name: Mail(box, rows) for name, rows in messages.items()})
    try:
        out = dict(function(batch))
    except Exception:  # an error of the function's own comes again when it sees real messages
        return None
    fits = all(isinstance(v, Tensor) and v.dim() and v.shape[0] == box.size for v in out.values())
    return out if fits else None


def _in_buckets(
    hop: Hop, messages: Mapping[str, Tensor], function: NodeFunction
) -> tuple[Tensor, dict[str, Tensor]]:
    """The function called once per in-degree, ascending; messages of a node come in the order of edge ids."""
    relation = hop.relation
    real = {name: stored(relation, m) for name, m in messages.items()}
    buckets = relation.derived("degree buckets", lambda: degree_buckets(relation))
    answers = []
    for rows, eids in buckets:
        mail = {
            name: m.index_select(0, eids).reshape(rows.shape[0], -1, *m.shape[1:]) for name, m in real.items()
        }
        answers.append(function(_batch(hop, rows, mail)))
    merged = {name: torch.cat([answer[name] for answer in answers]) for name in answers[0]}
    return torch.cat([rows for rows, _ in buckets]), merged


def degree_buckets(relation: Edges) -> list[tuple[Tensor, Tensor]]:
    """For every in-degree but zero, ascending: the nodes, and the edges that arrive at them, node by node."""
    degrees, ptr, edges = relation.in_degrees(), relation.by_dst.ptr, relation.by_dst.edges()
    buckets = []
    for degree in degrees.unique().tolist():
        if degree:
            rows = (degrees == degree).nonzero().flatten()
            places = ptr.index_select(0, rows).unsqueeze(1) + torch.arange(degree, device=ptr.device)
            buckets.append((rows, edges.index_select(0, places.flatten())))
    return buckets


# -- several relations -----------------------------------------------------------------------------

_CROSS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda rows: rows.sum(0),
    "mean": lambda rows: rows.mean(0),
    "max": lambda rows: rows.max(0).values,
    "min": lambda rows: rows.min(0).values,
}


def combined(
    answers: Sequence[Mapping[str, Tensor]], cross: str | Callable[[list[Tensor]], Tensor]
) -> dict[str, Tensor]:
    """The features that several relations give to one node type, field by field.

    Args:
        answers: per relation, in the order of edge type ids for `stack`.
        cross: sum, mean, max, min, stack (along axis 1), or a function of a list of tensors.

    Raises:
        DGLError: for an unknown name.
    """
    if len(answers) == 1 and cross != "stack":
        return dict(answers[0])
    out: dict[str, Tensor] = {}
    for name in dict.fromkeys(name for answer in answers for name in answer):
        rows = [answer[name] for answer in answers if name in answer]
        if callable(cross):
            out[name] = cross(rows)
        elif cross == "stack":
            out[name] = torch.stack(rows, 1)
        elif cross in _CROSS:
            out[name] = _CROSS[cross](torch.stack(rows)) if len(rows) > 1 else rows[0]
        else:
            raise DGLError(
                'Invalid cross type reducer. Must be one of "sum", "max", "min", "mean" or "stack".'
            )
    return out


def missing_as_infinite(hop: Hop, out: dict[str, Tensor], function: NodeFunction) -> dict[str, Tensor]:
    """The largest of no messages is -inf (the smallest +inf) as long as other relations may still add to it."""
    if not isinstance(function, SimpleReduceFunction) or function.name not in ("max", "min"):
        return out
    worst = float("-inf") if function.name == "max" else float("inf")
    empty = hop.relation.in_degrees() == 0
    return {
        name: rows.masked_fill(empty.view(-1, *[1] * (rows.dim() - 1)), worst) for name, rows in out.items()
    }


def finite(rows: Tensor) -> Tensor:
    """Zeros in place of infinities."""
    return rows.masked_fill(rows.isinf(), 0)


def incoming(relation: Edges, nodes: Tensor) -> Tensor:
    """The ids of all edges that arrive at some nodes, node by node."""
    order = relation.by_dst
    ptr = order.ptr.to(torch.int64)
    first, count = ptr.index_select(0, nodes), ptr.diff().index_select(0, nodes)
    ends = count.cumsum(0)
    starts = torch.repeat_interleave(first - ends + count, count)
    return order.edges().index_select(0, starts + torch.arange(starts.shape[0], device=ptr.device))
