"""Objectives on tensors: their limits, and numbers by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from stages.train.divergences import jensen_shannon, kl, student_buckets, teacher_buckets, total_variation
from stages.train.objective import Mixed, Seen, Validated
from stages.train.objectives import clipped_kl, first, forward_kl, own_earlier, reverse_kl, taid
from stages.train.objectives import total_variation as tvd
from stages.train.objectives.gold_where_unsure import GoldWhereUnsure
from stages.train.objectives.gold_where_unsure import losses as gold_where_unsure

N, V, K = 5, 11, 4


def logits(seed: int) -> torch.Tensor:
    return torch.randn(N, V, generator=torch.Generator().manual_seed(seed)) * 2


def pair() -> tuple[Any, Any]:
    """(student_NB, teacher_NB) of two models, by the teacher's K most probable tokens."""
    top = torch.log_softmax(logits(1), -1).topk(K, -1)
    return student_buckets(logits(0), top.indices), teacher_buckets(top.values)


def seen(student_NB: Any, teacher_NB: Any, **changes: Any) -> Seen:
    return Seen(student_NB, teacher_NB, torch.full((len(student_NB),), 7.0), 1.0)._replace(**changes)


def test_buckets_are_a_distribution_whose_last_bucket_holds_the_others() -> None:
    student_NB, teacher_NB = pair()
    for found_NB in (student_NB, teacher_NB):
        assert torch.allclose(found_NB.exp().sum(-1), torch.ones(N), atol=1e-5)
    ids = torch.log_softmax(logits(1), -1).topk(K, -1).indices
    rest = 1 - torch.softmax(logits(0), -1).gather(-1, ids).sum(-1)
    assert torch.allclose(student_NB[:, -1].exp(), rest, atol=1e-5)


def test_with_the_whole_vocabulary_the_bucket_of_the_others_is_empty_and_the_gradient_is_a_number() -> None:
    student_NV = logits(0).requires_grad_()
    top = torch.log_softmax(logits(1), -1).topk(V, -1)
    loss_N = kl(teacher_buckets(top.values), student_buckets(student_NV, top.indices))
    wanted_NV = torch.nn.functional.kl_div(
        torch.log_softmax(student_NV, -1), torch.log_softmax(logits(1), -1), log_target=True, reduction="none"
    )
    assert torch.allclose(loss_N, wanted_NV.sum(-1), atol=1e-5)
    loss_N.sum().backward()
    assert student_NV.grad is not None
    assert torch.isfinite(student_NV.grad).all()


def test_equal_distributions_have_no_loss() -> None:
    top = torch.log_softmax(logits(1), -1).topk(K, -1)
    given = seen(*[student_buckets(logits(1), top.indices)] * 2)
    found = [
        forward_kl.losses(given, Mixed(cross_entropy=0), {}),
        reverse_kl.losses(given, Mixed(cross_entropy=0), {}),
        jensen_shannon(given.teacher_NB, given.student_NB, 0.3),
        tvd.losses(given, tvd.TotalVariation(cross_entropy=0, scaled=True), {}),
        taid.losses(given, taid.Taid(cross_entropy=0, start=0, end=1, alpha=0, beta=0), {"t": 0.5}),
        gold_where_unsure(given, GoldWhereUnsure(confidence=0.0), {}),
        clipped_kl.losses(given, clipped_kl.ClippedKL(cross_entropy=0, top_p=1.0), {}),
    ]
    assert max(loss_N.abs().max().item() for loss_N in found) < 1e-6


def test_jensen_shannon_lies_between_forward_and_reverse() -> None:
    """JSD / beta tends to the forward KL, JSD / (1 - beta) to the reverse (arXiv 2306.13649)."""
    student_NB, teacher_NB = (found_NB.double() for found_NB in pair())
    near = 1e-5
    assert torch.allclose(jensen_shannon(teacher_NB, student_NB, near) / near, kl(teacher_NB, student_NB), rtol=1e-2)
    reverse = jensen_shannon(teacher_NB, student_NB, 1 - near) / near
    assert torch.allclose(reverse, kl(student_NB, teacher_NB), rtol=1e-2)
    half = jensen_shannon(teacher_NB, student_NB, 0.5)
    assert torch.allclose(half, jensen_shannon(student_NB, teacher_NB, 0.5))
    assert half.max() <= math.log(2)


def test_the_gradient_of_total_variation_by_hand() -> None:
    """Student (0.5, 0.5), teacher (0.8, 0.2): TV 0.3; dTV/dz = p (s - sum p s), s = -1/2 where the teacher has more."""
    student_NV = torch.zeros(1, 2, requires_grad=True)
    loss_N = total_variation(torch.tensor([[0.8, 0.2]]).log(), torch.log_softmax(student_NV, -1))
    loss_N.sum().backward()
    assert loss_N.item() == pytest.approx(0.3)
    assert student_NV.grad is not None
    assert student_NV.grad[0].tolist() == pytest.approx([-0.25, 0.25])


def test_tvd_plus_plus_is_total_variation_over_the_deviation_of_its_reward() -> None:
    """The reward is 1 on the first token, which the student draws half of the time: deviation 0.5."""
    given = seen(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.8, 0.2]]).log())
    assert tvd.losses(given, tvd.TotalVariation(cross_entropy=0, scaled=True), {}).item() == pytest.approx(0.6)


def test_taids_target_is_the_student_at_0_and_the_teacher_at_1() -> None:
    student_NB, teacher_NB = pair()
    assert torch.allclose(taid.target(teacher_NB, student_NB, 0.0), student_NB, atol=1e-5)
    assert torch.allclose(taid.target(teacher_NB, student_NB, 1.0), teacher_NB, atol=1e-5)


def test_taid_never_moves_back_and_ends_at_its_end() -> None:
    constants = taid.Taid(cross_entropy=0, start=0.4, end=1.0, alpha=5e-4, beta=0.99)
    state = taid.begin(constants, Validated((), (), ()))
    path = [state["t"]]
    for step in range(1, 101):
        loss = 1 / step if step % 7 else 5.0  # falls, and jumps up
        state = taid.after_step(state, loss, step / 100, constants)
        path.append(state["t"])
    assert path == sorted(path)
    assert (path[0], path[-1]) == (0.4, 1.0)


def test_taids_step_by_hand() -> None:
    """Loss 2 to 1: change 0.5, momentum 0.005, t 0.4 + 0.1 sigmoid(0.005) 0.6."""
    constants = taid.Taid(cross_entropy=0, start=0.4, end=1.0, alpha=0.1, beta=0.99)
    state = taid.after_step({"t": 0.4, "momentum": 0.0, "loss": 2.0}, 1.0, 0.0, constants)
    assert state["momentum"] == pytest.approx(0.005)
    assert state["t"] == pytest.approx(0.4 + 0.1 / (1 + math.exp(-0.005)) * 0.6)


def test_first_keeps_the_argmax_and_lowers_the_calibration_error_of_a_teacher_that_is_too_sure() -> None:
    """It gives 0.98 to its first token and is right in 7 of 10."""
    before_NK = np.array([[0.98, 0.01, 0.005, 0.003, 0.002]] * 100)
    labels_N = np.where(np.arange(100) % 10 < 7, 1, 2)
    given = Validated(np.array([[1, 2, 3, 4, 5]] * 100), np.log(before_NK), labels_N)
    after_NK = first.recalibrate(before_NK, first.choose_temperature(given, 5))
    is_right_N = given.ids_NK[:, 0] == labels_N
    assert (after_NK.argmax(-1) == before_NK.argmax(-1)).all()
    assert np.allclose(after_NK.sum(-1), 1)
    assert first.calibration_error(before_NK[:, 0], is_right_N) == pytest.approx(0.28)
    assert first.calibration_error(after_NK[:, 0], is_right_N) < 0.02


def test_firsts_loss_is_the_kl_to_its_recalibrated_tokens() -> None:
    student_NB, teacher_NB = pair()
    found_N = first.losses(seen(student_NB, teacher_NB), first.First(cross_entropy=0, top_k=3), {"temperature": 0.5})
    target_NK = torch.tensor(first.recalibrate(teacher_NB[:, :3].exp().numpy(), 0.5))
    assert torch.allclose(found_N, (target_NK * (target_NK.log() - student_NB[:, :3])).sum(-1), atol=1e-5)


def test_the_nucleus_is_the_fewest_tokens_that_hold_its_mass() -> None:
    teacher_NB = torch.tensor([[0.6, 0.25, 0.1, 0.05]]).log()
    wanted = [0.6 / 0.85, 0.25 / 0.85, 0, 0]
    assert clipped_kl.nucleus(teacher_NB, 0.8).exp()[0].tolist() == pytest.approx(wanted, abs=1e-6)
    assert torch.allclose(clipped_kl.nucleus(teacher_NB, 1.0), teacher_NB, atol=1e-6)


def test_where_the_teacher_is_unsure_the_targets_token_is_learnt() -> None:
    student_NB, _ = pair()
    teacher_NB = torch.tensor([[0.9, 0.05, 0.02, 0.02, 0.01], [0.3, 0.3, 0.2, 0.1, 0.1]]).log()
    found = gold_where_unsure(seen(student_NB[:2], teacher_NB), GoldWhereUnsure(confidence=0.5), {})
    assert found.tolist() == pytest.approx([kl(teacher_NB, student_NB[:2])[0].item(), 7.0])


def test_the_own_earlier_distribution_counts_by_the_epoch() -> None:
    student_NB, teacher_NB = pair()
    own_N = -(teacher_NB.exp() * student_NB).sum(-1)
    constants = own_earlier.OwnEarlier(share=0.8, top_k=K)
    found_N = own_earlier.losses(seen(student_NB, teacher_NB, epoch=0.5), constants, {})
    assert torch.allclose(found_N, 0.6 * 7.0 + 0.4 * own_N)
