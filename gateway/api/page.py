"""HTML without a template engine: a page with its own style sheet and nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from gateway.api.responses import Bare, answer

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;border-bottom:1px solid #8884}
code,pre{font:14px/1.4 ui-monospace,monospace;background:#8882;border-radius:3px;padding:0 .25em}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8883}
.method{font-weight:700;margin-right:.5em}
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page(title: str, body: str) -> Bare:
    """A whole page. `body` is HTML already; `title` is text."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return answer(200, html.encode(), "text/html; charset=utf-8", headers)


def element(tag: str, text: object, css: str = "") -> str:
    """One element around text, which is escaped."""
    attribute = f' class="{escape(css)}"' if css else ""
    return f"<{tag}{attribute}>{escape(str(text))}</{tag}>"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table whose cells are HTML already; nothing for no rows."""
    if not rows:
        return ""
    top = "".join(element("th", name) for name in head)
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{cells}</table>"
