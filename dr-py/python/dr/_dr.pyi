"""The native half: verbs by name, requests and answers as JSON. For `dr` alone."""

from collections.abc import Callable
from os import PathLike
from typing import Optional, final

__all__ = ["Call", "check_recipient", "check_repository", "generate", "resolve", "start", "version"]

version: str

@final
class Call:
    """A verb at work. Letting go of it stops it."""

    def wait(self, seconds: float) -> None:
        """Waits, without holding the interpreter, until there is something new."""
    def stop(self) -> None:
        """Asks the verb to stop."""
    def has_ended(self) -> bool:
        """Whether it has ended, well or ill."""
    def ended(self) -> Optional[tuple[bool, str]]:
        """Whether it went well, and the result or the error as JSON; told once."""
    def events(self) -> Optional[str]:
        """What it has told since it was asked last, as a JSON list."""
    def columns(self) -> Optional[tuple[list[str], str]]:
        """The columns of the rows that follow, and their encoding."""
    def batch(self, codec: Optional[str] = None) -> Optional[list[tuple[object, ...]]]:
        """The next rows, if some wait."""

def start(verb: str, request: object, wake: Optional[Callable[[], object]] = None) -> Call: ...
def generate(path: str | PathLike[str]) -> tuple[bool, str]: ...
def check_recipient(text: str) -> tuple[bool, str]: ...
def check_repository(location: str) -> tuple[bool, str]: ...
def resolve(text: str) -> tuple[bool, str]: ...
