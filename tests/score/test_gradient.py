"""A row's gradient is that of the adapted weights seen through A; what is kept of it keeps its angles."""

from collections import Counter
from itertools import combinations

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.models.learnt import Tokens
from stages.sampling.request import Model
from stages.score.columns.gradient import (
    Projected,
    Settings,
    count_rows,
    estimate,
    fit,
    gradients,
    project,
    to_numbers,
    with_adapter,
)
from stages.score.rows import Row
from stages.score.tokens import tokenize
from tests.score.scored import MODELS, ROWS, row

BASE = Model("transformers", str(MODELS / "base-8b"), "", "float32", 0.0, 0.0)
SETTINGS = Settings(under="base-8b", rank=4, dimensions=2048, seed=1)
TOKENIZER = AutoTokenizer.from_pretrained(BASE.name)
TARGETS = ["2. #### 2", "12 + 7 = 19. #### 19", "no", "Take 3 from 9. #### 6"]


@pytest.fixture(scope="module")
def projected() -> Projected:
    return with_adapter(BASE, SETTINGS)


def tokens(one: Row) -> Tokens:
    return tokenize(one, TOKENIZER, "gradient")


def test_it_is_the_gradient_of_the_weights_seen_through_a(projected: Projected) -> None:
    one = tokens(ROWS[0])
    base = AutoModelForCausalLM.from_pretrained(BASE.name, dtype=torch.float32)
    weight = base.model.layers[0].self_attn.q_proj.weight
    logits = base(torch.tensor([one.ids])).logits[0, one.start - 1 : -1]
    (of_weight,) = torch.autograd.grad(F.cross_entropy(logits, torch.tensor(one.ids[one.start :])), weight)
    adapted = projected.causal.base_model.model.model.layers[0].self_attn.q_proj
    a, b = adapted.lora_A["default"].weight, adapted.lora_B["default"].weight
    assert projected.b[0] is b
    assert gradients(one, projected)[: b.numel()].reshape(b.shape) == pytest.approx(of_weight @ a.detach().T, abs=1e-5)
    assert b.abs().max() == 0 < a.abs().max()


def test_what_is_kept_has_about_the_cosines_of_the_whole(projected: Projected) -> None:
    whole = [gradients(tokens(row("p", f"Question {i}?", target)), projected) for i, target in enumerate(TARGETS)]
    kept = [project(one, projected, SETTINGS.dimensions) for one in whole]
    assert {len(one) for one in kept} == {2048}
    assert len(whole[0]) == len(projected.places) == sum(b.numel() for b in projected.b) > 2 * 2048
    for i, j in combinations(range(len(TARGETS)), 2):
        exact = F.cosine_similarity(whole[i], whole[j], dim=0).item()
        assert F.cosine_similarity(kept[i], kept[j], dim=0).item() == pytest.approx(exact, abs=4 / 2048**0.5)


def test_the_projection_sums_what_falls_to_a_place_with_its_signs() -> None:
    one = Projected(None, [], torch.tensor([0, 2, 0, 1]), torch.tensor([1.0, -1.0, -1.0, 1.0]))
    assert project(torch.tensor([5.0, 4.0, 2.0, 1.0]), one, 4).tolist() == [3.0, 1.0, -4.0, 0.0]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(projected: Projected) -> None:
    again, other = with_adapter(BASE, SETTINGS), with_adapter(BASE, SETTINGS.model_copy(update={"seed": 2}))
    first, second, third = (project(gradients(tokens(ROWS[0]), one), one, 2048) for one in (projected, again, other))
    assert torch.equal(first, second)
    assert not torch.allclose(first, third)


VECTORS = {"east": [1.0, 0.0], "north": [0.0, 2.0], "west": [-3.0, 0.0], "none": None}


def cosines(rows: list[Row]) -> list[float | None]:
    asked: list[str] = []

    def to_vector(one: Row) -> torch.Tensor | None:
        asked.append(one.target)
        found = VECTORS[one.target]
        return None if found is None else torch.tensor(found)

    found = [value for (value,) in to_numbers(lambda: iter(rows), to_vector)]
    assert len(asked) == len(rows), "a pass for each row, no more"
    return found


def test_each_row_is_compared_with_the_mean_of_those_held_out() -> None:
    rows = [row("p", "?", "east", held_out=True), row("q", "?", "west"), row("r", "?", "none"), row("s", "?", "north")]
    assert cosines(rows) == [1.0, -1.0, None, 0.0]
    # the mean of (1, 0) and (0, 2) is (0.5, 1): cosines 0.5 / sqrt(1.25) and 1 / sqrt(1.25)
    both = [*rows[:2], row("t", "?", "north", held_out=True), row("u", "?", "none", held_out=True)]
    assert cosines(both) == [0.4472, -0.4472, 0.8944, None]


def test_a_row_that_equals_the_only_one_held_out_has_a_cosine_of_1(projected: Projected) -> None:
    rows = [ROWS[2], ROWS[2]._replace(sample=1, is_validation=False), ROWS[0]]
    found = to_numbers(lambda: iter(rows), lambda one: project(gradients(tokens(one), projected), projected, 2048))
    held_out, equal, other = (value for (value,) in found)
    assert held_out == equal == 1.0
    assert other is not None
    assert other < 0.9


def test_an_empty_target_has_none_and_a_long_one_is_counted(projected: Projected) -> None:
    counts = Counter[str]()
    rows = [ROWS[0], row("p", "?", " "), row("p", "?", "2 " * 300)]
    assert [fit(one, TOKENIZER, projected.causal, counts) is None for one in rows] == [False, True, True]
    assert counts == {"too_long": 1}


def test_no_row_held_out_is_an_error_before_anything_loads() -> None:
    rows = pl.DataFrame({"reason": [None, None, "wrong"], "is_validation": [False, False, True]})
    with pytest.raises(SystemExit, match="filter.validation_share: got none of 2 rows held out, wanted some"):
        count_rows(rows)
    assert count_rows(rows.with_columns(is_validation=True)) == (2, 2)


def test_the_estimate_counts_tokens_as_the_model_does() -> None:
    lengths = [len(tokens(one).ids) for one in ROWS]
    line = estimate("m", TOKENIZER, ROWS, 3_000, 150, SETTINGS)
    assert (
        f"m: 3,000 rows, 150 of them held out to compare with, about {sum(lengths) * 1_000:,} tokens: 3,000 f" in line
    )
