#!/usr/bin/python3
"""Writes held-out prose: of each book the first paragraphs of the part that is never
trained on, in proportion to the length of the book.  With --all, the whole part."""

import argparse

from corpus import as_text, load_books


def excerpt(paragraphs, size):
    taken = []
    for p in paragraphs:
        if len(as_text(taken + [p])) > size:
            break
        taken.append(p)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default="heldout.txt")
    parser.add_argument("--size", type=int, default=60000, help="characters, about")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    books = load_books()
    total = sum(len(as_text(b.held_out)) for b in books)
    parts = [
        b.held_out if options.all else excerpt(b.held_out, options.size * len(as_text(b.held_out)) / total)
        for b in books
    ]
    with open(options.output, "w", newline="\n") as f:
        f.write("".join(map(as_text, parts)))


if __name__ == "__main__":
    main()
