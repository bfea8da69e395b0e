"""URLs that may hold a password: what of them may be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote

_IN_QUERY = re.compile(r"(?<=[?&])[^=&]*password[^=&]*=([^&]*)&?", re.IGNORECASE)


def without_password(url: str) -> str:
    """`url` as people, logs and reports may see it: without its password, wherever that is written."""
    url = _IN_QUERY.sub("", url).rstrip("?&")
    head, at, tail = url.rpartition("@")
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.partition(':')[0]}@{tail}" if at else url


def without_passwords(text: str, url: str) -> str:
    """Somebody else's message about `url`, with ``***`` for its passwords, as they are written and as meant."""
    head, at, _ = _IN_QUERY.sub("", url).rpartition("@")
    written = [head.partition("://")[2].partition(":")[2]] if at else []
    for secret in filter(None, [*written, *_IN_QUERY.findall(url)]):
        text = text.replace(secret, "***").replace(unquote(secret), "***")
    return text
