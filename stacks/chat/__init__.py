"""An OpenAI-compatible chat endpoint over Amazon Bedrock."""
