"""What asking the teacher for a study takes."""

from dataclasses import replace
from pathlib import Path

from stages.sampling.engine import version
from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Reply, key
from tests.sampling.conftest import ENDPOINT, request
from tools.study.estimate import Asked, add

DEAR = replace(ENDPOINT, prompt_price=1e6, completion_price=2e6)  # 1 and 2 for a token


def test_each_request_counts_once_and_what_the_ledger_holds_is_not_asked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    answered, new, newer = request("x" * 33), request("y" * 33), request("z" * 73)
    ledger.put(DEAR, [(key(DEAR, version(DEAR), answered), Reply("1", "stop", 1, 1, "", ""))])
    total = Asked()
    add(total, DEAR, lambda: iter([answered, new]), ledger)
    # 7 characters of system prompt and 33 of question are 10 tokens of 4 characters; a reply may have 64
    assert (total.requests, total.missing, total.prompt_tokens, total.completion_tokens) == (2, 1, 10, 64)
    assert total.cost == 10 * 1 + 64 * 2
    add(total, DEAR, lambda: iter([new, newer, answered]), ledger)
    assert (total.requests, total.missing, total.prompt_tokens, total.completion_tokens) == (3, 2, 30, 128)
    assert total.cost == 30 * 1 + 128 * 2


def test_an_unknown_price_is_no_price_of_nothing(tmp_path: Path) -> None:
    ledger, total = Ledger(tmp_path / "ledger.sqlite"), Asked()
    add(total, replace(DEAR, completion_price=None), lambda: iter([request("x")]), ledger)
    add(total, DEAR, lambda: iter([request("y")]), ledger)
    assert total.cost is None
