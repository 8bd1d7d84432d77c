"""Commands that change the buckets of many bags: a plan, a confirmation, batches, a report."""
