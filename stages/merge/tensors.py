"""What a method makes of one tensor of each model. All are float32 and of one shape."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stages.merge.params import Params


def merged(params: Params, start: Tensor, base: Tensor, tuned: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    match params.method:
        case "transfer":
            return transfer(start, base, tuned[0])
        case "linear":
            return linear(base, tuned, params.weights)
        case "dare":
            return dare(base, tuned, params.weights, params.drop, generator)
        case _:
            raise AssertionError(f"{params.method} makes no model")


def transfer(onto: Tensor, base: Tensor, tuned: Tensor) -> Tensor:
    """onto + (tuned - base), added up so that tuned comes back bit for bit where onto is base."""
    return tuned + (onto - base)


def linear(base: Tensor, tuned: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """base + the weighted sum of (tuned - base), added up so that one model of weight 1 comes back bit for bit."""
    merged = (1 - sum(weights)) * base
    for tensor, weight in zip(tuned, weights, strict=True):
        merged += weight * tensor
    return merged


def dare(
    base: Tensor, tuned: Sequence[Tensor], weights: Sequence[float], drop: float, generator: torch.Generator
) -> Tensor:
    """base + the weighted sum of what is left of each (tuned - base)."""
    merged = base.clone()
    for tensor, weight in zip(tuned, weights, strict=True):
        merged += weight * thinned(tensor - base, drop, generator)
    return merged


def thinned(difference: Tensor, drop: float, generator: torch.Generator) -> Tensor:
    """Each entry is zero with probability `drop`, and else scaled up so that its mean over draws is the entry."""
    kept = torch.rand(difference.shape, generator=generator) >= drop
    return torch.where(kept, difference / (1 - drop), 0)
