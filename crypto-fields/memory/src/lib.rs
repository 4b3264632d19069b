//! The test of this package looks at every block of memory that `crypto-fields` gives back.
