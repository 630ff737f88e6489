"""Training on several machines: what of the environment they get, and what they must see before the weights load.

accelerate writes the whole environment of its launcher into a file, and DeepSpeed puts that into the command lines that
pdsh runs on every machine. So the launcher gets what is named here and no more: keys stay where they are. Each machine
reads weights of the hub with its own login.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NAMES = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH"),
    *("SSH_AUTH_SOCK", "DVC_ROOT", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT"),
)
BEGINNINGS = (
    *("PYTHON", "LC_", "CUDA_", "NCCL_", "GLOO_", "UCX_", "FI_", "TORCH", "PYTORCH_", "TRITON_", "OMP_", "MKL_"),
    *("DS_", "ACCELERATE_", "POTSTILL_", "PDSH_"),
)
SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD", "CREDENTIAL")
SECONDS = 60.0  # within which every machine must answer


def addresses(hostfile: str) -> list[str]:
    """Of the machines, from lines such as `address slots=8`."""
    lines = (line.split("#")[0].split() for line in Path(hostfile).read_text().splitlines())
    return [words[0] for words in lines if words]


def sent(environment: Mapping[str, str], file: Path) -> dict[str, str]:
    """What a launcher on several machines gets: nothing secret, and `file` for accelerate to write it to."""
    kept = {
        name: value
        for name, value in environment.items()
        if (name in NAMES or name.startswith(BEGINNINGS)) and not any(part in name.upper() for part in SECRET)
    }
    file.unlink(missing_ok=True)  # accelerate adds to it
    # the launcher finds DeepSpeed's command beside this Python
    return kept | {"DS_ENV_FILE": str(file), "PATH": f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"}


def check(hostfile: str, folder: Path, student: str) -> None:
    """Each machine must be reached, and see the project, its Python, and `folder`, where this training is kept."""
    if not shutil.which("pdsh"):
        raise SystemExit(
            f"train-{student}: {hostfile} names several machines, and there is no pdsh to reach them: install it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    seen, word = folder / f"seen-{os.getpid()}", secrets.token_hex(8)
    seen.write_text(word)
    command = f"cat '{seen}' && test -f '{Path.cwd()}/params.yaml' && test -x '{sys.executable}' && echo ' whole'"
    hosts = addresses(hostfile)
    try:
        done = subprocess.run(
            ["pdsh", "-f", str(len(hosts)), "-w", ",".join(hosts), command],
            env=sent(os.environ, folder / "environment") | {"PDSH_RCMD_TYPE": "ssh"},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        told = done.stdout.splitlines() + done.stderr.splitlines()
    except subprocess.TimeoutExpired:
        told = [f"no answer within {SECONDS:.0f} seconds"]
    finally:
        seen.unlink()
    for host in hosts:
        # pdsh leaves the domain out where all have one
        if not {f"{host}: {word} whole", f"{host.split('.')[0]}: {word} whole"} & set(told):
            got = [line for line in told if host in line] or told or ["no answer"]
            raise SystemExit(
                f"train-{student}: machine {host} of {hostfile}: got {'; '.join(got)!r}, wanted one that pdsh reaches "
                f"by ssh without a password, and that sees {Path.cwd()}, {sys.executable} and {folder} under the same "
                f"paths: share them, for the first machine writes what the others read"
            )
