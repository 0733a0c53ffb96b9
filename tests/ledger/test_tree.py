"""The hash tree against its definition, and its tiles."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ledger.tree import (
    EMPTY,
    SIZE,
    Tile,
    Tree,
    hash_leaf,
    hash_node,
    missing,
    split,
    subroot,
)

KNOWN = {  # RFC 6962's own, as its first implementations test them: leaves "", 00, 10, 20 21, …
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
}


def defined(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word by word; written here a second time on purpose."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while 2 * left < len(leaves):
        left *= 2
    below = defined(leaves[:left]) + defined(leaves[left:])
    return hashlib.sha256(b"\x01" + below).digest()


def grown(leaves: Sequence[bytes]) -> tuple[Tree, list[Tile]]:
    """A tree of these leaves, and the tiles that became full."""
    tree = Tree()
    return tree, [tile for leaf in leaves for tile in tree.add(leaf)]


def numbered(count: int) -> list[bytes]:
    """Leaves that are all different."""
    return [hash_leaf(str(number)) for number in range(count)]


def test_tree_known_roots() -> None:
    """Roots that others computed: of no leaf, and of one that is empty."""
    tree = Tree()
    assert (tree.root().hex(), EMPTY) == (KNOWN[0], tree.root())

    tree.add(hash_leaf(""))
    assert tree.root().hex() == KNOWN[1]


def test_tree_two_kinds_of_hashes() -> None:
    """A node is never mistaken for a leaf: both are hashed with a mark of their own."""
    left, right = numbered(2)

    assert hash_node(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert hash_leaf("ä") == hashlib.sha256(b"\x00\xc3\xa4").digest()


@settings(deadline=None)
@given(st.lists(st.text(max_size=3), max_size=600))
def test_tree_root_is_defined(texts: list[str]) -> None:
    """SECURITY 10: the root is that of RFC 6962, whatever the leaves."""
    leaves = [hash_leaf(text) for text in texts]
    tree, _ = grown(leaves)

    assert (tree.size, tree.root()) == (len(leaves), defined(leaves))


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_537])
def test_tree_of_any_size(size: int) -> None:
    """Any size gives the defined root, also around full tiles; growing in two steps is the same."""
    leaves = numbered(size)
    tree, _ = grown(leaves[: size // 2])
    copy = tree.copy()
    before = tree.root()
    for leaf in leaves[size // 2 :]:
        copy.add(leaf)

    assert copy.root() == defined(leaves)
    assert (tree.size, tree.root()) == (size // 2, before)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700, 65_536, 66_100])
def test_tree_from_tiles(size: int) -> None:
    """The edge of a tree stands in its tiles and its last leaves."""
    leaves = numbered(size)
    tree, tiles = grown(leaves)
    stored = {(tile.level, tile.number): tile.hashes for tile in tiles}
    edge = [leaves[size - size % 256 :]]
    for level, numbers in missing(size).items():
        edge.append([subroot(split(stored[level - 1, number])) for number in numbers])

    again = Tree(edge)
    assert (again.size, again.root()) == (size, tree.root())
    assert len(tiles) == size // 256 + size // 65_536
    assert all(len(tile.hashes) == 256 * SIZE for tile in tiles)
    assert all(split(tile.hashes) == leaves[tile.number * 256 :][:256] for tile in tiles
               if tile.level == 0)  # fmt: skip
