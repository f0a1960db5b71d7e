#!/usr/bin/env python3
"""Checks a log, or proofs about one, without any code of the program that wrote it.

  verify.py log FOLDER... KEY                 the events give the root that was signed, then and earlier
  verify.py proof FILE EVENT... KEY           an event is in the log (EVENT `-`: it is the `extra` of FILE)
  verify.py consistency FILE OLD... KEY       the log still begins with what it was at an older checkpoint

Written from RFC 6962 (the tree) and from signed-note, tlog-checkpoint, tlog-proof and tlog-witness of C2SP (the files).
Needs Python 3.9 and `cryptography`. It prints one line for each thing it was asked about: `ok: ...`, or on stderr why not.
Exit 0: all is well. Exit 1: something is refused. Exit 2: it was asked wrongly.

What it cannot tell: whether there is a newer checkpoint, and whether others were shown another log under the same key.
"""

import base64
import hashlib
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_SIGNATURES = 16  # as many as every reader of notes must take
MAX_HASHES = 63  # more than the longest proof there can be


class Refused(Exception):
    """What is wrong, in one line."""


def require(holds, reason):
    if not holds:
        raise Refused(reason)


# --- The tree (RFC 6962, section 2.1) ---


def leaf_hash(event):
    return hashlib.sha256(b"\x00" + event).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots_of(events, sizes):
    """The root at each of these sizes, in one pass over the events."""
    roots = {0: hashlib.sha256(b"").digest()}
    subtrees = []  # the roots of the complete subtrees so far, largest first
    for size, event in enumerate(events, start=1):
        subtrees.append(leaf_hash(event))
        completed = size
        while completed % 2 == 0:  # every halving without rest joins the last two subtrees
            right = subtrees.pop()
            subtrees.append(node_hash(subtrees.pop(), right))
            completed //= 2
        if size in sizes:
            root = subtrees[-1]
            for left in reversed(subtrees[:-1]):
                root = node_hash(left, root)
            roots[size] = root
    return roots


def split_of(size):
    """The largest power of two below a size: where a tree of more than one leaf is parted."""
    return 1 << (size - 1).bit_length() - 1


def root_by_path(index, size, leaf, path):
    """The root that a leaf and its audit path give (2.1.1 read backwards)."""
    if size == 1 and not path:
        return leaf
    require(size > 1 and path, "the proof does not lead to the root")
    *rest, sibling = path
    split = split_of(size)
    if index < split:
        return node_hash(root_by_path(index, split, leaf, rest), sibling)
    return node_hash(sibling, root_by_path(index - split, size - split, leaf, rest))


def roots_by_proof(old, size, proof, old_root, is_whole):
    """The old and the new root that a consistency proof gives (2.1.2 read backwards)."""
    if old == size and is_whole and not proof:
        return old_root, old_root  # whoever checks knows the old tree as a whole by its root
    if old == size and not is_whole and len(proof) == 1:
        return proof[0], proof[0]
    require(old < size and proof, "the proof does not lead to the root")
    *rest, sibling = proof
    split = split_of(size)
    if old <= split:
        before, after = roots_by_proof(old, split, rest, old_root, is_whole)
        return before, node_hash(after, sibling)
    before, after = roots_by_proof(old - split, size - split, rest, old_root, False)
    return node_hash(sibling, before), node_hash(sibling, after)


# --- The files (C2SP) ---


def read_base64(text):
    """Only the one text that these bytes have: no spaces, no missing padding, no spare bits."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("base64 that is not canonical") from None
    require(base64.b64encode(raw).decode() == text, "base64 that is not canonical")
    return raw


def read_hash(text):
    raw = read_base64(text)
    require(len(raw) == 32, "a hash that is not 32 bytes")
    return raw


def read_count(text):
    require(re.fullmatch(r"0|[1-9][0-9]{0,15}", text), "a number that is not plain decimal")
    return int(text)


def read_text(raw, reason):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(reason) from None


def read_key(raw):
    """A verifier key: name, `+`, eight digits of the key's id, `+`, base64 of the kind (1: Ed25519) and the key."""
    reason = "the key is not one line of name, id and key"
    match = re.fullmatch(r"([^+\n]+)\+([0-9a-f]{8})\+([^\n]+)\n?", read_text(raw, reason))
    require(match and not re.search(r"\s", match[1]), reason)
    name, kind_and_key = match[1], read_base64(match[3])
    require(len(kind_and_key) == 33 and kind_and_key[0] == 1, "the key is no Ed25519 key")
    key_id = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4]
    require(key_id.hex() == match[2], "the key's id is not its own")
    return name, key_id, Ed25519PublicKey.from_public_bytes(kind_and_key[1:])


def open_checkpoint(raw, key):
    """Size and root of a checkpoint that this key has signed for the log of its own name."""
    name, key_id, public_key = key
    malformed = "the checkpoint is no signed note"
    note = read_text(raw, malformed)
    text, blank, signatures = note.rpartition("\n\n")
    require(blank and signatures.endswith("\n") and not re.search(r"[\0-\x09\x0b-\x1f]", note), malformed)
    text += "\n"
    lines = signatures[:-1].split("\n")
    require(len(lines) <= MAX_SIGNATURES, "the checkpoint has more than 16 signatures")
    is_signed = False
    for line in lines:
        dash, *fields = line.split(" ")
        require(dash == "\u2014" and len(fields) == 2 and not re.search(r"^$|\s|\+", fields[0]), malformed)
        signature = read_base64(fields[1])
        require(len(signature) > 4, malformed)
        if fields[0] != name or signature[:4] != key_id:
            continue  # Others may sign too: we do not know their keys, and what they say counts for nothing.
        try:
            public_key.verify(signature[4:], text.encode())
        except InvalidSignature:
            raise Refused("the checkpoint's signature is wrong") from None
        is_signed = True
    require(is_signed, "the checkpoint is not signed by the key")
    fields = text.split("\n")
    # This log writes no extension lines: whoever adds one says something that nobody checks.
    require(len(fields) == 4, "the checkpoint is not three lines of origin, size and root")
    require(fields[0] == name, "the checkpoint is of another log")
    return read_count(fields[1]), read_hash(fields[2])


def split_proof(raw):
    """The lines before the first empty one, and the checkpoint after it."""
    head, blank, checkpoint = raw.partition(b"\n\n")
    require(blank, "the proof has no checkpoint")
    return read_text(head, "the proof is not UTF-8").split("\n"), checkpoint


def read_field(lines, name):
    field, space, value = (lines.pop(0) if lines else "").partition(" ")
    require(field == name and space, f"the proof has no line `{name}` where it must be")
    return value


def read_hashes(lines):
    require(len(lines) <= MAX_HASHES, "the proof has more hashes than a tree has levels")
    return [read_hash(line) for line in lines]


# --- What can be asked ---


def check_log(folder, key):
    folder = Path(folder)
    size, root = open_checkpoint((folder / "checkpoint").read_bytes(), key)
    raw = (folder / "events.jsonl").read_bytes()
    require(not raw or raw.endswith(b"\n"), "the last event does not end in a newline")
    # Bytes as they are: an event is never parsed, so nothing can be hidden in how it is.
    events = raw.split(b"\n")[:-1]
    require(len(events) == size, f"the log has {len(events)} events, its checkpoint {size}")
    files = sorted((folder / "checkpoints").iterdir()) if (folder / "checkpoints").exists() else []
    earlier = {path.name: open_checkpoint(path.read_bytes(), key) for path in files}
    roots = roots_of(events, {size, *(then for then, _ in earlier.values())})
    require(roots[size] == root, "the events do not give the root of the checkpoint")
    for name, (then, root_then) in earlier.items():
        require(then <= size, f"{name} has {then} events, the log only {size}")
        require(roots[then] == root_then, f"the first {then} events do not give the root of {name}")
    return f"{size} events, {len(earlier)} earlier checkpoints"


def check_proof(file, event, key):
    lines, checkpoint = split_proof(Path(file).read_bytes())
    require(lines.pop(0) == "c2sp.org/tlog-proof@v1", "the proof is of an unknown kind")
    carried = read_base64(read_field(lines, "extra")) if lines and lines[0].startswith("extra ") else None
    index = read_count(read_field(lines, "index"))
    path = read_hashes(lines)
    size, root = open_checkpoint(checkpoint, key)
    entry = carried if event == "-" else Path(event).read_bytes()
    require(entry is not None, "the proof does not carry its event")
    require(index < size, f"a log of {size} events has none at {index}")
    require(root_by_path(index, size, leaf_hash(entry), path) == root, "the proof does not lead to the root")
    return f"event {index} of {size}"


def check_consistency(file, old, key):
    lines, checkpoint = split_proof(Path(file).read_bytes())
    start = read_count(read_field(lines, "old"))
    proof = read_hashes(lines)
    size, root = open_checkpoint(checkpoint, key)
    old_size, old_root = open_checkpoint(Path(old).read_bytes(), key)
    require(start == old_size, f"the proof is from {start} events, the older checkpoint has {old_size}")
    # Every log begins with the empty one: it would be accepted and show nothing.
    require(old_size > 0, "nothing can be shown from a log without events")
    require(old_size <= size, f"the older checkpoint has {old_size} events, the newer only {size}")
    roots = roots_by_proof(old_size, size, proof, old_root, True)
    require(roots == (old_root, root), "the proof does not lead to the root")
    return f"{size} events begin with the {old_size} of then"


CHECKS = {"log": (check_log, 1), "proof": (check_proof, 2), "consistency": (check_consistency, 2)}


def verdict(check, asked, key_file):
    """Prints whether one thing is well."""
    try:
        print(f"ok: {asked[0]}: {check(*asked, read_key(Path(key_file).read_bytes()))}")
        return True
    except Refused as refusal:
        reason = refusal
    except OSError as failure:
        reason = f"`{failure.filename}` cannot be read"
    print(f"{asked[0]}: {reason}", file=sys.stderr)
    return False


def main(verb=None, *given):
    check, width = CHECKS.get(verb, (None, 1))
    if check is None or len(given) < width + 1 or (len(given) - 1) % width != 0:
        print("usage: verify.py log FOLDER... KEY | proof FILE EVENT... KEY | consistency FILE OLD... KEY", file=sys.stderr)
        return 2
    verdicts = [verdict(check, given[at : at + width], given[-1]) for at in range(0, len(given) - 1, width)]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
