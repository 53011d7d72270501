"""RE-Net, for knowledge that changes."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from typing import Any

import torch
from torch import Tensor
from torch.nn import GRU, Dropout, Linear, Parameter

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.utils import scatter


class RENet(torch.nn.Module):
    r"""Predicts the next event of a subject (or object) under a relation from its former ones.

    .. math::
        \mathbf{h}_t(s, r) = \operatorname{GRU}(\mathbf{e}_s \, \Vert \, \overline{\mathbf{e}_o}^{\,t} \, \Vert \,
        \mathbf{e}_r, \; \mathbf{h}_{t-1}(s, r)), \qquad
        p(o) = \operatorname{softmax}(\mathbf{W} [\mathbf{e}_s \, \Vert \, \mathbf{h}_t \, \Vert \, \mathbf{e}_r])

    with the mean over the objects that s had under r at time t, and likewise for subjects.

    Args:
        num_nodes: entities N.
        num_rels: relations R.
        hidden_channels: size of the embeddings H.
        seq_len: how many former times count.
        num_layers: layers of the recurrent units.
        dropout: probability with which something is dropped before the prediction, in training.
        bias: learn shifts.

    Forward:
        data: a batch of events `sub`, `rel`, `obj` (B,) with histories: entities `h_sub`, their times `h_sub_t` from 0
            to `seq_len - 1`, and events `h_sub_batch` to which they belong, and the same for `h_obj` (as
            `pre_transform` finds them, and `DataLoader(..., follow_batch=["h_sub", "h_obj"])` numbers them).

    Returns:
        log-probabilities of the objects and of the subjects, (B, N) each.

    Raises:
        GraphValueError: where the batch has no `h_sub_batch` and `h_obj_batch`.

    Source: "Recurrent Event Network for Reasoning over Temporal Knowledge Graphs" (arXiv:1904.05530).
    """

    def __init__(
        self,
        num_nodes: int,
        num_rels: int,
        hidden_channels: int,
        seq_len: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.num_rels = num_rels
        self.hidden_channels = hidden_channels
        self.seq_len = seq_len
        self.dropout = dropout
        self.ent = Parameter(torch.empty(num_nodes, hidden_channels))
        self.rel = Parameter(torch.empty(num_rels, hidden_channels))
        wide = 3 * hidden_channels
        self.sub_gru = GRU(wide, hidden_channels, num_layers, batch_first=True, bias=bias)
        self.obj_gru = GRU(wide, hidden_channels, num_layers, batch_first=True, bias=bias)
        self.sub_lin = Linear(wide, num_nodes, bias=bias)
        self.obj_lin = Linear(wide, num_nodes, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for embedding in (self.ent, self.rel):
            torch.nn.init.xavier_uniform_(embedding, gain=math.sqrt(2.0))
        for layer in (self.sub_gru, self.obj_gru, self.sub_lin, self.obj_lin):
            layer.reset_parameters()

    @staticmethod
    def pre_transform(seq_len: int) -> History:
        """A transform that adds histories to events, which must come in the order of time; see `History`."""
        return History(seq_len)

    def forward(self, data: Any) -> tuple[Tensor, Tensor]:
        if "h_sub_batch" not in data or "h_obj_batch" not in data:
            raise GraphValueError(
                "expected data with h_sub_batch and h_obj_batch; do this instead: "
                "DataLoader(dataset, follow_batch=['h_sub', 'h_obj'])"
            )
        rel = self.rel[data.rel]
        drop = Dropout(self.dropout).train(self.training)
        found = []
        for end, gru in (("sub", self.sub_gru), ("obj", self.obj_gru)):
            own = self.ent[data[end]]
            slot = data[f"h_{end}_t"] + data[f"h_{end}_batch"] * self.seq_len
            former = scatter(self.ent[data[f"h_{end}"]], slot, 0, own.size(0) * self.seq_len, "mean")
            steps = [part.unsqueeze(1).expand(-1, self.seq_len, -1) for part in (own, rel)]
            _, h = gru(torch.cat([steps[0], former.view_as(steps[0]), steps[1]], dim=-1))
            found.append(torch.cat([own, h[-1], rel], dim=-1))
        h_sub, h_obj = (drop(h) for h in found)
        return self.sub_lin(h_sub).log_softmax(dim=1), self.obj_lin(h_obj).log_softmax(dim=1)

    def test(self, logits: Tensor, y: Tensor) -> Tensor:
        """Mean reciprocal rank and Hits@1, 3 and 10 of the true entities y (B,) among all, by logits (B, N)."""
        place = (logits.argsort(dim=1, descending=True) == y.view(-1, 1)).float().argmax(dim=1)
        rank = place.float() + 1
        return torch.stack([(1 / rank).mean(), *((rank <= k).float().mean() for k in (1, 3, 10))])


class History:
    """Adds to events what their ends did before, under the same relation, at each of the last times.

    Args:
        seq_len: how many times.

    Call:
        data: an event `sub`, `rel`, `obj`, `t`; events come in the order of time.

    Returns:
        the event with `h_sub`, `h_sub_t` (objects of its subject, and when: from 0, the oldest, to `seq_len - 1`) and
        `h_obj`, `h_obj_t` (subjects of its object).

    Example:
        >>> add = History(seq_len=2)
        >>> events = [Data(sub=0, rel=0, obj=obj, t=t) for t, obj in enumerate([1, 2, 3])]
        >>> events = [add(event) for event in events]
        >>> events[2].h_sub, events[2].h_sub_t
        (tensor([1, 2]), tensor([0, 1]))
    """

    def __init__(self, seq_len: int) -> None:
        self.seq_len = seq_len
        self.t_last = 0
        self.times: deque[dict[Any, list[int]]] = deque(maxlen=seq_len + 1)
        self.times.extend(defaultdict(list) for _ in range(seq_len + 1))

    def __call__(self, data: Data) -> Data:
        sub, rel, obj, t = (int(data[name]) for name in ("sub", "rel", "obj", "t"))
        if t > self.t_last:
            self.times.append(defaultdict(list))
            self.t_last = t
        for end, key in (("sub", (0, sub, rel)), ("obj", (1, obj, rel))):
            former = [(who, s) for s in range(self.seq_len) for who in self.times[s].get(key, ())]
            nodes, when = torch.tensor(former, dtype=torch.long).view(-1, 2).t()
            data[f"h_{end}"], data[f"h_{end}_t"] = nodes.contiguous(), when.contiguous()
        self.times[-1][0, sub, rel].append(obj)
        self.times[-1][1, obj, rel].append(sub)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seq_len={self.seq_len})"
