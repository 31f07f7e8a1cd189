"""Reads a FOCUS export in Parquet by Arrow's own reader and prints its sums as JSON: apart from the gateway's code."""

import json
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def main(path: str) -> None:
    table = pq.read_table(path)
    decimal = pa.decimal128(38, 12)
    assert table.schema.field("BilledCost").type == decimal, table.schema.field("BilledCost")
    assert table.schema.field("ChargePeriodStart").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("Tags").type == pa.string()
    billed = pc.sum(table["BilledCost"]).as_py() or Decimal(0)
    tokens = pc.sum(table.filter(pc.equal(table["ConsumedUnit"], "Tokens"))["ConsumedQuantity"]).as_py() or Decimal(0)
    for tags in table["Tags"].to_pylist():
        assert isinstance(json.loads(tags), dict), tags
    sums = {"rows": table.num_rows, "billed_picos": str(int(billed * 10**12)), "tokens": str(int(tokens))}
    print(json.dumps(sums))


if __name__ == "__main__":
    main(sys.argv[1])
