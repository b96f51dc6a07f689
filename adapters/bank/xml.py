"""Reading XML that others sent, and writing ours: hardened, and the only place that imports lxml here.

A parser told not to resolve entities still accepts a document type declaration, so any DOCTYPE is refused before the
parser sees it and once more after (sheet "bank-direct" section 6). UTF-8 only: what the XML declaration claims is
not followed, so no other encoding can hide a declaration from the first look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

MESSAGE_MAX_BYTES = 1024 * 1024
STATEMENT_MAX_BYTES = 64 * 1024 * 1024
DEPTH_MAX = 32

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"


class XmlRefused(Exception):
    """Not a document we read. `code` is `reject_doctype`, `reject_size` or `reject_xml`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Node:
    """One element, read by local names inside one namespace."""

    element: etree._Element
    namespace: str

    @property
    def name(self) -> str:
        return etree.QName(self.element).localname

    def one(self, path: str) -> Node | None:
        """The element at `path` (`GrpHdr/MsgId`), or None.

        Raises:
            XmlRefused: there are two: one reader could believe this one, another that one.
        """
        found = self.element.findall(self._expand(path))
        if len(found) > 1:
            raise XmlRefused("reject_xml", f"{path} stands there {len(found)} times")
        return Node(found[0], self.namespace) if found else None

    def all(self, path: str) -> list[Node]:
        return [Node(found, self.namespace) for found in self.element.findall(self._expand(path))]

    def text(self, path: str = "") -> str | None:
        """The text at `path`, trimmed; None when the element is missing or empty."""
        node = self.one(path) if path else self
        return None if node is None else (node.element.text or "").strip() or None

    def attribute(self, name: str) -> str | None:
        value = self.element.get(name)
        return None if value is None else str(value)

    def children(self) -> Iterator[Node]:
        """Child elements in order; comments and processing instructions are not elements."""
        for child in self.element:
            if isinstance(child.tag, str):
                yield Node(child, self.namespace)

    def _expand(self, path: str) -> str:
        return "/".join(f"{{{self.namespace}}}{name}" for name in path.split("/"))


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed ISO 20022 document: which message it is (`pain.002.001.10`), and its one message element."""

    message: str
    root: Node
    body: Node


def parse(data: bytes, max_bytes: int = MESSAGE_MAX_BYTES) -> Document:
    """Read one document.

    Raises:
        XmlRefused: too long, too deep, a DOCTYPE, not UTF-8, not XML, or not an ISO 20022 document.
    """
    if len(data) > max_bytes:
        raise XmlRefused("reject_size", f"longer than {max_bytes} bytes")
    root = _parse(data)
    name = etree.QName(root)
    if name.localname != "Document" or not (name.namespace or "").startswith(_NAMESPACE):
        raise XmlRefused("reject_xml", "not an ISO 20022 document")
    node = Node(root, name.namespace or "")
    bodies = list(node.children())
    if len(bodies) != 1:
        raise XmlRefused("reject_xml", f"{len(bodies)} messages in one document")
    return Document(node.namespace.removeprefix(_NAMESPACE), node, bodies[0])


def _parse(data: bytes) -> etree._Element:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise XmlRefused("reject_xml", "not UTF-8") from error
    if "<!DOCTYPE" in text:
        raise XmlRefused("reject_doctype", "a document type declaration")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise XmlRefused("reject_xml", f"not well-formed: {str(error)[:200]}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("reject_doctype", "a document type declaration")
    _check_depth(root)
    return root


def _check_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEPTH_MAX:
            raise XmlRefused("reject_size", f"deeper than {DEPTH_MAX} elements")


Leaf = str
Tree = tuple[str, "Leaf | tuple[Tree, ...] | Money"]
"""What we write: an element's name with its text, its children in order, or an amount."""


@dataclass(frozen=True, slots=True)
class Money:
    """The text of an amount element and its `Ccy` attribute."""

    text: str
    currency: str


def write(message: str, body: Tree) -> bytes:
    """The exact bytes of a document: UTF-8, default namespace, no prefixes, no indentation."""
    namespace = _NAMESPACE + message
    root = etree.Element(f"{{{namespace}}}Document", nsmap={None: namespace})
    _append(root, namespace, body)
    text = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _append(parent: etree._Element, namespace: str, tree: Tree) -> None:
    name, content = tree
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    if isinstance(content, Money):
        element.text = content.text
        element.set("Ccy", content.currency)
    elif isinstance(content, str):
        element.text = content
    else:
        for child in content:
            _append(element, namespace, child)
