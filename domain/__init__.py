"""The pure machines: `decide(state, command) -> events` and `evolve(state, event)`. No clock, no chance, no I/O."""
