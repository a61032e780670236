"""The training text: public-domain English prose, taken from Debian packages.

Six novels by Jane Austen come with `r-cran-janeaustenr`, and Moby-Dick by Herman
Melville with `r-cran-tokenizers`.  R keeps such data in a "lazy-load" file: a row of
records, each a 4-byte big-endian size and a zlib stream of R's XDR serialisation.  Only
character vectors matter here, so the reader below knows just enough of that
serialisation to find them.

The books come as lines of about 70 characters.  A model should not waste its few bits on
where a printer broke the lines, so paragraphs are joined into one line each and separated
by one empty line.  Typographic characters are reduced to ASCII and the underscores that
mark italics are dropped.

The last 3 % of each book (whole paragraphs) are never trained on.
"""

import os
import re
import struct
import unicodedata
import zlib

R_LIBRARY = "/usr/lib/R/site-library"
AUSTEN = f"{R_LIBRARY}/janeaustenr/data/Rdata.rdb"
MELVILLE = f"{R_LIBRARY}/tokenizers/data/Rdata.rdb"
HELD_OUT_FRACTION = 0.03


# ---- R's lazy-load data ---------------------------------------------------------------

def lazy_load_records(path):
    """Yields the unpacked records of an .rdb file."""
    with open(path, "rb") as f:
        data = f.read()
    while data:
        stream = zlib.decompressobj()
        yield stream.decompress(data[4:])
        data = stream.unused_data


class XdrReader:
    """Reads one R object and keeps every character vector met on the way."""

    NIL, GLOBAL_ENV, REFERENCE = 254, 253, 255
    SYMBOL, PAIRLIST, CHAR, LOGICAL, INTEGER, REAL, STRING, LIST = 1, 2, 9, 10, 13, 14, 16, 19

    def __init__(self, data):
        if data[:2] != b"X\n":
            raise ValueError("not an XDR serialisation")
        self.data, self.at = data, 2
        self.character_vectors = []
        version = self.u32()
        self.skip(8)  # the R versions that wrote it and that can read it
        if version >= 3:
            self.skip(self.u32())  # native encoding

    def u32(self):
        (value,) = struct.unpack_from(">I", self.data, self.at)
        self.at += 4
        return value

    def skip(self, size):
        self.at += size

    def item(self):
        flags = self.u32()
        kind, has_attributes, has_tag = flags & 255, flags & 0x200, flags & 0x400
        if kind in (self.NIL, self.GLOBAL_ENV, self.REFERENCE):
            return None
        if kind == self.SYMBOL:
            return self.item()
        if kind == self.PAIRLIST:
            if has_attributes:
                self.item()
            if has_tag:
                self.item()
            self.item()
            return self.item()
        if kind == self.CHAR:
            length = self.u32()
            if length == 0xFFFFFFFF:  # NA
                return ""
            text = self.data[self.at : self.at + length].decode("utf-8", "replace")
            self.at += length
            return text
        if kind in (self.LOGICAL, self.INTEGER):
            self.skip(4 * self.u32())
            value = None
        elif kind == self.REAL:
            self.skip(8 * self.u32())
            value = None
        elif kind in (self.STRING, self.LIST):
            value = [self.item() for _ in range(self.u32())]
            if kind == self.STRING:
                self.character_vectors.append(value)
        else:
            raise ValueError(f"R object of type {kind} is not expected here")
        if has_attributes:
            self.item()
        return value


def books_in(path, at_least=1000):
    """The long character vectors of an .rdb file, that is, its books as lists of lines."""
    books = []
    for record in lazy_load_records(path):
        reader = XdrReader(record)
        reader.item()
        books += [v for v in reader.character_vectors if sum(map(len, v)) >= 100 * at_least]
    return books


# ---- clean text -----------------------------------------------------------------------

REPLACEMENTS = {
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": "--", "\u2013": "-",
    "\u2026": "...", "\u00e6": "ae", "\u00c6": "AE", "\u0153": "oe", "\u0152": "OE",
    "\u00a0": " ", "\u00a3": "L", "\ufeff": "", "_": "", "\t": " ",
}


def to_ascii(text):
    for old, new in REPLACEMENTS.items():
        text = text.replace(old, new)
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def paragraphs_of(lines):
    """Joins wrapped lines; an empty line ends a paragraph."""
    text = to_ascii("\n".join(lines))
    found = []
    for block in re.split(r"\n\s*\n", text):
        paragraph = " ".join(block.split())
        if paragraph:
            found.append(paragraph)
    return found


def without_frame(lines):
    """Drops what is not the author's: a Project Gutenberg header and footer, and the
    editor's note at the end of one edition."""
    start, end = 0, len(lines)
    for i, line in enumerate(lines):
        if re.match(r"\*\*\*\s*START OF", line):
            start = i + 1
        if re.match(r"\*\*\*\s*END OF|End of (the )?Project Gutenberg|A NOTE ON THE TEXT", line):
            end = i
            break
    return lines[start:end]


class Book:
    """Paragraphs to train on, and those held out."""

    def __init__(self, lines):
        lines = "\n".join(lines).splitlines()  # one of the books comes as a single string
        paragraphs = paragraphs_of(without_frame(lines))
        total = sum(len(p) + 2 for p in paragraphs)
        kept, size = 0, 0
        while size + len(paragraphs[kept]) + 2 <= total * (1 - HELD_OUT_FRACTION):
            size += len(paragraphs[kept]) + 2
            kept += 1
        self.title = " ".join(paragraphs[:2])[:40]
        self.training = paragraphs[:kept]
        self.held_out = paragraphs[kept:]


def load_books():
    for path, package in ((AUSTEN, "r-cran-janeaustenr"), (MELVILLE, "r-cran-tokenizers")):
        if not os.path.exists(path):
            raise SystemExit(f"{path} is missing: apt-get install {package}")
    return [Book(lines) for lines in books_in(AUSTEN) + books_in(MELVILLE)]


def as_text(paragraphs):
    return "\n\n".join(paragraphs) + "\n\n"


if __name__ == "__main__":
    for book in load_books():
        train, held = as_text(book.training), as_text(book.held_out)
        print(f"{len(train):9} {len(held):7}  {book.title!r}")
        print("   ", train[:200].replace("\n", "|"))
        print("   ", held[-300:].replace("\n", "|"))
    everything = "".join(as_text(b.training) + as_text(b.held_out) for b in load_books())
    print("".join(sorted(set(everything))))
