"""What shows that a streaming endpoint is well: metrics first, then alarms made of them."""
