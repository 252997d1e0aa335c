//! What an answer proves, one behavior after the other.
