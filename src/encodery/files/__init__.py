"""Reading files that people bring: decompression, decoding and records, each failure told with file and line."""
