"""History: what topics told, as Parquet files by hour, and the ledger that makes each record count once."""
