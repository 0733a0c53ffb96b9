"""Contracts: whatever crosses a process boundary. Pydantic and the standard library only."""
