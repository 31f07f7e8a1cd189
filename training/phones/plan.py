"""Compiles the numbering plans of all calling codes into the automaton that `tg-text` embeds.

Reads the metadata of Google's libphonenumber (Apache-2.0), `PhoneNumberMetadata.xml`, and writes `phones.bin`:

    u16 number of states, then for each state: 10 x u16 next state by digit (0: no such number), u16 1 where a number may end

all little-endian; state 1 is the start, before the first digit of the calling code.

    python3 training/phones/plan.py PhoneNumberMetadata.xml crates/tg-text/src/pii/phone/phones.bin
"""

import struct
import sys
import xml.etree.ElementTree as ET

try:
    from re import _parser as sre
except ImportError:  # before Python 3.11
    import sre_parse as sre

KINDS = ["fixedLine", "mobile", "tollFree", "premiumRate", "sharedCost", "personalNumber", "voip", "uan", "pager"]


class Nfa:
    def __init__(self):
        self.moves = []
        self.free = []

    def state(self):
        self.moves.append([])
        self.free.append([])
        return len(self.moves) - 1

    def digits(self, start, digits):
        end = self.state()
        self.moves[start].append((frozenset(digits), end))
        return end

    def add(self, tree, at):
        """Adds a parsed expression after a state; gives the state behind it."""
        for op, arg in tree:
            name = str(op)
            if name == "LITERAL":
                at = self.digits(at, [int(chr(arg))])
            elif name == "IN":
                at = self.digits(at, members(arg))
            elif name == "SUBPATTERN":
                at = self.add(arg[-1], at)
            elif name == "BRANCH":
                end = self.state()
                for branch in arg[1]:
                    self.free[self.add(branch, at)].append(end)
                at = end
            elif name == "MAX_REPEAT":
                least, most, what = arg
                for _ in range(least):
                    at = self.add(what, at)
                end = self.state()
                for _ in range(most - least):
                    self.free[at].append(end)
                    at = self.add(what, at)
                self.free[at].append(end)
                at = end
            else:
                raise SystemExit(f"an expression has {name}, which this does not know")
        return at


def members(parts):
    found = set()
    for op, arg in parts:
        name = str(op)
        if name == "LITERAL":
            found.add(int(chr(arg)))
        elif name == "RANGE":
            found.update(range(int(chr(arg[0])), int(chr(arg[1])) + 1))
        elif name == "CATEGORY":
            found.update(range(10))
        else:
            raise SystemExit(f"a class has {name}")
    return found


def deterministic(nfa, start, accepting):
    def closure(states):
        stack, seen = list(states), set(states)
        while stack:
            for after in nfa.free[stack.pop()]:
                if after not in seen:
                    seen.add(after)
                    stack.append(after)
        return frozenset(seen)

    first = closure([start])
    index, rows, todo = {first: 0}, [], [first]
    while todo:
        states = todo.pop(0)
        row = []
        for digit in range(10):
            after = closure([to for s in states for on, to in nfa.moves[s] if digit in on])
            if not after:
                row.append(-1)
                continue
            if after not in index:
                index[after] = len(index)
                todo.append(after)
            row.append(index[after])
        rows.append((row, any(s in accepting for s in states)))
    return rows


def smallest(rows):
    block = [1 if accept else 0 for _, accept in rows]
    while True:
        keys, after = {}, []
        for number, (row, _) in enumerate(rows):
            key = (block[number], tuple(-1 if to < 0 else block[to] for to in row))
            after.append(keys.setdefault(key, len(keys)))
        if len(keys) == len(set(block)):
            break
        block = after
    made = {}
    for number, (row, accept) in enumerate(rows):
        made.setdefault(block[number], ([-1 if to < 0 else block[to] for to in row], accept))
    return made, block[0]


def main(source, target):
    nfa, accepting = Nfa(), set()
    start = nfa.state()
    for territory in ET.parse(source).getroot().iter("territory"):
        for kind in KINDS:
            node = territory.find(kind)
            if node is None:
                continue
            if node.find("possibleLengths").get("national") == "-1":
                continue
            pattern = "".join(node.find("nationalNumberPattern").text.split())
            at = start
            for digit in territory.get("countryCode"):
                at = nfa.digits(at, [int(digit)])
            accepting.add(nfa.add(sre.parse(pattern), at))
    rows, first = smallest(deterministic(nfa, start, accepting))
    order, todo = {first: 1}, [first]
    while todo:
        for to in rows[todo.pop(0)][0]:
            if to >= 0 and to not in order:
                order[to] = len(order) + 1
                todo.append(to)
    dead = [0] * 11
    table = [dead] + [None] * len(order)
    for block, number in order.items():
        row, accept = rows[block]
        table[number] = [order[to] if to >= 0 else 0 for to in row] + [int(accept)]
    with open(target, "wb") as out:
        out.write(struct.pack("<H", len(table)))
        for row in table:
            out.write(struct.pack("<11H", *row))
    print(len(table), "states")


main(sys.argv[1], sys.argv[2])
