"""From the user's files to rows with roles: formats, columns, checks, splits, corrected copies."""
