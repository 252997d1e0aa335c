//! Minimum vertex cover of missing (symbol, session) cells.
