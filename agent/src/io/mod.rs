//! Everything the agent touches.
