"""How Greentrip is reached: a gRPC service, its jobs and workers, its storage and its reports."""
