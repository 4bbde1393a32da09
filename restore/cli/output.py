"""stdout carries the result, stderr everything else. The only file that prints."""

import contextlib
import errno
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from restore.cli.log import render_json
from restore.errors import RestoreError, SettingsError, SpaceError, StoreError
from restore.exit_statuses import BUG
from restore.system.events import Fact
from restore.system.text import encode_json, escape_controls


class Failure(msgspec.Struct, frozen=True):
    """What `--json` gives when a command has no result."""

    status: int
    error: str
    hint: str = ""
    problems: tuple[str, ...] = ()


class Output:
    """Where one run writes. `json`: objects on stdout; `mask` removes secrets from every line.

    `log_json`: the log on stderr is JSON, and so is the last message there.
    """

    def __init__(self, *, json: bool, log_json: bool = False, mask: Callable[[str], str] = str) -> None:
        self._json = json
        self._log_json = log_json
        self._mask = mask
        # The status of the last result that could not be written, else 0.
        self.unwritten = 0
        if isinstance(sys.stdout, io.TextIOWrapper):
            # JSON is UTF-8 whatever the terminal is; what a terminal cannot show, it shows escaped.
            sys.stdout.reconfigure(encoding="utf-8" if json else None, errors="backslashreplace")

    def show(self, result: msgspec.Struct, lines: Iterable[str]) -> None:
        """Print a command's result: its lines, or the same as JSON."""
        if self._json:
            self._print(sys.stdout, [encode_json(result)])
        else:
            self._print(sys.stdout, map(escape_controls, lines))

    def fail(self, error: RestoreError) -> int:
        """Print an expected failure with its hint; return its exit status."""
        said = error.problems if isinstance(error, SettingsError) else (str(error),)
        self._say(error.status, said, error.hint)
        problems = said if isinstance(error, SettingsError) else ()
        self._fail_json(Failure(error.status, "; ".join(said), error.hint, problems))
        return error.status

    def tell(self, status: int, problems: Iterable[str]) -> None:
        """Print what is wrong beside a result that was shown all the same."""
        self._say(status, problems)

    def end(self, status: int, sentence: str) -> int:
        """Print that something ended the run from outside; return its exit status."""
        self._say(status, (sentence,))
        self._fail_json(Failure(status, sentence))
        return status

    def report_bug(self, error: Exception) -> int:
        """Print a defect of this program with its traceback; return its exit status."""
        trace = traceback.format_exception(error)
        sentence = f"this is a bug in qdrant-restore ({type(error).__name__}); please report it with the lines above"
        if self._log_json:
            sentence = sentence.replace("the lines above", "its traceback")
        else:
            self._print(sys.stderr, trace, end="")
        self._say(BUG, (sentence,), traceback="".join(trace))
        self._fail_json(Failure(BUG, sentence))
        return BUG

    def _say(self, status: int, said: Iterable[str], hint: str = "", **facts: Fact) -> None:
        """Write to stderr what ended the run: as text, or as one event of the log for each sentence."""
        if not self._log_json:
            lines = [f"error: {escape_controls(sentence)}" for sentence in said]
            self._print(sys.stderr, [*lines, *([f"hint: {escape_controls(hint)}"] if hint else [])])
            return
        now, facts = datetime.now(UTC), {"hint": hint, **facts} if hint else facts
        for sentence in said:
            event = {"status": status, "reason": sentence, **facts}
            self._print(sys.stderr, [render_json(now, "error", "run.failed", event)])

    def _fail_json(self, failure: Failure) -> None:
        if self._json:
            self._print(sys.stdout, [encode_json(failure)])

    def _print(self, stream: TextIO, lines: Iterable[str], *, end: str = "\n") -> None:
        """Write and flush. A reader that has gone (`| head`) changes nothing about what was done."""
        try:
            for line in lines:
                print(self._mask(line), file=stream, end=end)
            stream.flush()
        except (OSError, ValueError) as error:
            # The interpreter flushes once more at its end and would complain then.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                self.unwritten = (
                    SpaceError.status if getattr(error, "errno", None) == errno.ENOSPC else StoreError.status
                )
                self._print(sys.stderr, [f"error: the result could not be written: {error}"])
