"""What must happen before anything else is imported.

``python -m harness`` puts the working directory first on the path, where a script of the
user's called ``select.py`` or a clone of a library would be imported instead of the real one.
"""

# ruff: noqa: PTH109, PTH119, PTH120
# pathlib imports others, and what they are is decided here.
import os
import sys
from types import TracebackType


def _run_as_module() -> bool:
    # While Python looks for the module that -m names, this is all it tells.
    return sys.argv[:1] == ["-m"] and any(
        f"{word.removeprefix('-m')}.".startswith("harness.") for word in sys.orig_argv[1:]
    )


def leave_working_directory() -> None:
    """Take the entry that ``python -m harness.…`` has added off ``sys.path``.

    Nothing happens where another program imports the harness, or under ``python -P``. A working
    directory that ``PYTHONPATH`` names has an entry of its own, which stays.
    """
    if _run_as_module() and not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
        del sys.path[0]


def explain_hidden_modules(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """``sys.excepthook`` of the command: where an import fails and a file of the user's stands in
    for a module of the standard library, or for a library that is installed, that is the message,
    and the exit code 2."""
    library = os.path.dirname(os.__file__) + os.sep
    hidden = [
        (name, file)
        for name in sorted(sys.stdlib_module_names & sys.modules.keys())
        if (file := getattr(sys.modules[name], "__file__", None)) and not file.startswith(library)
    ]
    found = None
    if issubclass(kind, ImportError | AttributeError | NameError | SyntaxError):
        standard = [(file, f"the standard library's {name}") for name, file in hidden]
        found = standard[0] if standard else _library(error)
    if found is None:
        sys.__excepthook__(kind, error, trace)
        return
    file, name = found
    sys.stderr.write(
        f"harness: {file} is imported instead of {name}: give it another "
        f"name, or take its folder off PYTHONPATH ({kind.__name__}: {error})\n"
    )
    sys.stderr.flush()
    os._exit(2)


def _library(error: BaseException) -> tuple[str, str] | None:
    """The file that the error comes from and the installed library that it hides, if so."""
    try:
        from harness.runtime.shadows import behind

        shadow = behind(error)
    except Exception:  # With modules that are not what they seem, this may fail like the rest.
        return None
    return None if shadow is None else (str(shadow.file), shadow.hidden)


leave_working_directory()
if _run_as_module() or os.path.basename("".join(sys.argv[:1])) == "harness":
    sys.excepthook = explain_hidden_modules
