"""A checkpoint is found again only where it is whole and decides the same result."""

import json
import shutil
from pathlib import Path

import pytest

from stages.train import checkpoint
from stages.train.checkpoint import abandoned, begun, decisive, fits, folder, latest
from stages.train.params import load
from tests.architecture.closure import ROOT
from tools.plan.candidates import on_cpu


def test_the_last_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    for step, whole in ((9, True), (10, False), (100, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text("{}")
        if whole:
            (tmp_path / f"checkpoint-{step}/whole.json").write_text("{}")
    assert latest(tmp_path) == tmp_path / "checkpoint-9"
    assert latest(tmp_path / "nowhere") is None


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of examples, with the checkpoints beside it."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "train.jsonl").write_text("a\n")
    return tmp_path / "train.jsonl"


def test_the_folder_depends_on_what_decides_the_result(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = load("8b")
    assert "parallelism" not in params.model_dump(), "how it is executed decides no result"
    seed_2 = params.model_copy(update={"train": params.train.model_copy(update={"seed": 2})})
    found = {folder("8b", decisive(params, [data])), folder("8b", decisive(seed_2, [data]))}
    data.write_text("b\n")
    found.add(folder("8b", decisive(params, [data])))
    code = shutil.copytree(ROOT / "stages", data.parent / "code")
    monkeypatch.setattr(checkpoint, "STAGES", code)
    assert folder("8b", decisive(params, [data])) in found, "the same code elsewhere is the same code"
    with (code / "train/worker.py").open("a") as file:
        file.write("# a word more\n")
    found.add(folder("8b", decisive(params, [data])))
    monkeypatch.setattr(checkpoint, "version", lambda package: "9.9" if package == "peft" else None)
    found.add(folder("8b", decisive(params, [data])))
    assert len(found) == 5
    assert {path.parent for path in found} == {data.parent / ".potstill/checkpoints"}, "the main checkout's"


def test_code_in_a_subfolder_decides_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = data.parent / "code"
    names = ("models/passes.py", "train/objectives/plain.py", "train/plain.py")
    for name in names:
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(f"# {name}\n")
    monkeypatch.setattr(checkpoint, "STAGES", code)
    params = load("8b")
    before = decisive(params, [data])
    assert list(before["code"]) == list(names), "files of one name in two folders are two"
    (code / "train/objectives/plain.py").write_text("# another loss\n")
    after = decisive(params, [data])
    assert checkpoint.unequal(before["code"], after["code"]) == ["train/objectives/plain.py"]
    assert folder("8b", before) != folder("8b", after)


def test_a_package_that_is_not_installed_counts_as_absent() -> None:
    assert checkpoint.version("no-such-package") is None
    assert checkpoint.version("torch")
    assert {"accelerate", "deepspeed", "peft", "torch", "transformers", "trl"} == set(checkpoint.PACKAGES)


def test_an_abandoned_training_is_named_with_what_differs(data: Path) -> None:
    params = load("8b")
    now = decisive(params, [data])
    begun = {
        "8b-1": now
        | {"parameters": now["parameters"] | {"train.seed": 2}, "versions": now["versions"] | {"trl": None}},
        "8b-2": now | {"data": {data.name: "other"}, "code": now["code"] | {"added.py": "0"}},
        "70b-3": now,
    }
    output = folder("8b", now)
    for name, decided in {**begun, output.name: now}.items():
        (output.parent / name).mkdir(parents=True)
        (output.parent / name / "decides.json").write_text(json.dumps(decided))
    (output.parent / "8b-4").mkdir()
    first, second, third = abandoned("8b", output, now)
    assert first == (
        f"{output.parent}/8b-1 holds an unfinished training that differs in parameters (train.seed) and versions (trl): "
        "this one starts anew, and that folder may be removed unless a training still runs in it"
    )
    assert "8b-2 holds an unfinished training that differs in data (train.jsonl) and code (added.py): " in second
    assert "8b-4 holds an unfinished training that differs in code: " in third, (
        "older code, which wrote no decides.json"
    )


def test_what_is_half_written_does_not_count(tmp_path: Path) -> None:
    output, part = tmp_path / "8b-1", tmp_path / "8b-1.part"
    part.mkdir()
    (part / "train.arrow").write_text("what a kill left")
    with begun(output, {"code": {"worker.py": "1"}}) as folder:
        assert not output.exists()
        assert [path.name for path in folder.iterdir()] == ["decides.json"], "nothing of what a kill left"
        (folder / "train.arrow").write_text("whole")
    assert (output / "train.arrow").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["8b-1"]


def test_a_training_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), begun(tmp_path / "8b-1", {}):
        raise SystemExit("a row over the context")
    assert list(tmp_path.iterdir()) == []


def test_deepspeed_checkpoints_fit_their_own_processes_alone(tmp_path: Path) -> None:
    def written(num_processes: int, zero: int) -> Path:
        (tmp_path / "whole.json").write_text(json.dumps({"num_processes": num_processes, "zero": zero}))
        return tmp_path

    wanted = on_cpu(batch=1).model_copy(update={"num_processes": 4, "zero": 2})
    fits(written(4, 2), wanted, "8b")
    fits(written(8, 0), wanted.model_copy(update={"zero": 0}), "8b")  # whole weights and states fit any number
    for num_processes, zero in ((8, 2), (4, 3), (4, 0)):
        with pytest.raises(
            SystemExit,
            match=f"was written by {num_processes} processes with ZeRO-{zero}, wanted 4 with ZeRO-2: set num_processes and zero",
        ):
            fits(written(num_processes, zero), wanted, "8b")
