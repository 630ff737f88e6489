"""The folder for the Hub, and its upload to a real server."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.closure import ROOT
from tests.tools.publish import hub_server
from tools.publish.folder import listing, make

STUDENT = ROOT / "data/laptop/models/base-8b"
UPLOAD = """
from pathlib import Path
from tools.publish.folder import upload
print(upload(Path("org/name"), "org/name", "model", True, "Potstill at 1"))
"""


def test_it_holds_the_students_files_and_those_of_its_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("LICENSE").write_text("terms")
    files: dict[str, str | Path] = {"README.md": "# card\n", "LICENSE": Path("LICENSE")}
    (make("org/name", STUDENT, files) / "old").touch()
    out = make("org/name", STUDENT, files)
    names = {path.name for path in STUDENT.iterdir()} | {"README.md", "LICENSE"}
    assert {path.name for path in out.iterdir()} == names, "nothing is left of the first time"
    assert f"{(STUDENT / 'model.safetensors').stat().st_size:>15,}  model.safetensors" in listing(out)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling_own.py"])
def test_what_may_run_as_it_loads_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    student = Path(shutil.copytree(STUDENT, "student"))
    (student / name).touch()
    with pytest.raises(SystemExit, match=f"publish: got student/{name}, wanted files that run nothing as they load"):
        make("org/name", student, {})


def test_no_student_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="publish: got nothing in models/8b, wanted what its stage writes: run dvc"):
        make("org/name", Path("models/8b"), {})


def upload(folder: Path, address: str, token: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_ENDPOINT": address, "HF_HOME": str(folder / "home")}
    environment |= {"HF_HUB_DISABLE_XET": "1"}  # a protocol of its own, which the server here does not speak
    return subprocess.run(
        [sys.executable, "-c", UPLOAD],
        cwd=folder,
        env=environment | {"HF_TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_byte_is_uploaded_to_a_private_repository(tmp_path: Path) -> None:
    folder = tmp_path / "org/name"
    shutil.copytree(STUDENT, folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n\n# card\n")
    with hub_server.serving() as hub:
        refused = upload(tmp_path, hub.address, "another")
        assert refused.returncode == 1
        assert refused.stderr.startswith("publish: the Hub refused org/name: "), refused.stderr
        assert hub.files == {}
        done = upload(tmp_path, hub.address, hub_server.KEY)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{hub.address}/org/name/commit/1\n"
    assert hub.files == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [repository["visibility"] for repository in hub.repositories] == ["private"]
    assert hub.messages == ["Potstill at 1"]
    assert hub_server.KEY not in done.stdout + done.stderr
