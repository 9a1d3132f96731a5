# make book   build the pages, executing every lecture whose code has changed
# make pdf    the built book as one PDF, printed by Chromium
# make slides a deck for teaching from the built book's figures, in _build/html/slides
# make test   everything that continuous integration checks, fast tests first
# make seeds  run every lecture with other seeds: make seeds SEEDS="0 1 2"
# make colab  run the portable notebooks of the built book in a replica of Colab
# make versions  unit tests and lectures on every supported Python, and on old and new JAX
# make lab    open the lectures as notebooks in JupyterLab
# make gpu    put JAX for NVIDIA cards into the environment, on Linux
# make bench  speed beside other libraries, in an environment of its own; writes code/speed.json
# make lock   compile pyproject.toml to requirements.txt and benchmarks/requirements.txt
# make clean  remove what the build made; the environments stay

PYTHON ?= python3
SEEDS  ?= 0 1 2 3 4 5 6 7 8 9
BIN    := .venv/bin

# A Python 3.13 that runs, on the path or among pyenv's; empty if there is none.
PYTHON313 = $(shell $(PYTHON) tools/versions.py --find 3.13)

.PHONY: book pdf slides test portable nbmake colab versions seeds lab gpu bench lock clean
.PHONY: venv venv-colab venv-bench

book: venv
	$(BIN)/jupyter-book build . -W -n --keep-going

pdf: book
	$(BIN)/python tools/print_book.py

slides: book
	$(BIN)/python tools/slides.py

test: venv
	$(BIN)/ruff check
	$(BIN)/python -m pytest -n logical --maxprocesses 4 tests/code tests/lectures
	$(MAKE) book
	$(BIN)/python -m pytest tests/pages
	$(MAKE) portable

# The portable notebooks with another seed and a clock that lies: once, in the environment that
# differs most from the one that built the book.
portable:
ifeq ($(PYTHON313),)
	@echo "NO PYTHON 3.13 FOUND: no replica of Colab, the notebooks run in .venv"
	$(MAKE) nbmake
else
	$(MAKE) colab
endif

nbmake: venv | _build/html/notebooks
	rm -rf .nbmake
	$(BIN)/python tools/seeds.py 1 --portable --clock-lies --folder .nbmake --write
	$(BIN)/python -m pytest --nbmake .nbmake

colab: venv venv-colab | _build/html/notebooks
	$(BIN)/python tools/seeds.py 1 --portable --clock-lies --python .venv-colab/bin/python

_build/html/notebooks:
	$(MAKE) book

versions:
	$(PYTHON) tools/versions.py

seeds: venv
	$(BIN)/python tools/seeds.py $(SEEDS)

lab: venv
	$(BIN)/jupyter-lab lectures

gpu: venv
	$(BIN)/python -m pip install \
	    "jax[cuda13]==$$($(BIN)/python -c 'import jax; print(jax.__version__)')"

bench: venv-bench
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

# The environments: made once, and again when the lock or the list of modules has changed, the
# folder is a copy, or another PYTHON is asked for than made them.
venv:
	$(PYTHON) tools/environment.py .venv requirements.txt --editable \
	    $(if $(filter file,$(origin PYTHON)),--any-python)

venv-colab:
	@test -n "$(PYTHON313)" || { echo "make colab needs python3.13"; exit 1; }
	$(PYTHON313) tools/environment.py .venv-colab tools/colab.txt

venv-bench:
	$(PYTHON) tools/environment.py .venv-bench benchmarks/requirements.txt --any-python
