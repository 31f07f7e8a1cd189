#!/usr/bin/env python3
"""Takes what each word says of coarse and abusive speech out of a published linear model (alt-profanity-check, MIT).

    pip install scikit-learn joblib; pip download --no-deps alt-profanity-check==1.9.1; unzip the wheel
    python coarse.py profanity_check/data coarse.bin

Its model was taught by about 200 000 comments that people had judged (t-davidson's tweets, the Jigsaw comments). A word's
number is its weight times how rare it is, the mean over the model's folds, in halves, in eight bits. The output is what
`crates/tg-text/src/score/coarse.rs` reads: magic, how many, fingerprints in order, numbers.
"""
import pathlib, struct, sys
import joblib
from distill import fingerprint

SCALE = 2.0  # of weight times rarity; 127 is 63.5, more than any word but a few has

folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
model, words = joblib.load(folder / "model.joblib"), joblib.load(folder / "vectorizer.joblib")
folds = [c.estimator.coef_[0] for c in model.calibrated_classifiers_]
rows = {}
for word, at in words.vocabulary_.items():
    weight = sum(f[at] for f in folds) / len(folds) * words.idf_[at]
    number = max(-127, min(127, round(weight * SCALE)))
    if number and word.isascii() and word.isalpha():
        rows[fingerprint(word)] = number
rows = sorted(rows.items())
with open(out, "wb") as f:
    f.write(b"TGCW0001" + struct.pack("<I", len(rows)))
    f.write(b"".join(struct.pack("<I", p) for p, _ in rows))
    f.write(bytes(n & 0xFF for _, n in rows))
print(len(rows), "words")
