"""Attention among nodes."""

from grapevine.nn.attention.performer import PerformerAttention
from grapevine.nn.attention.polynormer import PolynormerAttention
from grapevine.nn.attention.qformer import QFormer
from grapevine.nn.attention.sgformer import SGFormerAttention

__all__ = ["PerformerAttention", "PolynormerAttention", "QFormer", "SGFormerAttention"]
