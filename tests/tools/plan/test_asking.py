"""What makes no sense on the planner's command line is one line; --gpus 0 is the CPU, and says so."""

from pathlib import Path

import pytest

from stages.train.parallelism import Parallelism
from tests.architecture.closure import ROOT
from tools.plan.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("--context -5", "--context: got -5, wanted a number above 0"),
        ("--batch 0", "--batch: got 0, wanted a number above 0"),
        ("--gpus 1 --gpu-memory nan", "--gpu-memory: got nan, wanted a number above 0"),
        ("--gpus 1 --price inf", "--price: got inf, wanted a number above 0"),
        ("--gpus -1", "--gpus: got -1, wanted their number, or 0 for the CPU"),
        ("--profile desktop", "--profile: got desktop, wanted one of laptop, llama in params.yaml"),
        ("--gpus 0 --gpu H100", "got GPUs of a kind or size, but none of them, wanted their number: --gpus"),
        ("--hostfile none", "--hostfile: got no file none, wanted one with a line `address slots=8` for each machine"),
        (
            "--hostfile LICENSE",
            "--hostfile: got no slots in LICENSE, wanted a line `address slots=8` for each machine",
        ),
    ],
)
def test_nonsense_is_one_line(arguments: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as refused:
        main(["8b", *arguments.split()])
    assert str(refused.value) == f"plan: {fault}"


def test_a_selected_profile_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "params.yaml").read_text().replace("profile: laptop ", "profile: desktop ")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^plan: params.yaml: profile: got desktop, wanted one of laptop, llama$"):
        main(["8b"])


def test_no_gpu_is_the_cpu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    main(["8b", "--gpus", "0"])
    assert capsys.readouterr().out == "recommended: one process on the CPU, for --gpus 0 asks for it\n"
    main(["8b", "--gpus", "0", "--json"])
    found = Parallelism.model_validate_json(capsys.readouterr().out)
    assert (found.num_processes, found.rows_per_device, found.peak_flops) == (1, 16, None), "the laptop's batch"
