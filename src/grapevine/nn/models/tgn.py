"""Temporal graph networks: a memory of what each node has been through."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn import GRUCell, Linear, Module

from grapevine.nn.inits import reset, zeros
from grapevine.utils import scatter

#: By node: the other ends, times and features of its interactions in the last batch in which it took part.
MessageStore = dict[int, tuple[Tensor, Tensor, Tensor, Tensor]]


class TGNMemory(Module):
    r"""A memory for each node, which a gated recurrent unit updates by the node's last interactions.

    .. math::
        \mathbf{m}_i = \operatorname{aggr}_j \operatorname{msg}(\mathbf{s}_i, \mathbf{s}_j, \mathbf{e}_{ij}, t_{ij} -
        t_i), \qquad \mathbf{s}_i \leftarrow \operatorname{GRU}(\mathbf{m}_i, \mathbf{s}_i)

    In training the memory of a node is brought up to date when it is asked for, so that gradients reach the message and
    update functions; then `update_state` stores the interactions of the batch for the next time.

    Args:
        num_nodes: N.
        raw_msg_dim: features of an interaction D.
        memory_dim: size of the memory M.
        time_dim: size of the encoding of times.
        message_module: the function msg, with `out_channels`; a copy of it serves the interactions that arrive.
        aggregator_module: the function aggr, of messages, nodes, times and the number of nodes.

    Forward:
        n_id: nodes, distinct, int64 (B,).

    Returns:
        memory, (B, M), and the time of the last update, int64 (B,).

    Example:
        >>> message = IdentityMessage(raw_msg_dim=3, memory_dim=4, time_dim=2)
        >>> memory = TGNMemory(5, 3, 4, 2, message, LastAggregator())
        >>> src, dst, t = torch.tensor([0, 1]), torch.tensor([1, 2]), torch.tensor([1, 2])
        >>> memory.update_state(src, dst, t, torch.ones(2, 3))
        >>> z, last_update = memory(torch.tensor([0, 1, 2]))
        >>> z.shape, last_update
        (torch.Size([3, 4]), tensor([1, 2, 2]))

    Source: "Temporal Graph Networks for Deep Learning on Dynamic Graphs" (arXiv:2006.10637).
    """

    memory: Tensor
    last_update: Tensor
    _assoc: Tensor

    def __init__(
        self,
        num_nodes: int,
        raw_msg_dim: int,
        memory_dim: int,
        time_dim: int,
        message_module: Any,
        aggregator_module: Any,
    ) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.raw_msg_dim = raw_msg_dim
        self.memory_dim = memory_dim
        self.time_dim = time_dim
        self.msg_s_module = message_module
        self.msg_d_module = copy.deepcopy(message_module)
        self.aggr_module = aggregator_module
        self.time_enc = TimeEncoder(time_dim)
        self.gru = GRUCell(message_module.out_channels, memory_dim)
        self.register_buffer("memory", torch.empty(num_nodes, memory_dim))
        self.register_buffer("last_update", torch.empty(num_nodes, dtype=torch.long))
        self.register_buffer("_assoc", torch.empty(num_nodes, dtype=torch.long))
        self.msg_s_store: MessageStore = {}
        self.msg_d_store: MessageStore = {}
        self.reset_parameters()

    @property
    def device(self) -> torch.device:
        """Where the memory lies."""
        return self.memory.device

    def reset_parameters(self) -> None:
        """Draws new numbers, and forgets everything."""
        for module in (self.msg_s_module, self.msg_d_module, self.aggr_module, self.time_enc, self.gru):
            reset(module)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets everything."""
        zeros(self.memory)
        zeros(self.last_update)
        self._reset_message_store()

    def detach(self) -> None:
        """Cuts the memory off from the gradients of former batches."""
        self.memory.detach_()

    def forward(self, n_id: Tensor) -> tuple[Tensor, Tensor]:
        if self.training:
            return self._get_updated_memory(n_id)
        return self.memory[n_id], self.last_update[n_id]

    def update_state(self, src: Tensor, dst: Tensor, t: Tensor, raw_msg: Tensor) -> None:
        """Takes notice of interactions.

        Args:
            src, dst: both ends, int64 (E,).
            t: times, int64 (E,).
            raw_msg: features, (E, D).
        """
        n_id = torch.cat([src, dst]).unique()
        if (
            self.training
        ):  # the last interactions were part of this batch's prediction; these are of the next one's
            self._update_memory(n_id)
        self._update_msg_store(src, dst, t, raw_msg, self.msg_s_store)
        self._update_msg_store(dst, src, t, raw_msg, self.msg_d_store)
        if not self.training:
            self._update_memory(n_id)

    def _reset_message_store(self) -> None:
        self.msg_s_store.clear()
        self.msg_d_store.clear()

    def _update_memory(self, n_id: Tensor) -> None:
        self.memory[n_id], self.last_update[n_id] = self._get_updated_memory(n_id)

    def _get_updated_memory(self, n_id: Tensor) -> tuple[Tensor, Tensor]:
        """The memory of some nodes after their stored interactions, and the time of the last one (0 without any)."""
        self._assoc[n_id] = torch.arange(n_id.size(0), device=n_id.device)
        nodes = n_id.tolist()
        sent = self._compute_msg(nodes, self.msg_s_store, self.msg_s_module)
        received = self._compute_msg(nodes, self.msg_d_store, self.msg_d_module)
        msg, t, owner = (torch.cat(parts) for parts in zip(sent, received))
        index = self._assoc[owner]
        memory: Tensor = self.gru(self.aggr_module(msg, index, t, n_id.size(0)), self.memory[n_id])
        return memory, scatter(t, index, 0, n_id.size(0), reduce="max")

    def _update_msg_store(
        self, src: Tensor, dst: Tensor, t: Tensor, raw_msg: Tensor, msg_store: MessageStore
    ) -> None:
        ordered, perm = src.sort()
        nodes, counts = ordered.unique_consecutive(return_counts=True)
        for node, rows in zip(nodes.tolist(), perm.split(counts.tolist())):
            msg_store[node] = (src[rows], dst[rows], t[rows], raw_msg[rows])

    def _compute_msg(
        self, nodes: list[int], msg_store: MessageStore, msg_module: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The messages of nodes' stored interactions, their times, and whose they are."""
        device = self.device
        none = torch.empty(0, dtype=torch.long, device=device)
        empty = (none, none, none, self.memory.new_empty(0, self.raw_msg_dim))
        stored = [empty, *(msg_store[node] for node in nodes if node in msg_store)]
        src, dst, t, raw_msg = (torch.cat(parts).to(device) for parts in zip(*stored))
        t_enc = self.time_enc((t - self.last_update[src]).to(raw_msg.dtype))
        return msg_module(self.memory[src], self.memory[dst], raw_msg, t_enc), t, src

    def train(self, mode: bool = True) -> TGNMemory:
        """Sets training or evaluation mode; the latter begins with a memory that is up to date."""
        if self.training and not mode:
            self._update_memory(torch.arange(self.num_nodes, device=self.device))
            self._reset_message_store()
        super().train(mode)
        return self


class IdentityMessage(Module):
    """The message as it is: both memories, the features and the time, side by side.

    Args:
        raw_msg_dim: features of an interaction.
        memory_dim: size of a memory.
        time_dim: size of the encoding of times.
    """

    def __init__(self, raw_msg_dim: int, memory_dim: int, time_dim: int) -> None:
        super().__init__()
        self.out_channels = raw_msg_dim + 2 * memory_dim + time_dim

    def forward(self, z_src: Tensor, z_dst: Tensor, raw_msg: Tensor, t_enc: Tensor) -> Tensor:
        return torch.cat([z_src, z_dst, raw_msg, t_enc], dim=-1)


class LastAggregator(Module):
    """The last message of each node, zeros without any; of several at the same time the one that came last."""

    def forward(self, msg: Tensor, index: Tensor, t: Tensor, dim_size: int) -> Tensor:
        newest = t == scatter(t, index, 0, dim_size, reduce="max")[index]
        place = torch.arange(1, t.numel() + 1, device=t.device) * newest
        last = scatter(place, index, 0, dim_size, reduce="max")  # from 1; 0 where there is none
        return torch.cat([msg.new_zeros(1, msg.size(-1)), msg])[last]


class MeanAggregator(Module):
    """The mean of the messages of each node, zeros without any."""

    def forward(self, msg: Tensor, index: Tensor, t: Tensor, dim_size: int) -> Tensor:
        return scatter(msg, index, dim=0, dim_size=dim_size, reduce="mean")


class TimeEncoder(Module):
    r"""Times as waves of learned frequencies and phases, :math:`\cos(\mathbf{w} t + \mathbf{b})`.

    Args:
        out_channels: how many waves.

    Example:
        >>> TimeEncoder(4)(torch.tensor([0.0, 1.0])).shape
        torch.Size([2, 4])
    """

    def __init__(self, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.lin = Linear(1, out_channels)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin.reset_parameters()

    def forward(self, t: Tensor) -> Tensor:
        out: Tensor = self.lin(t.view(-1, 1)).cos()
        return out


class LastNeighborLoader:
    """Remembers the last neighbours of each node, as interactions come in.

    Args:
        num_nodes: N.
        size: how many neighbours to remember.
        device: where.

    Call:
        n_id: nodes, distinct, int64 (B,).

    Returns:
        these nodes and their last neighbours (in ascending order), edges from neighbours to nodes by their place there
        (2, E), and the numbers of the interactions (E,), the newest first for each node.

    Example:
        >>> loader = LastNeighborLoader(4, size=2)
        >>> loader.insert(torch.tensor([0, 0, 0]), torch.tensor([1, 2, 3]))
        >>> loader(torch.tensor([0]))
        (tensor([0, 2, 3]), tensor([[2, 1],
                [0, 0]]), tensor([2, 1]))
    """

    def __init__(self, num_nodes: int, size: int, device: Any = None) -> None:
        self.size = size
        self.neighbors = torch.zeros((num_nodes, size), dtype=torch.long, device=device)
        self.e_id = torch.empty((num_nodes, size), dtype=torch.long, device=device)
        self._assoc = torch.empty(num_nodes, dtype=torch.long, device=device)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets everything."""
        self.cur_e_id = 0
        self.e_id.fill_(-1)

    def __call__(self, n_id: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        e_id = self.e_id[n_id]
        known = e_id >= 0
        neighbors, nodes = self.neighbors[n_id][known], n_id.view(-1, 1).expand_as(e_id)[known]
        n_id = torch.cat([n_id, neighbors]).unique()
        self._assoc[n_id] = torch.arange(n_id.size(0), device=n_id.device)
        return n_id, torch.stack([self._assoc[neighbors], self._assoc[nodes]]), e_id[known]

    def insert(self, src: Tensor, dst: Tensor) -> None:
        """Takes notice of interactions between src and dst (E,), in the order of time."""
        new = torch.arange(self.cur_e_id, self.cur_e_id + src.numel(), device=src.device)
        self.cur_e_id += src.numel()
        nodes, perm = torch.cat([dst, src]).sort(stable=True)
        neighbors, e_id = torch.cat([src, dst])[perm], new.repeat(2)[perm]

        n_id, row = nodes.unique_consecutive(return_inverse=True)
        # Of each node's interactions the newest ones, in a row of `size` places.
        order = torch.argsort(row * (self.cur_e_id + 1) - e_id)
        first = torch.searchsorted(row, torch.arange(n_id.numel(), device=row.device))
        rank = torch.arange(row.numel(), device=row.device) - first[row]
        kept, rank = order[rank < self.size], rank[rank < self.size]
        fresh_e_id = e_id.new_full((n_id.numel(), self.size), -1)
        fresh_neighbors = neighbors.new_zeros(n_id.numel(), self.size)
        fresh_e_id[row[kept], rank] = e_id[kept]
        fresh_neighbors[row[kept], rank] = neighbors[kept]

        all_e_id = torch.cat([self.e_id[n_id], fresh_e_id], dim=1)
        self.e_id[n_id], chosen = all_e_id.topk(self.size, dim=1)
        self.neighbors[n_id] = torch.cat([self.neighbors[n_id], fresh_neighbors], dim=1).gather(1, chosen)
