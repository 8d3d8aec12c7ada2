"""Lines as a document may write them: a list, a group by name, or each as one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl


def named_lines(lines: object) -> object:
    """A group of lines by name, as a list of lines that know their names."""
    if not isinstance(lines, Mapping):
        return lines
    return [_line(name, line) for name, line in lines.items()]


def line_names(lines: object) -> Sequence[str]:
    """What the lines of a document are called, or would be."""
    match lines:
        case Mapping():
            return [str(name) for name in lines]
        case list():
            return [
                str(line.get("name", at)) if isinstance(line, Mapping) else str(at)
                for at, line in enumerate(lines)
            ]
        case _:
            return ()


def _line(name: object, line: object) -> object:
    """A line that is text is its port, with the rest as a query: `/dev/ttyS1?driver=tdl1&address=2`.

    A nucleus lite has room for some twenty lines as groups, and for a hundred as texts.
    """
    if isinstance(line, Mapping):
        return {"name": name} | dict(line)
    if not isinstance(line, str):
        return line
    port, _, query = line.partition("?")
    options: dict[str, str] = dict(parse_qsl(query, keep_blank_values=True))
    own: dict[str, str] = {key: options.pop(key) for key in ("driver", "subject") if key in options}
    if "marks" in options:  # the port's own
        port = f"{port}?marks={options.pop('marks')}"
    return {"name": name, "port": port, "options": options, **own}
