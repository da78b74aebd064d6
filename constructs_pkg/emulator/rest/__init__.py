"""API Gateway's REST APIs: what a template says of them, routes, events, authorizers, answers. The front is `rest_api.py`."""
