"""Two workers that watch the folder of the executor in ``docs/writing-a-plugin.md``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path


def main(folder: Path, workers: int) -> None:
    """Run what is left in the folder until it is deleted."""
    running: dict[Path, subprocess.Popen[bytes]] = {}
    while folder.exists():
        for job, process in list(running.items()):
            if (job / "kill").exists() or (job / "lose").exists():
                process.terminate()
                process.wait()
            if (code := process.poll()) is not None:
                del running[job]
                if (job / "lose").exists():
                    (job / "lost").touch()
                (job / "running").unlink()
                (job / "done.part").write_text(str(code))
                (job / "done.part").rename(job / "done")
        waiting = [
            job
            for job in sorted(folder.iterdir())
            if (job / "words").exists() and not (job / "done").exists() and job not in running
        ]
        for job in waiting[: workers - len(running)]:
            if (job / "kill").exists():
                (job / "done").write_text("-9")
                continue
            (job / "running").touch()
            words = json.loads((job / "words").read_text())
            running[job] = subprocess.Popen(words)
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
