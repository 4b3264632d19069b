//! A small shop, in both databases, with its data map.
#![allow(dead_code, unreachable_pub, reason = "shared by several test programs")]

use privacy_rights::{
    Backend, Controller, Country, DataMap, DataMapBuilder, ErasureStrategy, ExportRule, Field,
    LegalBasis, Link, Period, Purpose, Recipient, Retention, SourceDeclaration, SqlName, Storage,
};
use sqlx::{AssertSqlSafe, Executor, Pool};

/// The shop's tables: customers, their invoices, the lines of these, and what is sold.
pub const SHOP: &str = r#"
CREATE TABLE "Employee" ("EmployeeId" INTEGER NOT NULL PRIMARY KEY, "Title" VARCHAR(30));
CREATE TABLE "Customer" (
    "CustomerId" INTEGER NOT NULL PRIMARY KEY,
    "FirstName" VARCHAR(40) NOT NULL,
    "LastName" VARCHAR(20) NOT NULL,
    "Phone" VARCHAR(24),
    "Email" VARCHAR(60) NOT NULL,
    "Password" VARCHAR(100),
    "SupportRepId" INTEGER REFERENCES "Employee" ("EmployeeId")
);
CREATE TABLE "Track" ("TrackId" INTEGER NOT NULL PRIMARY KEY, "Name" VARCHAR(200) NOT NULL);
CREATE TABLE "Invoice" (
    "InvoiceId" INTEGER NOT NULL PRIMARY KEY,
    "CustomerId" INTEGER NOT NULL REFERENCES "Customer" ("CustomerId"),
    "InvoiceDate" TIMESTAMP NOT NULL,
    "BillingAddress" VARCHAR(70),
    "Total" NUMERIC(10,2) NOT NULL
);
CREATE TABLE "InvoiceLine" (
    "InvoiceLineId" INTEGER NOT NULL PRIMARY KEY,
    "InvoiceId" INTEGER NOT NULL REFERENCES "Invoice" ("InvoiceId"),
    "TrackId" INTEGER NOT NULL REFERENCES "Track" ("TrackId"),
    "Quantity" INTEGER NOT NULL
);
"#;

pub async fn run<DB: Backend>(pool: &Pool<DB>, sql: &str)
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
{
    for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
        pool.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }
}

pub fn belgium() -> Country {
    "BE".parse().unwrap()
}

pub fn customers() -> SourceDeclaration {
    let mask = || ErasureStrategy::Mask("erased".into());
    SourceDeclaration::new("customers", Storage::table("Customer", "CustomerId").unwrap())
        .linked(Link::column("CustomerId", "customer_id").unwrap())
        .linked(Link::column("Email", "email").unwrap())
        .located(belgium(), "our own data centre")
        .purpose("sale")
        .kept(Retention::new("as long as there is an account"))
        .erased_by(ErasureStrategy::Null)
        .field(Field::new("FirstName", "identity", "Your first name.").erased_by(mask()))
        .field(Field::new("LastName", "identity", "Your last name.").erased_by(mask()))
        .field(Field::new("Phone", "contact", "Where we call you."))
        .field(
            Field::new("Email", "contact", "Where we write to you.")
                .identifies("email")
                .erased_by(ErasureStrategy::Anonymise),
        )
        .field(
            Field::new("Password", "credential", "What you log in with.")
                .exported(ExportRule::PresenceOnly),
        )
        .field(
            Field::new("SupportRepId", "relation", "Who looks after you.")
                .exported(ExportRule::RedactOthers)
                .erased_by(ErasureStrategy::Detach),
        )
}

pub fn seven_years() -> Retention {
    let since = SqlName::column("InvoiceDate").unwrap();
    Retention::new("7 years after the invoice").demanded_by(
        "Belgian VAT Code Art. 60",
        Period::Months(84),
        since,
    )
}

pub fn by_customer() -> Link {
    Link::column("CustomerId", "customer_id").unwrap()
}

pub fn invoices() -> SourceDeclaration {
    SourceDeclaration::new("invoices", Storage::table("Invoice", "InvoiceId").unwrap())
        .linked(by_customer())
        .located(belgium(), "our own data centre")
        .purpose("accounting")
        .kept(seven_years())
        .received_by("bookkeeper")
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("InvoiceDate", "purchase", "When you bought something."))
        .field(Field::new("BillingAddress", "contact", "Where the bill went."))
        .field(Field::new("Total", "purchase", "What you paid."))
}

pub fn invoice_lines() -> SourceDeclaration {
    let link = Link::through("InvoiceId", "Invoice", "InvoiceId", by_customer()).unwrap();
    SourceDeclaration::new("invoice_lines", Storage::table("InvoiceLine", "InvoiceLineId").unwrap())
        .linked(link)
        .located(belgium(), "our own data centre")
        .purpose("accounting")
        .kept(Retention::new("as its invoice"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("TrackId", "purchase", "What you bought."))
        .field(Field::new("Quantity", "purchase", "How many of it."))
}

/// The map but for its sources.
pub fn empty_map() -> DataMapBuilder {
    let law = String::from("Belgian VAT Code Art. 60");
    DataMap::builder(Controller::new("Example NV", "privacy@example.com"))
        .purpose(Purpose::new("sale", "To sell music", LegalBasis::Contract).about("customers"))
        .purpose(
            Purpose::new("accounting", "To keep books", LegalBasis::LegalObligation { law })
                .about("customers"),
        )
        .recipient(Recipient::new("bookkeeper", "accountant", belgium()))
}

pub fn shop_map() -> DataMapBuilder {
    empty_map().source(customers()).source(invoices()).source(invoice_lines())
}

/// Three customers: 1 and 2 share an e-mail address' household, 3 stands apart. Customer 1 has the
/// invoices 1 to 4 of 2015 to 2024, with two lines each; customer 3 has one.
pub const PEOPLE: &str = r#"
INSERT INTO "Employee" VALUES (1, 'Sales');
INSERT INTO "Track" VALUES (1, 'So What'), (2, 'Freddie Freeloader');
INSERT INTO "Customer" VALUES
    (1, 'Ann', 'CANARY-One', '+32 1', 'ann@example.com', 'hash-of-ann', 1),
    (2, 'Bob', 'CANARY-Two', NULL, 'bob@example.com', 'hash-of-bob', 1),
    (3, 'Cat', 'CANARY-Three', '+32 3', 'cat@example.com', NULL, NULL);
INSERT INTO "Invoice" VALUES
    (1, 1, '2015-05-01 00:00:00', 'Street 1', 1.98),
    (2, 1, '2018-05-01 00:00:00', 'Street 1', 3.96),
    (3, 1, '2021-05-01 00:00:00', 'Street 2', 5.94),
    (4, 1, '2024-05-01 00:00:00', 'Street 2', 0.99),
    (5, 3, '2015-05-01 00:00:00', 'Street 3', 0.99);
INSERT INTO "InvoiceLine" VALUES
    (1, 1, 1, 1), (2, 1, 2, 1), (3, 2, 1, 2), (4, 2, 2, 2), (5, 3, 1, 3), (6, 3, 2, 3),
    (7, 4, 1, 1), (8, 5, 1, 1);
"#;
