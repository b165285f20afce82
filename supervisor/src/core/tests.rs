//! The supervisor's cores under test.
