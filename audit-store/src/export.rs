//! Taking a chain out of the database: as lines for other tools, or as an auditor's bundle.
//!
//! Every export reads one state of the database, whatever is appended meanwhile, and holds a page
//! of it in memory. On SQLite the write-ahead log cannot be reset while one runs.

mod bundle;
mod csv;
mod error;
mod lines;
mod pack;
mod reader;
mod withhold;
mod workdir;

pub use bundle::BundleOptions;
pub use csv::CSV_COLUMNS;
pub use error::ExportError;
pub use lines::{Export, ExportFormat, ExportSummary};
pub use withhold::Withholding;
pub(crate) use workdir::WorkDir;
