//! Length-delimited frames for TCP, TLS and Unix sockets.
