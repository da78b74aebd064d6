"""A DynamoDB table beside the streams: cancel, resume, and a bound on streams per caller. Loaded only where there is one."""
