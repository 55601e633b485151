"""The user's home folder names a person, and records, pages and messages travel: there it is written `~`."""

from __future__ import annotations

import re
from pathlib import Path


def without_home(text: str) -> str:
    """Return a text with the user's home folder written `~`."""
    home = str(Path.home())
    if len(home) < 2:
        return text
    return re.sub(rf"(?<![\w./-]){re.escape(home)}(?=/|\W|$)", "~", text)
