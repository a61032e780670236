"""Byte-level BPE: training, encoding and decoding.

The rules are those that GGUF calls `tokenizer.ggml.pre = "llama-bpe"`: text is first cut
into pieces by a fixed regular expression, the bytes of a piece are written in GPT-2's
printable alphabet, and within a piece the pair with the lowest merge rank is merged
until none is left (leftmost first).  A piece that is itself a token is taken whole.
"""

import heapq
import re
from collections import Counter, defaultdict

BEGIN, END = "<|begin_of_text|>", "<|end_of_text|>"

# \p{L} is [^\W\d_] and \p{N} is \d in Python's `re`; for ASCII text they are the same.
PIECE = re.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|(?:[^\r\n\w]|_)?[^\W\d_]+"
    r"|\d{1,3}"
    r"| ?(?:[^\s\w]|_)+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)


def byte_alphabet():
    """One printable character for each byte value, as GPT-2 chose them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            alphabet[byte] = chr(byte)
        else:
            alphabet[byte] = chr(256 + extra)
            extra += 1
    return alphabet


ALPHABET = byte_alphabet()
BYTE_OF = {character: byte for byte, character in ALPHABET.items()}


def to_alphabet(piece):
    return "".join(ALPHABET[b] for b in piece.encode("utf-8"))


def learn_merges(text, count):
    """The `count` most useful merges, in order.

    Works on distinct pieces with their frequencies.  A heap holds pair counts that may
    be out of date; an entry counts only if it still agrees with the table.
    """
    frequencies = Counter(PIECE.findall(text))
    words = [list(to_alphabet(p)) for p in frequencies]
    weights = list(frequencies.values())
    pairs, places = Counter(), defaultdict(set)
    for w, symbols in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += weights[w]
            places[pair].add(w)
    heap = [(-n, pair) for pair, n in pairs.items()]
    heapq.heapify(heap)
    merges = []
    while len(merges) < count:
        negative, pair = heapq.heappop(heap)
        if pairs[pair] != -negative or negative == 0:
            continue
        merges.append(pair)
        touched = set()
        for w in sorted(places.pop(pair)):
            old = words[w]
            new = merge(old, pair)
            if len(new) == len(old):
                continue
            for p in zip(old, old[1:]):
                pairs[p] -= weights[w]
                touched.add(p)
            for p in zip(new, new[1:]):
                pairs[p] += weights[w]
                places[p].add(w)
                touched.add(p)
            words[w] = new
        for p in touched:
            heapq.heappush(heap, (-pairs[p], p))
    return merges


def merge(symbols, pair):
    """`symbols` with each occurrence of `pair` joined, from left to right."""
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] == pair[0] and symbols[i + 1] == pair[1]:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


class Tokenizer:
    """Bytes first (256), then the merges in order, then the specials, BOS and EOS first."""

    def __init__(self, merges, specials=(BEGIN, END)):
        self.merges = [tuple(m) for m in merges]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.tokens = [ALPHABET[b] for b in range(256)] + [a + b for a, b in self.merges]
        self.ordinary = len(self.tokens)
        self.tokens += specials
        self.id_of = {token: i for i, token in enumerate(self.tokens)}
        if len(self.id_of) != len(self.tokens):
            raise ValueError("two merges give the same token")
        self.bos, self.eos = self.ordinary, self.ordinary + 1
        self.cache = {}

    @classmethod
    def train(cls, text, vocabulary):
        return cls(learn_merges(text, vocabulary - 256 - 2))

    def encode_piece(self, piece):
        ids = self.cache.get(piece)
        if ids is None:
            symbols = to_alphabet(piece)
            if symbols in self.id_of:
                symbols = [symbols]
            else:
                symbols = list(symbols)
                while len(symbols) > 1:
                    best = min(zip(symbols, symbols[1:]), key=lambda p: self.rank.get(p, 1 << 30))
                    if best not in self.rank:
                        break
                    symbols = merge(symbols, best)
            ids = self.cache[piece] = [self.id_of[s] for s in symbols]
        return ids

    def encode(self, text):
        """Token ids of plain text; specials are never made from it."""
        return [i for piece in PIECE.findall(text) for i in self.encode_piece(piece)]

    def decode(self, ids):
        data = bytes(BYTE_OF[c] for i in ids if i < self.ordinary for c in self.tokens[i])
        return data.decode("utf-8", "replace")


if __name__ == "__main__":
    import time
    from corpus import as_text, load_books

    text = "".join(as_text(b.training) for b in load_books())
    for vocabulary in (2048, 3072):
        start = time.time()
        tokenizer = Tokenizer.train(text, vocabulary)
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        print(f"{vocabulary}: {len(text) / len(ids):.3f} characters a token, "
              f"{len(ids)} tokens, {time.time() - start:.1f} s")
