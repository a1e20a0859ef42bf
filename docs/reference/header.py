"""Reads tlspair.h: what is declared there, with its comment, sorted by handle."""

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Item:
    """One declaration and its comment."""

    declaration: str
    comment: str

    @property
    def is_function(self) -> bool:
        return "(" in self.declaration and not self.declaration.startswith(("#", "typedef"))

    @property
    def name(self) -> str:
        for pattern in (r"#define (\w+)", r"typedef void \(\*(\w+)\)", r"(\w+)\(", r"(\w+);"):
            if found := re.search(pattern, self.declaration):
                return found.group(1)
        raise ValueError(self.declaration)

    @property
    def parameters(self) -> dict[str, str]:
        """The type of each."""
        inside = self.declaration[self.declaration.index("(") + 1 : -2]
        each = [re.fullmatch(r"\s*(.*?)(\w+)\s*", part, re.S) for part in inside.split(",")]
        return {part.group(2): part.group(1).strip() for part in each if part.group(1)}

    @property
    def brief(self) -> str:
        return first_sentence(self.comment)


@dataclass
class Topic:
    """A handle, or one of two topics that are none, and what belongs to it."""

    name: str
    about: str
    items: list[Item] = field(default_factory=list)

    @property
    def functions(self) -> list[Item]:
        return [item for item in self.items if item.is_function]

    @property
    def others(self) -> list[Item]:
        return [item for item in self.items if not item.is_function]


def first_sentence(text: str) -> str:
    """Without its full stop and without marks."""
    sentence = re.split(r"(?<=[.:?])\s+(?=[A-Z0-9`])|\n\n", text)[0]
    return " ".join(sentence.rstrip(".:").replace("`", "").split())


def without_stars(comment: str) -> str:
    return re.sub(r"^ \* ?", "", comment, flags=re.M).strip()


def read(path: Path) -> tuple[str, list[Item]]:
    """The comment at the head, and all that is declared with a comment, which every function must be."""
    text = path.read_text()
    declared = r"(#define [^\n]*|(?:TLS_API|typedef)\s[^;]*;)"
    items = [
        Item(match.group(2).removeprefix("TLS_API").strip(), without_stars(match.group(1)))
        for match in re.finditer(rf"/\*\*((?:(?!\*/).)*)\*/\n{declared}", text, re.S)
    ]
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    if missing := set(re.findall(r"\b(tls_\w+)\(", code)) - {item.name for item in items}:
        raise SystemExit(f"{path}: without a comment: {', '.join(sorted(missing))}")
    head = without_stars(re.search(r"/\*\*(.*?)\*/", text, re.S).group(1))
    # What is said of the file is of no use elsewhere.
    kept = [part for part in head.split("\n\n") if not part.startswith(("@file ", "This file "))]
    return "\n\n".join(kept), items


def sort_into_topics(head: str, items: list[Item]) -> list[Topic]:
    """What carries a handle's name, or returns that handle, belongs to it."""
    topics = {"tlspair": Topic("tlspair", head)}
    for item in items:
        if item.name == "tls_status" or item.declaration.startswith("typedef struct"):
            topics[item.name] = Topic(item.name, item.comment)
    for item in items:
        if item.name in topics:
            continue
        carried = [name for name in topics if item.name.startswith(name + "_")]
        returned = re.match(r"(?:const )?(\w+) \*", item.declaration)
        if carried:
            name = max(carried, key=len)
        elif item.name.startswith(("TLS_ERR_", "TLS_OK", "TLS_FULL")):
            name = "tls_status"
        elif returned and returned.group(1) in topics:
            name = returned.group(1)
        else:
            name = "tlspair"
        topics[name].items.append(item)
    return list(topics.values())
