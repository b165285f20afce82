//! Packs what changed between two reports into a few bytes.
