"""Pages for a browser: nothing is loaded from anywhere, light or dark as the reader has it."""

from collections.abc import Iterable, Sequence
from html import escape

from tools.picture import STYLE, Picture

_STYLE = (
    """
:root{color-scheme:light dark;--page:#f3f5f7;--paper:#fff;--ink:#1b2733;--muted:#63707e;--edge:#d5dce3;--good:#0b7285}
@media(prefers-color-scheme:dark){:root{--page:#0d1217;--paper:#171d24;--ink:#e6ebf0;--muted:#93a1af;--edge:#323d49;
--good:#22b8cf}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,
sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:18px;margin:40px 0 12px}
p{margin:4px 0;color:var(--muted)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0}
.tile{background:var(--paper);border:1px solid var(--edge);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:25px;font-weight:650;letter-spacing:-.01em;color:var(--good)}
.tile span{color:var(--muted);font-size:13px}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px}
figure{margin:0;border:1px solid var(--edge);border-radius:10px;background:var(--paper);overflow-x:auto}
figure svg{display:block;width:100%;min-width:560px;height:auto}
.scroll{overflow-x:auto;background:var(--paper);border:1px solid var(--edge);border-radius:10px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{padding:8px 12px;text-align:right;white-space:nowrap;border-top:1px solid var(--edge)}
th{color:var(--muted);font-weight:500;border-top:0;vertical-align:bottom;white-space:normal}
th:first-child,td:first-child{font-weight:600}.words{text-align:left}tr.all td{font-weight:650}tr.shadow td{opacity:.65}
dt{font-weight:600;margin-top:10px}dd{margin:0;color:var(--muted);max-width:80ch}
"""
    + STYLE
)


def page_of(title: str, lines: Iterable[str], body: Iterable[str]) -> str:
    """Return a page.

    Args:
        title: Its title and head.
        lines: Lines below the head, as text.
        body: Its parts, as HTML.
    """
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>
<h1>{escape(title)}</h1>
{"".join(f"<p>{escape(line)}</p>" for line in lines)}
{"".join(body)}
</main></body></html>
"""


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Return figures in large type, each with its name."""
    shown = (f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in figures)
    return f'<div class="tiles">{"".join(shown)}</div>'


def figures(pictures: Iterable[Picture]) -> str:
    """Return pictures side by side."""
    return f'<div class="pictures">{"".join(f"<figure>{each.svg(alone=False)}</figure>" for each in pictures)}</div>'


def heading(words: str) -> str:
    """Return the head of a section."""
    return f"<h2>{escape(words)}</h2>"


def table(columns: Sequence[str], rows: Iterable[tuple[Sequence[str], str]], *, words: int = 1) -> str:
    """Return a table.

    Args:
        columns: Its heads.
        rows: The cells of each row, and its CSS class.
        words: Number of first columns that have words and not figures.
    """

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=words' if at < words else ''}>{escape(cell)}</{tag}>" for at, cell in enumerate(cells)
        )

    head = line("th", columns)
    body = "".join(f"<tr{f' class={kind}' if kind else ''}>{line('td', cells)}</tr>" for cells, kind in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
