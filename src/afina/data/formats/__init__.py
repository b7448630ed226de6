"""File formats, one technique per file: `csv`, `json`, `jsonl`, `parquet`, and `auto`, which tells them apart."""
