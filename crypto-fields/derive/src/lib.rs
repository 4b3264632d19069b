//! The derive macro of `crypto-fields`. Not for direct use: it is documented, and exported, there.
