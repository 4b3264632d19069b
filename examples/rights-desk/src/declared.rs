//! What the shop says of its tables: where personal data is, why, for how long, and what an erasure
//! does with it.

use std::error::Error;

use privacy_rights::{
    Controller, Country, DataMap, ErasureStrategy, ExportRule, Field, LegalBasis, Link, Period,
    Purpose, Recipient, Retention, SourceDeclaration, SqlName, Storage, Waiver,
    journal_declaration,
};

type Declared = Result<SourceDeclaration, Box<dyn Error>>;

/// The statutory period: invoices are kept for seven years.
const LAW: &str = "Belgian VAT Code Art. 60";

fn belgium() -> Result<Country, Box<dyn Error>> {
    Ok("BE".parse()?)
}

fn customers() -> Declared {
    let masked = || ErasureStrategy::Mask("erased".into());
    let field = Field::new;
    Ok(SourceDeclaration::new("customers", Storage::table("Customer", "CustomerId")?)
        .linked(Link::column("CustomerId", "customer_id")?)
        .linked(Link::column("Email", "email")?)
        .located(belgium()?, "our own data centre")
        .purpose("sale")
        .kept(Retention::new("as long as there is an account"))
        .erased_by(ErasureStrategy::Null)
        .field(field("FirstName", "identity", "Your first name.").erased_by(masked()))
        .field(field("LastName", "identity", "Your last name.").erased_by(masked()))
        .field(field("Company", "identity", "The company you buy for."))
        .field(field("Address", "contact", "Where you live."))
        .field(field("City", "contact", "Where you live."))
        .field(field("State", "contact", "Where you live."))
        .field(field("Country", "contact", "Where you live."))
        .field(field("PostalCode", "contact", "Where you live."))
        .field(field("Phone", "contact", "Where we call you."))
        .field(field("Fax", "contact", "Where we fax you."))
        .field(
            field("Email", "contact", "Where we write to you.")
                .identifies("email")
                .erased_by(ErasureStrategy::Anonymise),
        )
        .field(
            field("SupportRepId", "relation", "Who of us looks after you.")
                .exported(ExportRule::RedactOthers)
                .erased_by(ErasureStrategy::Detach),
        ))
}

fn invoices() -> Declared {
    let seven_years = Retention::new("seven years after the invoice");
    let since = SqlName::column("InvoiceDate")?;
    Ok(SourceDeclaration::new("invoices", Storage::table("Invoice", "InvoiceId")?)
        .linked(Link::column("CustomerId", "customer_id")?)
        .located(belgium()?, "our own data centre")
        .purpose("books")
        .kept(seven_years.demanded_by(LAW, Period::Months(84), since))
        .received_by("bookkeeper")
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("InvoiceDate", "purchase", "When you bought something."))
        .field(Field::new("BillingAddress", "contact", "Where the bill went."))
        .field(Field::new("BillingCity", "contact", "Where the bill went."))
        .field(Field::new("BillingState", "contact", "Where the bill went."))
        .field(Field::new("BillingCountry", "contact", "Where the bill went."))
        .field(Field::new("BillingPostalCode", "contact", "Where the bill went."))
        .field(Field::new("Total", "purchase", "What you paid.")))
}

fn lines() -> Declared {
    let by_customer = Link::column("CustomerId", "customer_id")?;
    let as_invoice = Retention::new("as long as its invoice");
    let since = SqlName::column("InvoiceDate")?;
    Ok(SourceDeclaration::new("invoice_lines", Storage::table("InvoiceLine", "InvoiceLineId")?)
        .linked(Link::through("InvoiceId", "Invoice", "InvoiceId", by_customer)?)
        .located(belgium()?, "our own data centre")
        .purpose("books")
        .kept(as_invoice.demanded_as_linked(LAW, Period::Months(84), since))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("TrackId", "purchase", "What you bought."))
        .field(Field::new("UnitPrice", "purchase", "What it cost."))
        .field(Field::new("Quantity", "purchase", "How many of it.")))
}

/// The journal's entries about a customer: she may read them, and they outlive her erasure, without
/// what they say in private.
pub(crate) fn journal() -> Declared {
    Ok(journal_declaration("journal", "gdpr-17-3-b")
        .linked(Link::column("subject", "customer_id")?)
        .linked(Link::column("customer", "customer_id")?)
        .located(belgium()?, "our own data centre")
        .purpose("accountability")
        .kept(Retention::new("ten years")))
}

/// The sum of it.
pub(crate) fn map() -> Result<DataMap, Box<dyn Error>> {
    let law = LegalBasis::LegalObligation { law: LAW.into() };
    let accountable = LegalBasis::LegalObligation { law: "GDPR Art. 5(2)".into() };
    let shown = Purpose::new("accountability", "To show who did what", accountable);
    let staff = "staff is told by another office";
    Ok(DataMap::builder(Controller::new("Example Records NV", "privacy@example.com"))
        .purpose(Purpose::new("sale", "To sell music", LegalBasis::Contract).about("customers"))
        .purpose(Purpose::new("books", "To keep books", law).about("customers"))
        .purpose(shown.about("customers"))
        .recipient(Recipient::new("bookkeeper", "accountant", belgium()?))
        .source(customers()?)
        .source(invoices()?)
        .source(lines()?)
        .source(journal()?)
        .waive(Waiver::table("Employee", staff)?)
        .build()?)
}
