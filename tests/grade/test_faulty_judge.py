"""A judge behind a server that misbehaves: no pair is lost, and none is paid for twice."""

import os
import re
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest

from stages.rows.judged import PAIR_COLUMNS, PAIRS, read_judged
from tests.grade.scripted_judge import make
from tests.here import run_here
from tests.sampling.conftest import Served

NUM_PROMPTS = 5_000  # against the base and against the teacher
NUM_PAIRS = 2 * NUM_PROMPTS
SAYS = '{"reasoning": "So it is.", "better": "A"}'


@pytest.mark.slow
def test_ten_thousand_pairs_are_judged_in_both_orders_each_once(tmp_path: Path) -> None:
    faults = ("sampling.timeout_seconds=10.0", "sampling.max_concurrency=256", "grade.how=pairs")
    folder = make(tmp_path, NUM_PROMPTS, *faults)
    (tmp_path / "server").mkdir()
    served = Served(tmp_path / "server", "--faults", "--says", SAYS)
    try:
        with patch.dict(os.environ, OPENAI_BASE_URL=served.address, OPENAI_API_KEY="x"):
            code, printed = run_here(folder, "grade")
            assert code == 0, printed
            log = (tmp_path / "server/server.log").read_text()
            code, again = run_here(folder, "grade")
    finally:
        served.process.kill()
        served.process.wait()
    assert f"{2 * NUM_PAIRS} requests, {2 * NUM_PAIRS} in the ledger, 0 to ask" in again
    # a line of the log is the prompt, which has several, and how its answer ended
    ended = re.findall(r"(<source>(?:(?!<source>).)*?)\t(\w[^\n]*)\n", log, re.DOTALL)
    paid = Counter(prompt for prompt, how in ended if how in ("stop", "length", "content_filter"))
    assert len(paid) == 2 * NUM_PAIRS
    assert set(paid.values()) == {1}
    assert len(ended) > 1.1 * len(paid), "much went wrong"
    pairs = read_judged(folder / PAIRS, PAIR_COLUMNS)
    assert pairs.select("id", "second", "shown_first").n_unique() == len(pairs) == 2 * NUM_PAIRS
    counts = Counter(pairs["status"])
    assert set(counts) == {"graded", "unreadable"}
    # cut off, or withheld: 1.5 % of the answers
    assert counts["unreadable"] == pytest.approx(0.015 * 2 * NUM_PAIRS, rel=0.2)
