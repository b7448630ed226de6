"""A worker that speaks as the real one does and trains nothing: what a job does is written into its recipe."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

PLANNED = {
    "num_steps": 30,
    "steps_per_epoch": 10,
    "learning_rate": 0.001,
    "training_s": 6.0,
    "other_s": 1.0,
    "num_test": 5,
    "test_rows": "rows",
    "has_validation": True,
    "fingerprints": {},
}
REFUSED = {"code": "E-X-001", "what": "No such thing.", "where": "", "expected": "", "mend": "", "problems": []}


def tell(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def work(recipe: str) -> int:
    tell("began", pid=os.getpid())
    if "kind: bias" in recipe:
        tell("refused", error=REFUSED, exit_code=6)
        return 6
    if "kind: norm" in recipe:
        print("the last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if "wait" in recipe:
        heard: list[int] = []
        signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
        tell("step", step=1, num_steps=2)
        deadline = time.monotonic() + 30
        while not heard and time.monotonic() < deadline:
            time.sleep(0.01)
        return 130
    tell("planned", **{**PLANNED, "test_rows": "others" if "layer_decay: 0.5" in recipe else "rows"})
    return 0


if __name__ == "__main__":
    tell("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(work(json.loads(line)["recipe"]))
        _, status = os.waitpid(child, 0)
        tell("ended", code=os.waitstatus_to_exitcode(status))
