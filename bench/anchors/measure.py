"""Measures native engines on request: measure.py FOLDER MODEL

FOLDER holds rows.f64 and scores.f64 (rows of doubles, and their raw scores), and is where compiled
models go. First prints, as lines of JSON, each engine with how far its scores are from those, or
why it is left out; then answers each line "ENGINE one|batch" with microseconds a row. One thread.
"""

import ctypes
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

FOLDER = pathlib.Path(sys.argv[1])
MODEL = sys.argv[2]
# Rows that are timed, all in one batch or one by one.
COUNT = 1024
ROUNDS = 20
# Seconds of one measurement of YDF, which measures itself, and of its warm-up.
YDF_SECONDS = 0.15
YDF_WARM_UP_SECONDS = 0.05

# The engines print too: what they say goes where errors go.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

scores = np.fromfile(FOLDER / "scores.f64")
rows = np.fromfile(FOLDER / "rows.f64").reshape(len(scores), -1)
timed = np.ascontiguousarray(rows[:COUNT])
width = timed.shape[1]


def compile_c(target, *sources, more=()):
    """Compiles and loads a shared library."""
    path = FOLDER / target
    flags = ["-O3", "-march=native", "-fPIC", "-shared", "-o", path, *more]
    subprocess.run(["gcc", *flags, *sources, "-lm"], check=True, capture_output=True)
    return ctypes.CDLL(str(path))


class Driver:
    """The functions of driver.c: nanoseconds of all rows, and their scores."""

    def __init__(self):
        source = pathlib.Path(__file__).with_name("driver.c")
        self.library = compile_c("driver.so", source)
        self.out = np.empty(COUNT)

    def least(self, name, function, *arguments):
        call = getattr(self.library, name)
        call.restype = ctypes.c_double
        address = ctypes.c_void_p(ctypes.cast(function, ctypes.c_void_p).value)
        nanoseconds = call(address, *arguments)
        if nanoseconds < 0:
            raise RuntimeError(f"{name} failed")
        return nanoseconds / COUNT / 1000

    def pointers(self):
        return ctypes.c_void_p(timed.ctypes.data), ctypes.c_void_p(self.out.ctypes.data)


class Lleaves:
    """LLVM code of the forest. Blocks of 20 trees, which was the fastest of those tried."""

    tolerance = 1e-12

    def __init__(self, driver):
        import lleaves

        self.driver = driver
        code = FOLDER / "lleaves.o"
        code.unlink(missing_ok=True)
        model = lleaves.Model(model_file=MODEL)
        model.compile(cache=str(code), raw_score=True, fblocksize=20)
        self.function = compile_c("lleaves.so", code).forest_root

    def run(self, batch, rounds=ROUNDS):
        size = COUNT if batch else 1
        return self.driver.least(
            "time_lleaves", self.function, *self.driver.pointers(), COUNT, size, rounds
        )

    def scores(self):
        self.run(True, 1)
        return self.driver.out


class Tl2cgen:
    """C code of the forest, with thresholds as small integers and branches that know their odds."""

    tolerance = 0

    def __init__(self, driver):
        import tl2cgen
        import treelite

        self.driver = driver
        model = treelite.frontend.load_lightgbm_model(MODEL)
        odds = str(FOLDER / "branches.json")
        tl2cgen.annotate_branch(model, tl2cgen.DMatrix(rows), odds, nthread=1, verbose=False)
        folder = FOLDER / "tl2cgen"
        parameters = {"annotate_in": odds, "quantize": 1}
        tl2cgen.generate_c_code(model, str(folder), params=parameters)
        self.function = compile_c("tl2cgen.so", *folder.glob("*.c")).predict

    def run(self, _batch, rounds=ROUNDS):
        pointers = self.driver.pointers()
        return self.driver.least("time_tl2cgen", self.function, *pointers, COUNT, width, rounds)

    def scores(self):
        self.run(True, 1)
        return self.driver.out


class LightGbm:
    """The trainer's own library through its C API."""

    tolerance = 0

    def __init__(self, driver):
        import lightgbm

        self.driver = driver
        self.booster = lightgbm.Booster(model_file=MODEL)
        self.handle = self.booster._handle
        package = pathlib.Path(lightgbm.__file__).parent
        self.library = ctypes.CDLL(str(next(package.glob("**/lib_lightgbm.so"))))
        self.config = ctypes.c_void_p()
        # Raw score, all trees, doubles.
        failed = self.library.LGBM_BoosterPredictForMatSingleRowFastInit(
            self.handle, 1, 0, -1, 1, width, b"num_threads=1", ctypes.byref(self.config)
        )
        if failed:
            raise RuntimeError("LGBM_BoosterPredictForMatSingleRowFastInit failed")

    def run(self, batch, rounds=ROUNDS):
        pointers = self.driver.pointers()
        if batch:
            function = self.library.LGBM_BoosterPredictForMat
            return self.driver.least(
                "time_lightgbm", function, self.handle, *pointers, COUNT, width, rounds
            )
        function = self.library.LGBM_BoosterPredictForMatSingleRowFast
        return self.driver.least(
            "time_lightgbm_one", function, self.config, *pointers, COUNT, width, rounds
        )

    def scores(self):
        self.run(True, 1)
        return self.driver.out


class Ydf:
    """YDF cannot read the model, so it trains one of the same size on the same rows."""

    # Its fast engine sums floats; held against its plain one, as probabilities.
    tolerance = 1e-5

    def __init__(self, _driver):
        import ydf

        ydf.verbose(0)
        chances = np.random.default_rng(1).random(len(rows))
        label = (chances < 1 / (1 + np.exp(-scores))).astype(np.int64)
        data = {f"f{i}": rows[:, i] for i in range(width)}
        trees = sum(line.startswith("Tree=") for line in open(MODEL))
        leaves = max(
            int(line.partition("=")[2]) for line in open(MODEL) if line.startswith("num_leaves=")
        )
        learner = ydf.GradientBoostedTreesLearner(
            label="label",
            num_trees=trees,
            growing_strategy="BEST_FIRST_GLOBAL",
            max_num_nodes=leaves,
            max_depth=-1,
            validation_ratio=0.0,
            early_stopping="NONE",
            num_threads=1,
            random_seed=1,
        )
        self.model = learner.train({**data, "label": label})
        self.timed = {name: column[:COUNT] for name, column in data.items()}
        engine, *others = self.model.list_compatible_engines()
        if "QuickScorer" not in engine:
            raise RuntimeError(f"its fastest engine here is {engine}")
        if self.model.num_trees() != trees:
            raise RuntimeError(f"its model has {self.model.num_trees()} trees, not {trees}")
        self.plain = others[-1]

    def run(self, batch):
        result = self.model.benchmark(
            self.timed,
            benchmark_duration=YDF_SECONDS,
            warmup_duration=YDF_WARM_UP_SECONDS,
            batch_size=COUNT if batch else 1,
            num_threads=1,
        )
        return result.duration_per_example * 1e6

    def difference(self):
        fast = self.model.predict(self.timed)
        self.model.force_engine(self.plain)
        plain = self.model.predict(self.timed)
        self.model.force_engine(None)
        return float(np.abs(fast - plain).max())


ENGINES = {"ydf": Ydf, "lleaves": Lleaves, "tl2cgen": Tl2cgen, "lightgbm": LightGbm}


def reason(error):
    stderr = getattr(error, "stderr", None)
    text = stderr.decode() if stderr else str(error) or repr(error)
    return f"{type(error).__name__}: {text.strip().splitlines()[-1]}"


def prepare(name, driver):
    """The engine, checked; and what there is to say about it."""
    try:
        engine = ENGINES[name](driver)
        if hasattr(engine, "difference"):
            difference = engine.difference()
        else:
            difference = float(np.abs(engine.scores() - scores[:COUNT]).max())
        # Also false for NaN.
        if not difference <= engine.tolerance:
            raise RuntimeError(f"scores differ by {difference}, allowed is {engine.tolerance}")
        return engine, {"engine": name, "difference": difference}
    except Exception as error:
        return None, {"engine": name, "skipped": reason(error)}


def answer(value):
    print(json.dumps(value), file=ANSWERS, flush=True)


def main():
    engines = {}
    try:
        driver = Driver()
    except Exception as error:
        driver = None
        missing = f"the driver does not compile: {reason(error)}"
    for name in ENGINES:
        if driver is None and name != "ydf":
            facts = {"engine": name, "skipped": missing}
        else:
            engines[name], facts = prepare(name, driver)
        answer(facts)
    answer({"ready": True})
    for line in sys.stdin:
        name, kind = line.split()
        answer(engines[name].run(kind == "batch"))


main()
