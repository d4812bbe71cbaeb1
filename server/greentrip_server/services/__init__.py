"""The gRPC services of the contract, one module each."""
