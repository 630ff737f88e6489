"""Time goes by the rows that are there: their tokens by the base's tokenizer, padded to the longest of a pass."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tests.architecture.closure import ROOT
from tools.plan import lengths
from tools.plan.__main__ import main

BASE = ROOT / "data/laptop/models/base-8b"


def test_rows_of_a_pass_are_as_long_as_the_longest() -> None:
    assert lengths.padded([10, 30], 1) == 20
    assert lengths.padded([10, 30], 2) == 25  # of four pairs one has no 30
    assert lengths.padded([10, 30], 8) == pytest.approx(30, abs=0.1)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lengths.ROWS.parent.mkdir(parents=True)
    lengths.ROWS.write_text(
        "".join(
            json.dumps(
                {
                    "prompt": [{"role": "user", "content": "4 + 5 = ?"}],
                    "completion": [{"role": "assistant", "content": " 9" * n}],
                }
            )
            + "\n"
            for n in (10, 30)
        )
    )


@pytest.mark.usefixtures("rows")
def test_tokens_are_those_of_the_tokenizer_and_at_most_the_context() -> None:
    found = lengths.sample(str(BASE), 2048)
    assert found is not None
    assert found[1] - found[0] == len(AutoTokenizer.from_pretrained(BASE)(" 9" * 20)["input_ids"])
    assert lengths.sample(str(BASE), 12) == [12, 12]
    assert lengths.sample("nobody/nothing", 2048) is None


def test_the_table_tells_the_expected_time_where_rows_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(lengths, "ROWS", tmp_path / "none")
    named = ["8b", "--gpus", "1", "--gpu", "A100-80"]
    main(named)
    assert "expected of those" not in capsys.readouterr().out
    monkeypatch.setattr(lengths, "sample", lambda model, context: [context // 4])
    main(named)
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith("ZeRO-0 + LoRA  "))
    seconds, expected = map(float, line.split()[-4:-2])
    assert seconds / expected == pytest.approx(4, rel=0.15), "a quarter of the tokens, and less than one of attention"
