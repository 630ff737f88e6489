"""How far a student's distribution is from its target's, for each token: pure functions of log-probabilities (N, B)."""

import math
from typing import Any

FLOOR = math.log(1e-9)  # of a bucket that is as good as empty: no logarithm of 0


def student_buckets(logits_NV: Any, ids_NK: Any) -> Any:
    """(N, B): the log-probabilities of K tokens, and of all others together."""
    import torch

    logprobs_NV = torch.log_softmax(logits_NV.float(), -1)
    others_NV = logprobs_NV.scatter(-1, ids_NK, -1e4)  # not -inf: the sum of none has no gradient
    others_N1 = torch.logsumexp(others_NV, -1, keepdim=True).clamp(min=FLOOR)
    return torch.cat([logprobs_NV.gather(-1, ids_NK), others_N1], -1)


def teacher_buckets(logprobs_NK: Any) -> Any:
    """(N, B): the same of kept log-probabilities, whose sum is at most 1 but for rounding."""
    import torch

    rest_N1 = 1 - logprobs_NK.exp().sum(-1, keepdim=True)
    return torch.cat([logprobs_NK, rest_N1.clamp(min=math.exp(FLOOR)).log()], -1).clamp(min=FLOOR)


def kl(target_NB: Any, other_NB: Any) -> Any:
    """KL(target ‖ other), (N,)."""
    return (target_NB.exp() * (target_NB - other_NB)).sum(-1)


def jensen_shannon(teacher_NB: Any, student_NB: Any, beta: float) -> Any:
    """beta KL(teacher ‖ m) + (1 - beta) KL(student ‖ m), m = beta teacher + (1 - beta) student (arXiv 2306.13649).

    Over beta it tends to the forward KL for beta to 0, over 1 - beta to the reverse KL for beta to 1.
    """
    import torch

    mean_NB = torch.logaddexp(teacher_NB + math.log(beta), student_NB + math.log(1 - beta))
    return beta * kl(teacher_NB, mean_NB) + (1 - beta) * kl(student_NB, mean_NB)


def total_variation(teacher_NB: Any, student_NB: Any) -> Any:
    """Half the sum of absolute differences: 1 minus the share of the student's tokens that the teacher would accept."""
    return (teacher_NB.exp() - student_NB.exp()).abs().sum(-1) / 2
