//! A supervisor, or an agent, played by the test over the real protocol.
