"""The process that checks are made in, one after the other, until it is killed or told to end.

``python -P -m harness.testing.worker PARENT``. The first line on standard input says what is
checked, each of the others names a check; for each of these it answers with one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from harness.planning.installed_plugins import Choice, installed_plugins
from harness.runtime.process_tree import adopt_orphans, die_with_parent
from harness.testing.generate import checks_of, members_in
from harness.testing.perform import perform


def main() -> None:
    """Serve on a copy of standard output, which a plugin's code must not write to."""
    die_with_parent(int(sys.argv[1]))
    # What a plugin starts stays below it, and ends with it.
    adopt_orphans()
    out, wanted = os.dup(1), os.dup(0)
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    with os.fdopen(wanted, encoding="utf-8") as lines:
        asked = json.loads(lines.readline())
        roots = {name: Path(folder) for name, folder in asked["roots"].items()}
        choice = Choice(local=tuple(map(Path, asked["plugin"])))
        plugins = installed_plugins(choice=choice, asked=members_in(asked["name"]))
        checks = {check.id: check for check in checks_of(asked["name"], plugins, roots)}
        own = os.getpid()
        for line in lines:
            outcome = perform(checks[json.loads(line)])
            if os.getpid() != own:
                os._exit(1)  # Forked by the plugin, it would answer, and take checks, as well.
            os.write(out, (json.dumps(asdict(outcome)) + "\n").encode())


if __name__ == "__main__":
    main()
