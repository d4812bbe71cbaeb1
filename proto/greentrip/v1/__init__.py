"""Generated stubs of the contract's first version; `make stubs` writes them."""
