"""An independent computation of every cost, with decimals, from the source's price file.

usage: reference.py PRICES.json OURS.json
"""

import json
import re
import sys
from decimal import ROUND_FLOOR, Decimal

OURS = {"together": ("together_ai",), "fireworks": ("fireworks_ai", "fireworks_ai-embedding-models"),
        "bedrock": ("bedrock_converse", "bedrock"), "cohere": ("cohere_chat", "cohere")}
SUFFIX = {"default": "", "flex": "_flex", "priority": "_priority", "batch": "_batches"}
FIELDS = {
    "in": "input_cost_per_token", "out": "output_cost_per_token", "read": "cache_read_input_token_cost",
    "w5": "cache_creation_input_token_cost", "w1": "cache_creation_input_token_cost_above_1hr",
    "reason": "output_cost_per_reasoning_token", "ain": "input_cost_per_audio_token",
    "aout": "output_cost_per_audio_token",
}


def flatten(entry):
    """Ranges become thresholds."""
    entry = dict(entry)
    for tier in entry.get("tiered_pricing") or []:
        start = int(tier["range"][0])
        for name, value in tier.items():
            if name != "range":
                entry[name + (f"_above_{start // 1000}k_tokens" if start else "")] = value
    if "input_cost_per_token_cache_hit" in entry:
        entry.setdefault("cache_read_input_token_cost", entry["input_cost_per_token_cache_hit"])
    for name in [n for n in entry if n.startswith(FIELDS["w5"]) and entry[n] == 0]:
        del entry[name]  # no extra charge for a write: it costs what input costs
    if entry.get("mode") == "embedding":
        entry.setdefault("output_cost_per_token", Decimal(0))
    return entry


def thresholds(entry):
    pattern = re.compile("(?:%s)_above_(\\d+)k_tokens(_flex|_priority|_batches)?$" % "|".join(FIELDS.values()))
    return sorted({0} | {int(m.group(1)) * 1000 for m in map(pattern.match, entry) if m})


def stated(entry, field, tier, above):
    middle = f"_above_{above // 1000}k_tokens" if above else ""
    return entry.get(FIELDS[field] + middle + SUFFIX[tier])


def rate(entry, field, tier, above, steps):
    here = stated(entry, field, tier, above)
    if here is not None:
        return Decimal(here)
    found = []
    for candidate in {tier, "default"}:
        for step in reversed([s for s in steps if s <= above]):
            value = stated(entry, field, candidate, step)
            if value is not None:
                found.append(Decimal(value))
                break
    return max(found, default=None)


def has_tier(entry, tier):
    return any(name.endswith(SUFFIX[tier]) and name.startswith(tuple(FIELDS.values())) and
               re.fullmatch(r"(%s)(_above_\d+k_tokens)?%s" % ("|".join(FIELDS.values()), SUFFIX[tier]), name)
               for name in entry)


def cost(entry, steps, tier, usage):
    total = sum(usage[k] for k in ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens",
                                   "cache_write_1h_tokens", "audio_input_tokens"))
    above = max(step for step in steps if step == 0 or total > step)
    get = lambda field: rate(entry, field, tier, above, steps)
    price_in, price_out = get("in"), get("out")
    first = lambda *values: next(value for value in values if value is not None)
    write = first(get("w5"), price_in)
    dollars = (
        usage["input_tokens"] * price_in
        + usage["cache_read_tokens"] * first(get("read"), price_in)
        + usage["cache_write_5m_tokens"] * write
        + usage["cache_write_1h_tokens"] * first(get("w1"), write)
        + usage["audio_input_tokens"] * first(get("ain"), price_in)
        + (usage["output_tokens"] - usage["reasoning_tokens"]) * price_out
        + usage["reasoning_tokens"] * first(get("reason"), price_out)
        + usage["audio_output_tokens"] * first(get("aout"), price_out)
    )
    return int((dollars * 10**9 + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def entry_for(prices, provider, row_id):
    """The source's entry for a row: its key is the id, with or without a prefix."""
    sellers = OURS.get(provider, (provider,))
    keys = [prefix + row_id for prefix in ("",) + tuple(s + "/" for s in sellers)]
    found = [prices[key] for key in keys if prices.get(key, {}).get("litellm_provider") in sellers]
    found.sort(key=lambda entry: sellers.index(entry["litellm_provider"]))
    return found


def main():
    prices = json.load(open(sys.argv[1]), parse_float=Decimal)
    ours = json.load(open(sys.argv[2]))
    wrong = 0
    for provider, row_id, tier, nanos in ours["costs"]:
        agreed = False
        for entry in map(flatten, entry_for(prices, provider, row_id)):
            steps = thresholds(entry)
            served = tier if has_tier(entry, tier) else "default"
            expected = [cost(entry, steps, served, usage) for usage in ours["usages"]]
            agreed = agreed or expected == nanos
        if not agreed:
            wrong += 1
            print(f"{provider}/{row_id} at {tier}: the catalogue says {nanos}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
