"""What a GPU machine installs by the commands of the docs can be resolved together; nothing is installed here."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.closure import ROOT

UV = shutil.which("uv")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(UV is None, reason="uv is not installed")]


@pytest.fixture(autouse=True)
def network() -> None:
    try:
        socket.getaddrinfo("pypi.org", 443)
    except OSError:
        pytest.skip("there is no network")


def resolved(*arguments: str, python: str, **environment: str) -> dict[str, str]:
    """Versions by package that the command would install. Without local folders of wheels, in which CPU builds lie."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_FIND"))}
    command = [str(UV), "pip", "install", "--dry-run", "--python", python, "-c", "constraints.txt", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False)
    if "Failed to fetch" in done.stderr:
        pytest.skip("the registry does not answer")
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^ \+ (\S+)==(\S+)$", done.stderr, re.MULTILINE))


def test_the_gpu_command_of_the_readme_brings_every_part(tmp_path: Path) -> None:
    assert "pip install -e '.[gpu]' -c constraints.txt" in (ROOT / "README.md").read_text()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    found = resolved(".[gpu]", "--python-platform=x86_64-unknown-linux-gnu", python=str(tmp_path / "bin/python"))
    assert {"bitsandbytes", "deepspeed", "liger-kernel", "vllm"} <= set(found)
    assert found["torch"] == "2.13.0", "the CUDA build, whose version has no ending"
    assert any(name.startswith("nvidia-cuda-runtime") for name in found)


def test_flash_attention_finds_the_torch_that_it_is_compiled_against() -> None:
    """Its package has no wheels: it asks the installed torch what it needs, so it comes after the rest."""
    found = resolved(
        ".[flash-attention]",
        "--no-build-isolation-package=flash-attn",
        python=sys.executable,
        FLASH_ATTENTION_SKIP_CUDA_BUILD="TRUE",
    )
    assert found["flash-attn"].startswith("2.8.")
