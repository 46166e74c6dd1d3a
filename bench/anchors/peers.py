"""The bench's model as LLVM code for the peers: peers.py MODEL FOLDER makes FOLDER/lleaves.so."""

import pathlib
import subprocess
import sys

import lleaves

model, folder = sys.argv[1], pathlib.Path(sys.argv[2])
code = folder / "lleaves.o"
code.unlink(missing_ok=True)
# Blocks of 20 trees, which was the fastest of those tried.
lleaves.Model(model_file=model).compile(cache=str(code), raw_score=True, fblocksize=20)
subprocess.check_call(["gcc", "-shared", "-o", str(folder / "lleaves.so"), str(code), "-lm"])
