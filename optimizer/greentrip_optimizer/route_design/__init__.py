"""General transit route design: routes and their number given by rules, for passengers, operator or both."""
