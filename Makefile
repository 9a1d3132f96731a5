# make book   build the pages, executing every lecture whose code has changed
# make test   everything that continuous integration checks, fast tests first
# make seeds  run every lecture with other seeds: make seeds SEEDS="0 1 2"
# make lab    open the lectures as notebooks in JupyterLab
# make bench  speed beside other libraries, in an environment of its own; writes code/speed.json
# make lock   compile pyproject.toml to requirements.txt and benchmarks/requirements.txt
# make clean  remove what the build made; the environments stay

PYTHON ?= python3
SEEDS  ?= 0 1 2 3 4 5 6 7 8 9
BIN    := .venv/bin

.PHONY: book test seeds lab bench lock clean

book: .venv/installed
	$(BIN)/jupyter-book build . -W -n --keep-going

test: .venv/installed
	$(BIN)/ruff check
	$(BIN)/python -m pytest tests --ignore=tests/test_build.py --ignore=tests/test_pages.py
	$(BIN)/python -m pytest tests/test_build.py
	$(MAKE) book
	$(BIN)/python -m pytest tests/test_pages.py
	$(BIN)/python tests/seeds.py 1 --write --folder .nbmake
	$(BIN)/python -m pytest --nbmake .nbmake

seeds: .venv/installed
	$(BIN)/python tests/seeds.py $(SEEDS)

lab: .venv/installed
	$(BIN)/jupyter-lab lectures

bench: .venv-bench/installed
	PYTHONPATH=code .venv-bench/bin/python benchmarks/speed.py

lock:
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	    --no-header --quiet --upgrade --output-file requirements.txt
	$(PYTHON) -m uv pip compile --group bench --universal --python-version 3.11 \
	    --no-header --no-annotate --quiet --constraints requirements.txt \
	    | grep -vE '^(cuda|nvidia|triton)' > benchmarks/requirements.txt  # torch pins its own

clean:
	rm -rf _build .nbmake

# The environment: made once, and again when the lock or the list of modules changes.
.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] <= (3, 13), \
	    f"Python 3.11 to 3.13 is needed, this is {sys.version}; try make PYTHON=python3.12"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

.venv-bench/installed: benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt
	touch $@
