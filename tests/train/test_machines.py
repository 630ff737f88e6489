"""Several machines: each is asked before the weights load, and no secret leaves this one.

`pdsh` and `ssh` are scripts that run the command here, for every machine of the host file.
"""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.train import checkpoint, machines, weights
from tests.train.place import examples, make, run
from tests.train.test_processes import needs_deepspeed
from tools.plan.candidates import on_cpu

SECRET = "sk-not-for-a-file"
KEYS = {"HF_TOKEN": SECRET, "OPENAI_API_KEY": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET, "POTSTILL_API_KEY": SECRET}
PDSH = f"""#!{sys.executable}
import os, subprocess, sys
words = sys.argv[1:]
with open(os.environ["HOME"] + "/asked", "a") as asked:
    print(*words, sorted(os.environ.items()), file=asked)
hosts = words[words.index("-w") + 1].split(",")
command = " ".join(words[words.index("-w") + 2 :])
there = {{name: os.environ[name] for name in ("HOME", "PATH")}}  # ssh brings nothing along
running = [
    (host, subprocess.Popen(["sh", "-c", command.replace("%n", str(number))], env=there, stdout=-1, stderr=-2, text=True))
    for number, host in enumerate(hosts)
    if host != "gone"
]
for host, process in running:
    for line in process.communicate()[0].splitlines():
        print(f"{{host}}: {{line}}", flush=True)
if "gone" in hosts:
    print("pdsh@here: gone: ssh exited with exit code 255", file=sys.stderr)
sys.exit(max(process.returncode for _, process in running))
"""


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the two commands first on the path."""
    home = tmp_path / "home"
    home.mkdir()
    for name, text in (("pdsh", PDSH), ("ssh", "#!/bin/sh\necho 127.0.0.1\n")):
        (home / name).write_text(text)
        (home / name).chmod(0o755)
    compiled = Path.home() / ".cache/torch_extensions"  # what DeepSpeed needs, which takes minutes
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(next(compiled.glob("*"), compiled)))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
    return home


def hostfile(folder: Path, *addresses: str) -> str:
    path = folder / "hosts"
    path.write_text("".join(f"{address} slots=1  # one GPU\n" for address in addresses) + "\n# none\n")
    return str(path)


def test_what_a_launcher_gets_holds_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text("what an earlier launch left")
    kept = machines.sent({**KEYS, "PATH": "/bin", "NCCL_DEBUG": "INFO", "HF_HOME": "/hub", "EDITOR": "vi"}, file)
    assert kept == {
        "PATH": f"{Path(sys.executable).parent}:/bin",
        "NCCL_DEBUG": "INFO",
        "HF_HOME": "/hub",
        "DS_ENV_FILE": str(file),
    }
    assert not file.exists()


def test_machines_that_see_the_project_pass(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("")
    folder = tmp_path / "kept"
    machines.check(hostfile(tmp_path, "first", "second"), folder, "8b")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "change", "message"),
    [
        (
            "gone",
            None,
            r"machine gone of .*/hosts: got 'pdsh@here: gone: ssh exited with exit code 255', wanted one that",
        ),
        ("second", "params.yaml", r"machine first of .*/hosts: got .*, wanted one .* under the same paths: share them"),
        ("second", "pdsh", "names several machines, and there is no pdsh to reach them: install it"),
    ],
)
def test_a_machine_that_cannot_take_part_is_named(
    host: str, change: str | None, message: str, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("")
    if change:
        next(path for path in (tmp_path / change, remote / change) if path.exists()).unlink()
    with pytest.raises(SystemExit, match=f"^train-8b: .*{message}"):
        machines.check(hostfile(tmp_path, "first", host), tmp_path / "kept", "8b")


def test_processes_that_see_other_checkpoints_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkpoint.agreed_latest(tmp_path, "8b") is None
    (tmp_path / "checkpoint-9").mkdir()
    (tmp_path / "checkpoint-9/whole.json").write_text("{}")
    monkeypatch.setattr(checkpoint, "gather_object", lambda mine: [*mine, "none"])  # of a machine with another disk
    with pytest.raises(SystemExit, match=r"from process to process \(0: checkpoint-9, 1: none\), wanted one for all"):
        checkpoint.agreed_latest(tmp_path, "8b")


@pytest.mark.parametrize(("zero", "copies"), [(1, 0), (2, 0), (3, 1)])
def test_only_the_first_process_copies_the_weights(zero: int, copies: int, tmp_path: Path) -> None:
    """Under ZeRO-3 each has a share, and all must take part."""
    copied: list[Any] = []
    model = SimpleNamespace(named_parameters=list, named_buffers=list)
    accelerator = SimpleNamespace(
        is_main_process=False,
        unwrap_model=lambda model: model,
        get_state_dict=copied.append,
        wait_for_everyone=lambda: None,
    )
    trainer = SimpleNamespace(accelerator=accelerator, model=model, model_wrapped=model, save_model=copied.append)
    params: Any = SimpleNamespace(profile=SimpleNamespace(method="full", precision="float32"))
    parallelism = on_cpu(batch=4).model_copy(update={"zero": zero})
    weights.save(trainer, None, params, parallelism, tmp_path)
    assert len(copied) == copies
    weights.checkpoint_from_one(trainer, parallelism)
    trainer.save_model("a checkpoint")
    assert len(copied) == 2 * copies


@pytest.mark.slow
@needs_deepspeed
def test_two_machines_train_and_no_secret_reaches_a_file_or_a_command(remote: Path, tmp_path: Path) -> None:
    rows = examples(40)
    method = "profiles.laptop.student-8b.train.method=lora"
    folder = make(
        tmp_path / "project",
        rows[:32],
        rows[32:],
        method,
        "profiles.laptop.student-8b.train.num_epochs=1",
        num_processes=2,
        rows_per_device=4,
        zero=2,
        hostfile=hostfile(tmp_path, "127.0.0.1", "localhost"),
    )
    code, printed = run(folder, **KEYS)
    assert code == 0, printed
    assert (folder / "models/8b/adapter_model.safetensors").exists()
    assert (remote / "asked").read_text().count("deepspeed.launcher.launch") == 1, "by pdsh"
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert holding == []
    assert SECRET not in printed
