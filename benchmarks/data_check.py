"""How fast `afina data check` is: seconds and peak memory over generated JSON Lines.

    python benchmarks/data_check.py [NUM_LINES]

The lines have about 25 words and 8 labels; one in a hundred is broken, repeated, contradictory or holds personal data.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STARTS = ("ba", "co", "di", "fu", "ge", "li", "mo", "nu", "pa", "ri", "so", "ta", "ve", "xi")
ENDS = ("la", "ra", "nto", "cha", "m", "s", "do")
WORDS = [start + end for start in STARTS for end in ENDS]


def write_lines(path: Path, num_lines: int, seed: int = 0) -> None:
    """Write `num_lines` JSON Lines to `path`, the same ones for the same seed."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        text = "first line"
        for number in range(num_lines):
            if number % 300 != 1:
                text = " ".join(draw.choices(WORDS, k=draw.randint(10, 40))) + f" {number}"
            if number % 400 == 3:
                text += " fale comigo: pessoa@exemplo.com.br ou (11) 98765-4321, CPF 529.982.247-25"
            line = json.dumps({"text": text, "label": f"class {draw.randrange(8)}"}, ensure_ascii=False)
            file.write((line[:-5] if number % 500 == 7 else line) + "\n")


def main(num_lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_lines(path, num_lines)
        megabytes = path.stat().st_size / 1e6
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "afina", "data", "check", str(path)], capture_output=True, text=True
        )
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(done.stdout or done.stderr)
    figures = {
        "lines": num_lines,
        "megabytes": round(megabytes, 1),
        "seconds": round(seconds, 2),
        "peak_mib": round(peak),
    }
    print(
        json.dumps(
            {"ratios": {"data_check/limit_15_s": round(15 / seconds, 2)}, **figures, "exit_code": done.returncode}
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
