# The two commands that matter: make run, make test. Everything lands in .venv.
PYTHON ?= python3
BIN := .venv/bin
KERNEL := src/inkdigits/web/site/static/convolve
SHIPPED := src/inkdigits/shipped/robust.onnx
SECONDS := 1200
EXTRAS := "" camera data docs heic keras mlflow pdf ray report scale sklearn tensorboard tflite train tune web test
UV := 0.13.9
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(PIP_CONSTRAINT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-keras golden check format notebooks docs record bench bench-gpu bench-reading bench-exports bench-pictures bench-real bench-few ablation trust shipped detector cutout kernel lock faults fuzz hashes sbom wheel bench-keras test-ray scale soak clean

run: .venv/train  ## train the standard recipe, evaluate it, say where the report lies
	$(BIN)/inkdigits train standard

test: .venv/test  ## run every test, on all cores; the ten slowest are named at the end
	$(BIN)/python -m pytest --numprocesses auto --durations 10

test-keras: .venv/test  ## test Keras on TensorFlow, and TensorFlow Lite: 1.6 GB
	$(BIN)/python -m pip install --quiet --editable '.[test,tflite]'
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -W ignore tests/test_exports.py tests/test_importing.py tests/test_keras_engine.py

faults: .venv/test  ## everything that docs/explanation/faults.md promises, a minute of fuzzing each, and what checkpoints cost
	$(BIN)/python -m pip install --quiet --editable '.[test,ray]'
	$(BIN)/python -m pytest tests/faults $$(grep -o 'tests/\w*\.py::\w*' docs/explanation/faults.md | sort -u)
	$(BIN)/python -m tests.fuzz 60
	$(BIN)/python benchmarks/checkpoints.py

fuzz: .venv/test  ## fuzz every reader of foreign bytes for SECONDS each, by default 20 minutes: four hours
	$(BIN)/python -m tests.fuzz $(SECONDS)

test-ray: .venv/test  ## test --engine ray on a cluster of this machine: 240 MB
	$(BIN)/python -m pip install --quiet --editable '.[test,ray]'
	$(BIN)/python -m pytest tests/test_ray.py

golden: .venv/test  ## renew what the tests compare with, after an intended change; look at the difference
	PYTHONPATH=benchmarks $(BIN)/python -m tests.drawn_pages
	PYTHONPATH=benchmarks $(BIN)/python -m tests.augmented
	$(BIN)/python -m tests.reference

check: .venv/test  ## format, lint, types, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python supply/audit.py

format: .venv/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

notebooks: .venv/test  ## run the notebooks and store what they show; look at them
	$(BIN)/python notebooks/renew.py

docs: .venv/test  ## build the site into build/site
	$(BIN)/sphinx-build --fail-on-warning --quiet --conf-dir docs --doctree-dir build/doctrees . build/site
	@echo build/site/index.html

record: .venv/train  ## train and test every recipe that has no current result; says how long it will take, resumes anywhere
	$(BIN)/python benchmarks/record.py

bench: .venv/train .venv-keras/done  ## train ours and the peers side by side; table and plot
	$(BIN)/python benchmarks/training_speed.py

bench-keras: .venv/train  ## train the five systems by Keras on TensorFlow, three seeds each; tables in README.md and docs/explanation/accuracy.md
	$(BIN)/python -m pip install --quiet --editable '.[tflite]'
	$(BIN)/python benchmarks/keras_recipes.py

bench-gpu: .venv/train  ## train on a GPU: seconds, accuracy, and how near to the CPU; needs one
	$(BIN)/python benchmarks/gpu_training.py

bench-reading: .venv/train  ## time the shipped artifact and the commands
	$(BIN)/python benchmarks/reading_speed.py

bench-exports: .venv/train  ## every format: size, agreement, time; tables in docs/how-to/; TensorFlow Lite needs .[tflite]
	$(BIN)/python -m pip install --quiet --editable '.[keras]'
	$(BIN)/python benchmarks/exports.py

bench-pictures: .venv/train  ## read drawn photographs, strings and grids; tables in docs/explanation/pictures.md
	$(BIN)/python benchmarks/drawn_pictures.py

bench-real: .venv/train  ## score a folder of real pictures with a labels.csv: make bench-real FOLDER=pictures/
	$(BIN)/python benchmarks/real_pictures.py $(FOLDER)

bench-few: .venv/test  ## how accuracy grows with the number of own pictures; a table in docs/how-to/fine-tune.md
	$(BIN)/python benchmarks/few_pictures.py

scale: .venv/train  ## how reading grows up to a million glyphs, and what processes and Ray cost: tables in docs/how-to/scale.md; half an hour
	$(BIN)/python -m pip install --quiet --editable '.[ray]'
	$(BIN)/python benchmarks/scale.py

soak: .venv/test  ## ask the server for five minutes: no error, memory flat
	$(BIN)/python benchmarks/web_speed.py --soak 300

ablation: .venv/train  ## what makes accurate accurate, robust robust and standard better taught: tables in docs/; needs Fashion-MNIST
	$(BIN)/python benchmarks/robust_ablation.py
	$(BIN)/python benchmarks/accurate_ablation.py
	$(BIN)/python benchmarks/accurate_ablation.py --little
	$(BIN)/python benchmarks/training_length.py
	$(BIN)/python benchmarks/standard_ablation.py

trust: .venv/test  ## what the shipped artifact can be trusted with: a table in docs/explanation/trust.md; needs Fashion-MNIST
	$(BIN)/python benchmarks/trust.py

shipped: .venv/train  ## make the artifact inside the package again
	rm -rf runs/shipped
	$(BIN)/inkdigits train robust --seed 0 --out runs/shipped
	cp runs/shipped/artifact.onnx $(SHIPPED)
	cp runs/shipped/report.json src/inkdigits/web/shipped-report.json
	sed -i "s/^    [0-9a-f]\{64\}$$/    $$(sha256sum < $(SHIPPED) | cut -c1-64)/" docs/explanation/guide.md

detector: .venv/train  ## train the detector inside the package again: nine minutes with a GPU and 16 cores, hours on two
	rm -rf runs/detector
	$(BIN)/inkdigits train detector --seed 0 --out runs/detector
	cp runs/detector/detector.onnx src/inkdigits/shipped/detector.onnx

cutout: .venv/train  ## train the network for cuts inside the package again: half an hour on two cores
	$(BIN)/python benchmarks/cutout.py

kernel: .venv/train  ## compile the convolution for browsers again, to the same bytes
	$(BIN)/python -m pip install --quiet ziglang==0.13.0
	$(BIN)/python -m ziglang cc --target=wasm32-freestanding -mcpu=generic+simd128 -O3 -s -nostdlib \
		-Wl,--no-entry -o $(KERNEL).wasm $(KERNEL).c

lock:  ## resolve the newest versions of everything into constraints.txt
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	PIP_CONSTRAINT= .venv-lock/bin/python -m pip install --quiet torch==2.13.0 hatchling --editable '.[train,test,ray,tflite]'
	.venv-lock/bin/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	rm -rf .venv-lock

hashes: .venv-lock/uv  ## the versions of constraints.txt with the hashes of all their files, a file for each extra
	for extra in $(EXTRAS); do .venv-lock/bin/uv pip compile --quiet --no-config --universal --generate-hashes \
		--no-annotate --no-header --python-version 3.11.5 --constraint constraints.txt --override supply/no-torch.txt \
		$${extra:+--extra $$extra} pyproject.toml --output-file supply/locks/$${extra:-base}.txt > /dev/null || exit 1; done

sbom: .venv/test .venv-lock/uv  ## all packages with versions and licences, as CycloneDX: build/sbom.json
	mkdir -p build
	.venv-lock/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json $(BIN)/python

wheel:  ## build the wheel and the source archive into dist/; the same bytes each time
	$(BIN)/python -m hatchling build

clean:
	rm -rf .venv .venv-lock .venv-keras .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv-lock/uv:
	$(PYTHON) -m venv .venv-lock
	PIP_CONSTRAINT= .venv-lock/bin/python -m pip install --quiet uv==$(UV) cyclonedx-bom==7.5.0
	touch $@

.venv/train: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[train]'
	touch $@

.venv-keras/done: benchmarks/peers/constraints.txt
	$(PYTHON) -m venv .venv-keras
	PIP_CONSTRAINT=$< .venv-keras/bin/python -m pip install --quiet tensorflow-cpu keras
	touch $@

.venv/test: .venv/train
	$(BIN)/python -m pip install --quiet --editable '.[train,test]'
	touch $@
