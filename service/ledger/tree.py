"""The hash tree that seals the ledger, as RFC 6962 defines it; pure.

Leaves are numbered from 0 here; a change's `seq` is its leaf's number plus one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

WIDTH: Final = 256  # hashes in a full tile; eight levels of the tree
SIZE: Final = 32  # bytes of a hash
EMPTY: Final = hashlib.sha256().digest()  # the root of a tree without leaves


class Tile(NamedTuple):
    """256 neighbouring nodes: level 0 holds leaves, level 1 roots of 256 leaves, and so on."""

    level: int
    number: int
    hashes: bytes


def hash_leaf(canon: str) -> bytes:
    """The leaf of a change: of the text that is stored, never of what it means."""
    return hashlib.sha256(b"\x00" + canon.encode()).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """A node above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The right edge of the tree: of each level the nodes that no full tile holds yet.

    So memory is bounded by the tree's height, and a root costs the same at any size.
    """

    def __init__(self, edge: Sequence[Sequence[bytes]] = ()) -> None:
        """A tree with this edge, the leaves' level first; empty without one."""
        self.edge = [list(level) for level in edge]
        self.size: int = sum(len(nodes) * WIDTH**level for level, nodes in enumerate(self.edge))

    def copy(self) -> "Tree":
        """One that may grow by itself."""
        return Tree(self.edge)

    def add(self, leaf: bytes) -> list[Tile]:
        """Append a leaf; answers the tiles that are full now, the leaves' one first."""
        full: list[Tile] = []
        node, index = leaf, self.size
        self.size += 1
        for level in range(len(self.edge) + 1):
            if level == len(self.edge):
                self.edge.append([])
            nodes = self.edge[level]
            nodes.append(node)
            index //= WIDTH
            if len(nodes) < WIDTH:
                break
            full.append(Tile(level, index, b"".join(nodes)))
            node = subroot(nodes)
            nodes.clear()
        return full

    def root(self) -> bytes:
        """The root that a checkpoint states."""
        peaks = [peak for nodes in reversed(self.edge) for peak in _peaks(nodes)]
        if not peaks:
            return EMPTY
        root = peaks.pop()
        while peaks:
            root = hash_node(peaks.pop(), root)
        return root


def missing(size: int) -> Mapping[int, range]:
    """Of a tree of this size: for each level above the leaves, the tiles below its edge.

    A node of level `n` is the root of the full tile of level `n - 1` with the same index.
    """
    levels = range(1, size.bit_length() // 8 + 2)
    whole = {level: size // WIDTH**level for level in levels}
    return {level: range(count // WIDTH * WIDTH, count) for level, count in whole.items() if count}


def split(hashes: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [hashes[place : place + SIZE] for place in range(0, len(hashes), SIZE)]


def subroot(nodes: Sequence[bytes]) -> bytes:
    """The node above a power of two of neighbours."""
    while len(nodes) > 1:
        pairs = zip(nodes[::2], nodes[1::2], strict=True)
        nodes = [hash_node(left, right) for left, right in pairs]
    return nodes[0]


def _peaks(nodes: Sequence[bytes]) -> Iterator[bytes]:
    """The roots of the largest complete trees that cover the nodes, from the left."""
    begin = 0
    for power in (1 << bit for bit in reversed(range(len(nodes).bit_length()))):
        if len(nodes) & power:
            yield subroot(nodes[begin : begin + power])
            begin += power
