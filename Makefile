# make book   build the pages, executing every lecture whose code has changed
# make pdf    the built book as one PDF, printed by Chromium
# make test   everything that continuous integration checks, fast tests first
# make seeds  run every lecture with other seeds: make seeds SEEDS="0 1 2"
# make lab    open the lectures as notebooks in JupyterLab
# make bench  speed of dl_core beside its peers, as ratios
# make lock   compile pyproject.toml to requirements.txt
# make clean  remove what the build made; the environment in .venv stays

PYTHON ?= python3
SEEDS  ?= 0 1 2 3 4 5 6 7 8 9
BIN    := .venv/bin

.PHONY: book pdf test seeds lab bench lock clean

book: .venv/installed
	$(BIN)/jupyter-book build . -W -n --keep-going

pdf: book
	$(BIN)/python _ext/print_book.py

test: .venv/installed
	$(BIN)/ruff check
	$(BIN)/python -m pytest tests --ignore=tests/test_build.py --ignore=tests/test_pages.py \
	    --ignore=tests/test_book.py
	$(BIN)/python -m pytest tests/test_build.py
	$(MAKE) book
	$(BIN)/python -m pytest tests/test_pages.py tests/test_book.py
	$(BIN)/python tests/seeds.py 1 --write --folder .nbmake
	$(BIN)/python -m pytest --nbmake .nbmake

seeds: .venv/installed
	$(BIN)/python tests/seeds.py $(SEEDS)

lab: .venv/installed
	$(BIN)/jupyter-lab lectures

bench: .venv/installed
	$(BIN)/python benchmarks/speed.py

lock:
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	    --no-header --quiet --upgrade --output-file requirements.txt

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
