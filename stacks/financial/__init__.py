"""Trades from a Kinesis stream as live candles, spreads and anomalies."""
