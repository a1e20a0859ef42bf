"""What a reader of the guide does: builds its programs and runs them."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SNIPPETS = CHECKOUT / "docs" / "guide" / "snippets"
LIBRARY = Path(os.environ["TLSPAIR_LIBRARY"])   # as ctest sets it
PATIENCE = 120


def run(*command, cwd=None, **environment):
    """What a command printed, which must succeed."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, text=True, timeout=PATIENCE,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


class Guide:
    """A directory with the certificates of the chapter on them, and the programs, built when asked for."""

    def __init__(self, directory: Path):
        self.directory = directory

    def shell(self, name, **environment):
        """Runs a script of the guide in the directory."""
        return run("sh", "-e", SNIPPETS / name, cwd=self.directory, **environment)

    def build(self, name) -> Path:
        program = self.directory / name
        if not program.exists():
            source = next(SNIPPETS.glob(f"{name}.c*"))
            compiler = ["cc"] if source.suffix == ".c" else ["c++", "-std=c++17"]
            run(
                *compiler, "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", f"-I{CHECKOUT / 'include'}",
                "-o", program, source, LIBRARY, "-pthread", f"-Wl,-rpath,{LIBRARY.parent}",
            )  # fmt: skip
        return program

    def call(self, name, *words) -> str:
        return run(self.build(name), *map(str, words), cwd=self.directory)

    def fails(self, name, *words) -> str:
        """What a program says that must not succeed."""
        done = subprocess.run(
            [self.build(name), *map(str, words)], cwd=self.directory, text=True, timeout=PATIENCE, capture_output=True
        )
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        return done.stderr

    @contextmanager
    def serving(self, name, *words, **environment):
        """A server of the guide, while it runs; `port` is where it listens."""
        process = subprocess.Popen(
            [self.build(name), *map(str, words)], cwd=self.directory, env={**os.environ, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            # A test run in the background ignores what it is to be stopped by.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on port "), line
            process.port = int(line.split()[-1])
            yield process
        finally:
            process.kill()
            process.communicate()
