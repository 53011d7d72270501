"""Graph auto-encoders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.graph.sampling import negative_sampling
from grapevine.nn.inits import reset

_EPS = 1e-15
MAX_LOGSTD = 10


class InnerProductDecoder(Module):
    r"""The probability of an edge, from the inner product of its ends.

    .. math:: \sigma ( \mathbf{Z} \mathbf{Z}^{\top} )

    Forward:
        z: latent features, (N, F).
        edge_index: pairs of nodes, (2, E).
        sigmoid: False: leave the sigmoid out.

    Returns:
        (E,).

    Example:
        >>> InnerProductDecoder()(torch.eye(2), torch.tensor([[0], [1]])).tolist()
        [0.5]

    Source: "Variational Graph Auto-Encoders" (arXiv:1611.07308).
    """

    def forward(self, z: Tensor, edge_index: Tensor, sigmoid: bool = True) -> Tensor:
        value = (z[edge_index[0]] * z[edge_index[1]]).sum(dim=1)
        return value.sigmoid() if sigmoid else value

    def forward_all(self, z: Tensor, sigmoid: bool = True) -> Tensor:
        """The same for all pairs of nodes, (N, N)."""
        value = z @ z.t()
        return value.sigmoid() if sigmoid else value


class GAE(Module):
    """A graph auto-encoder: an encoder of nodes, and a decoder that tells edges from others.

    Args:
        encoder: from features and edges to latent features.
        decoder: from latent features (N, F) and pairs of nodes (2, E) to probabilities (E,);
            `InnerProductDecoder` if None.

    Forward:
        args, kwargs: of the encoder.

    Returns:
        what the encoder returns.

    Example:
        >>> from grapevine.nn.conv import GCNConv
        >>> model, edge_index = GAE(GCNConv(16, 8)), torch.tensor([[0, 1, 2], [1, 2, 3]])
        >>> z = model.encode(torch.randn(4, 16), edge_index)
        >>> model.recon_loss(z, edge_index).dim()
        0

    Source: "Variational Graph Auto-Encoders" (arXiv:1611.07308).
    """

    def __init__(self, encoder: Module, decoder: Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = InnerProductDecoder() if decoder is None else decoder
        GAE.reset_parameters(self)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.encoder)
        reset(self.decoder)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.encoder(*args, **kwargs)

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the encoder."""
        return self.encoder(*args, **kwargs)

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the decoder."""
        return self.decoder(*args, **kwargs)

    def recon_loss(self, z: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor | None = None) -> Tensor:
        """Binary cross entropy of edges and of pairs that are none.

        Args:
            z: latent features, (N, F).
            pos_edge_index: edges, (2, E).
            neg_edge_index: other pairs, (2, E'); as many drawn at random if None.
        """
        if neg_edge_index is None:
            neg_edge_index = negative_sampling(pos_edge_index, z.size(0))
        found = self.decoder(z, pos_edge_index, sigmoid=True)
        false = self.decoder(z, neg_edge_index, sigmoid=True)
        return -(found + _EPS).log().mean() - (1 - false + _EPS).log().mean()

    def test(self, z: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> tuple[float, float]:
        """How well edges are told from others: area under the ROC curve, and average precision.

        Args:
            z: latent features, (N, F).
            pos_edge_index: edges, (2, E).
            neg_edge_index: other pairs, (2, E').
        """
        positive = self.decoder(z, pos_edge_index, sigmoid=True).detach()
        negative = self.decoder(z, neg_edge_index, sigmoid=True).detach()
        return _auc_and_precision(positive, negative)


def _auc_and_precision(positive: Tensor, negative: Tensor) -> tuple[float, float]:
    """Both from the numbers of edges and others at or above each score."""
    thresholds = torch.cat([positive, negative]).unique()  # ascending
    true = (positive.numel() - torch.searchsorted(positive.sort()[0], thresholds)).double()
    false = (negative.numel() - torch.searchsorted(negative.sort()[0], thresholds)).double()
    none = true.new_zeros(1)
    true, false = torch.cat([none, true.flip(0)]), torch.cat([none, false.flip(0)])
    auc = torch.trapezoid(true, false) / (true[-1] * false[-1])
    precision = (true.diff() / true[-1] * true[1:] / (true[1:] + false[1:])).sum()
    return float(auc), float(precision)


class VGAE(GAE):
    r"""A variational graph auto-encoder, whose encoder returns the mean and the logarithm of the standard deviation.

    Args:
        encoder: from features and edges to a pair of (N, F).
        decoder: as of `GAE`.

    Forward:
        args, kwargs: of the encoder.

    Returns:
        what the encoder returns.

    Example:
        >>> class Encoder(torch.nn.Module):
        ...     def forward(self, x):
        ...         return x, torch.zeros_like(x)
        >>> model = VGAE(Encoder()).eval()
        >>> model.encode(torch.ones(2, 3)).shape, float(model.kl_loss())
        (torch.Size([2, 3]), 1.5)

    Source: "Variational Graph Auto-Encoders" (arXiv:1611.07308).
    """

    __mu__: Tensor
    __logstd__: Tensor

    def reparametrize(self, mu: Tensor, logstd: Tensor) -> Tensor:
        """A sample from the normal distribution; in evaluation mode its mean."""
        return mu + torch.randn_like(logstd) * logstd.exp() if self.training else mu

    def encode(self, *args: Any, **kwargs: Any) -> Tensor:
        """Runs the encoder, and draws the latent features, (N, F)."""
        self.__mu__, logstd = self.encoder(*args, **kwargs)
        self.__logstd__ = logstd.clamp(max=MAX_LOGSTD)
        return self.reparametrize(self.__mu__, self.__logstd__)

    def kl_loss(self, mu: Tensor | None = None, logstd: Tensor | None = None) -> Tensor:
        """Divergence from the standard normal distribution, the mean over nodes.

        Args:
            mu, logstd: of the latent features, (N, F); those of the last call of `encode` if None.
        """
        mu = self.__mu__ if mu is None else mu
        logstd = self.__logstd__ if logstd is None else logstd.clamp(max=MAX_LOGSTD)
        return -0.5 * (1 + 2 * logstd - mu**2 - logstd.exp() ** 2).sum(dim=1).mean()


class ARGA(GAE):
    """A graph auto-encoder whose latent features a discriminator shall not tell from normal ones.

    Args:
        encoder: as of `GAE`.
        discriminator: from (N, F) to scores.
        decoder: as of `GAE`.

    Forward:
        args, kwargs: of the encoder.

    Returns:
        what the encoder returns.

    Example:
        >>> model = ARGA(torch.nn.Linear(16, 8), torch.nn.Linear(8, 1))
        >>> model.reg_loss(model.encode(torch.randn(4, 16))).dim()
        0

    Source: "Adversarially Regularized Graph Autoencoder for Graph Embedding" (arXiv:1802.04407).
    """

    def __init__(self, encoder: Module, discriminator: Module, decoder: Module | None = None) -> None:
        super().__init__(encoder, decoder)
        self.discriminator = discriminator
        reset(self.discriminator)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.discriminator)

    def reg_loss(self, z: Tensor) -> Tensor:
        """The encoder's loss against the discriminator, for latent features (N, F)."""
        return -(self.discriminator(z).sigmoid() + _EPS).log().mean()

    def discriminator_loss(self, z: Tensor) -> Tensor:
        """The discriminator's loss, for latent features (N, F), against as many normal ones."""
        real = self.discriminator(torch.randn_like(z)).sigmoid()
        fake = self.discriminator(z.detach()).sigmoid()
        return -(real + _EPS).log().mean() - (1 - fake + _EPS).log().mean()


class ARGVA(ARGA):
    """`ARGA` with the encoder of a `VGAE`.

    Args:
        encoder: as of `VGAE`.
        discriminator: from (N, F) to scores.
        decoder: as of `GAE`.

    Forward:
        args, kwargs: of the encoder.

    Returns:
        what the encoder returns.

    Example:
        >>> class Encoder(torch.nn.Module):
        ...     def forward(self, x):
        ...         return x, torch.zeros_like(x)
        >>> model = ARGVA(Encoder(), torch.nn.Linear(3, 1)).eval()
        >>> model.encode(torch.ones(2, 3)).shape
        torch.Size([2, 3])

    Source: "Adversarially Regularized Graph Autoencoder for Graph Embedding" (arXiv:1802.04407).
    """

    def __init__(self, encoder: Module, discriminator: Module, decoder: Module | None = None) -> None:
        super().__init__(encoder, discriminator, decoder)
        self.VGAE = VGAE(encoder, decoder)

    @property
    def __mu__(self) -> Tensor:
        return self.VGAE.__mu__

    @property
    def __logstd__(self) -> Tensor:
        return self.VGAE.__logstd__

    def reparametrize(self, mu: Tensor, logstd: Tensor) -> Tensor:
        """As of `VGAE`."""
        return self.VGAE.reparametrize(mu, logstd)

    def encode(self, *args: Any, **kwargs: Any) -> Tensor:
        """As of `VGAE`."""
        return self.VGAE.encode(*args, **kwargs)

    def kl_loss(self, mu: Tensor | None = None, logstd: Tensor | None = None) -> Tensor:
        """As of `VGAE`."""
        return self.VGAE.kl_loss(mu, logstd)
