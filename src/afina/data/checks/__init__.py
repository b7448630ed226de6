"""What can be wrong with data, one family of checks per file; each takes facts and returns findings."""
