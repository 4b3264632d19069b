//! Sources that never end, and what they are asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use privacy_rights::{
    Applied, BoxFuture, Cursor, Identifier, NothingIsHeld, Page, Pages, Permit, PersonalDataSource,
    Record, Remaining, Selection, SourceDeclaration, SourceError, Step, Storage, apply_all,
    resolve,
};

use crate::world::{person, step};

/// Says what it is told to.
struct Liar {
    declaration: SourceDeclaration,
    next: fn(u64) -> Option<Cursor>,
    records: usize,
    asked: AtomicU64,
}

impl Liar {
    fn new(next: fn(u64) -> Option<Cursor>) -> Self {
        let storage = Storage::Other { name: "liar".into() };
        let declaration = SourceDeclaration::new("liar", storage);
        Self { declaration, next, records: 1, asked: AtomicU64::new(0) }
    }

    fn answer(&self) -> Option<Cursor> {
        (self.next)(self.asked.fetch_add(1, Ordering::SeqCst))
    }
}

impl PersonalDataSource for Liar {
    fn declaration(&self) -> &SourceDeclaration {
        &self.declaration
    }

    fn resolve<'a>(
        &'a self,
        _selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(vec![Identifier::new("alias", asked.to_string()).unwrap()]) })
    }

    fn scan<'a>(
        &'a self,
        _selection: &'a Selection,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        let records = (0..self.records).map(|n| Record::new(n.to_string(), Vec::new())).collect();
        let page = Page::new(records, self.answer());
        Box::pin(async move { Ok(page) })
    }

    fn apply<'a>(
        &'a self,
        _selection: &'a Selection,
        _step: &'a Step,
        _permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        let applied = Applied::new(1, Vec::new(), self.answer());
        Box::pin(async move { Ok(applied) })
    }

    fn remaining<'a>(
        &'a self,
        _selection: &'a Selection,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(async { Ok(Remaining::default()) })
    }
}

async fn walk(source: &Liar) -> (u64, Result<(), SourceError>) {
    let mut pages = Pages::new(source, person("n", "1")).of_size(2);
    let mut count = 0;
    loop {
        match pages.next().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Ok(())),
            Err(error) => return (count, Err(error)),
        }
    }
}

#[tokio::test]
async fn the_same_page_for_ever() {
    let again = |_| Some(Cursor::new("x"));
    let (pages, end) = walk(&Liar::new(again)).await;
    assert_eq!(pages, 1);
    let error = end.unwrap_err();
    assert_eq!(error.to_string(), "the source comes back to Cursor(1 bytes): it would never end");
    let source = Liar::new(again);
    let error = apply_all(&source, &person("n", "1"), &step(), &NothingIsHeld, |_| {}).await;
    assert!(matches!(error, Err(SourceError::Endless { .. })));
    assert_eq!(source.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn in_circles() {
    let (pages, end) = walk(&Liar::new(|n| Some(Cursor::new((n % 50).to_string())))).await;
    assert_eq!(pages, 50);
    assert!(matches!(end, Err(SourceError::Endless { .. })));
}

#[tokio::test]
async fn many_pages_end() {
    let source = Liar::new(|n| (n < 1000).then(|| Cursor::new(n.to_string())));
    let (pages, end) = walk(&source).await;
    assert_eq!(pages, 1001);
    end.unwrap();
    // After the last page nothing is asked any more.
    let mut pages = Pages::new(&source, person("n", "1"));
    assert!(pages.next().await.unwrap().is_some());
    let asked = source.asked.load(Ordering::SeqCst);
    assert!(pages.next().await.unwrap().is_none());
    assert_eq!(source.asked.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn more_than_was_asked_for() {
    let mut source = Liar::new(|_| None);
    source.records = 3;
    let (_, end) = walk(&source).await;
    assert!(matches!(end, Err(SourceError::TooMuch { records: 3, limit: 2 })));
}

#[tokio::test]
async fn somebody_with_ever_more_names() {
    let source = Liar::new(|_| None);
    let error = resolve(&[&source], person("n", "1"), &[]).await.unwrap_err();
    assert_eq!(error.to_string(), "more than 256 identifiers were found");
}
