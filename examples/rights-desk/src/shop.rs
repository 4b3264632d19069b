//! The shop's database: a copy of the one that was given, or a small one made here.

use std::error::Error;
use std::path::Path;

use privacy_rights::sqlx::{self, SqlitePool};

const TABLES: &str = "
CREATE TABLE Employee (EmployeeId INTEGER PRIMARY KEY, LastName TEXT, Title TEXT);
CREATE TABLE Customer (
    CustomerId INTEGER PRIMARY KEY, FirstName TEXT NOT NULL, LastName TEXT NOT NULL, Company TEXT,
    Address TEXT, City TEXT, State TEXT, Country TEXT, PostalCode TEXT, Phone TEXT, Fax TEXT,
    Email TEXT NOT NULL, SupportRepId INTEGER REFERENCES Employee (EmployeeId)
);
CREATE TABLE Invoice (
    InvoiceId INTEGER PRIMARY KEY, CustomerId INTEGER NOT NULL REFERENCES Customer (CustomerId),
    InvoiceDate DATETIME NOT NULL, BillingAddress TEXT, BillingCity TEXT, BillingState TEXT,
    BillingCountry TEXT, BillingPostalCode TEXT, Total NUMERIC NOT NULL
);
CREATE TABLE InvoiceLine (
    InvoiceLineId INTEGER PRIMARY KEY, InvoiceId INTEGER NOT NULL REFERENCES Invoice (InvoiceId),
    TrackId INTEGER NOT NULL, UnitPrice NUMERIC NOT NULL, Quantity INTEGER NOT NULL
);
INSERT INTO Employee VALUES (1, 'Peacock', 'Sales');";

/// Ten customers with an invoice a year from 2021 to 2025, each of two lines.
const PEOPLE: &str = "
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10)
INSERT INTO Customer SELECT n, 'Ann', 'Peeters-' || n, NULL, 'Street ' || n, 'Brussels', NULL,
    'Belgium', '1000', '+32 2 555 00 0' || (n % 10), NULL, 'ann' || n || '@example.com', 1 FROM n;
WITH RECURSIVE y(y) AS (SELECT 2021 UNION ALL SELECT y + 1 FROM y WHERE y < 2025)
INSERT INTO Invoice SELECT (CustomerId - 1) * 5 + y - 2020, CustomerId, y || '-05-01 00:00:00',
    Address, City, NULL, Country, PostalCode, 1.98 FROM Customer, y;
INSERT INTO InvoiceLine SELECT InvoiceId * 2 + part, InvoiceId, 7 + part, 0.99, 1
    FROM Invoice, (SELECT 0 AS part UNION SELECT 1);";

/// A pool over the shop in `file`. Whatever was given is copied: this is a demonstration.
pub(crate) async fn open(given: Option<&Path>, file: &Path) -> Result<SqlitePool, Box<dyn Error>> {
    if let Some(given) = given {
        let original = SqlitePool::connect(&format!("sqlite:{}?mode=ro", given.display())).await?;
        sqlx::query("VACUUM INTO ?").bind(file.display().to_string()).execute(&original).await?;
        original.close().await;
    }
    let pool = SqlitePool::connect(&format!("sqlite:{}?mode=rwc", file.display())).await?;
    if given.is_none() {
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        sqlx::raw_sql(PEOPLE).execute(&pool).await?;
    }
    Ok(pool)
}
