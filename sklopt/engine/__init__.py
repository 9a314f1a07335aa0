"""From descriptions to compiled training, K candidates at a time."""
