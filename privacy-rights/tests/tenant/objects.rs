//! What a plain listing of a bucket does not show.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use privacy_rights::{
    BoxFuture, ErasureState, ObjectHistory, ObjectsHidden, ObjectsStore, SourceError,
};

use crate::behaviours;
use crate::estate::{Estate, ID, estate, officer};

/// A bucket with versions and uploads, some of them for ever.
struct Bucket {
    versions: AtomicU64,
    uploads: AtomicU64,
    stays: u64,
}

impl ObjectHistory for Bucket {
    fn survey<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<ObjectsHidden, SourceError>> {
        assert_eq!(prefix, "tenants/t1/");
        let versions = self.versions.load(Ordering::SeqCst);
        let uploads = self.uploads.load(Ordering::SeqCst);
        Box::pin(async move { Ok(ObjectsHidden::new(versions, uploads)) })
    }

    fn purge<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64, SourceError>> {
        assert_eq!(prefix, "tenants/t1/");
        let before = self.versions.swap(self.stays, Ordering::SeqCst);
        let uploads = self.uploads.swap(0, Ordering::SeqCst);
        Box::pin(async move { Ok(before - self.stays + uploads) })
    }
}

impl<DB: privacy_rights::Backend + crypto_fields::Backend> Estate<DB> {
    pub(crate) async fn count_objects(&self, tenant: &str) -> usize {
        use futures_util::StreamExt as _;
        let prefix = object_store::path::Path::parse(format!("tenants/{tenant}")).unwrap();
        self.objects.list(Some(&prefix)).count().await
    }
}

behaviours! {
    async fn what_cannot_be_seen_is_no_success(db) {
        let estate = estate(&db).await;
        let purger = estate.purger(vec![Arc::new(estate.objects_store()), estate.keys_store()]).await;
        estate.begin(&purger).await;
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Partial);
        let report = purger.report(ID).await.unwrap();
        assert_eq!((report.gone, report.left, report.unseen.len()), (4, 0, 2));
        assert!(report.unseen[0].1.contains("older versions"), "{report:?}");
        // What can be seen is gone, and the keys with it: what cannot be is unreadable.
        assert_eq!((estate.count_objects("t1").await, estate.live_keys("t1").await), (0, 0));
        // Whoever can see goes on.
        let bucket = Bucket { versions: 5.into(), uploads: 2.into(), stays: 0 };
        let sees = estate.objects_store().history(Arc::new(bucket));
        let purger = estate.purger(vec![Arc::new(sees), estate.keys_store()]).await;
        assert_eq!(purger.resume(ID, officer()).await.unwrap(), ErasureState::Done);
        assert_eq!(purger.report(ID).await.unwrap().gone, 4 + 7);
    }

    async fn versions_that_stay_are_found(db) {
        let estate = estate(&db).await;
        let bucket = Bucket { versions: 5.into(), uploads: 2.into(), stays: 1 };
        let sees = estate.objects_store().history(Arc::new(bucket));
        let purger = estate.purger(vec![Arc::new(sees)]).await;
        let plan = purger.plan(crate::estate::T1, "the contract ended").await.unwrap();
        assert_eq!(plan.stores[0].contents.items, 3 + 7);
        estate.begin(&purger).await;
        assert_eq!(purger.run(ID).await.unwrap(), ErasureState::Partial);
        let report = purger.report(ID).await.unwrap();
        assert_eq!((report.gone, report.left, report.explained), (9, 1, 0));
    }
}

#[test]
fn prefixes_that_would_select_others() {
    let store = || Arc::new(object_store::memory::InMemory::new());
    for bad in [
        "",
        "/",
        "{id}",
        "tenants/{id}",
        "tenants/x{id}/",
        "{id}//",
        "//{id}/",
        "{id}/{id}/",
        "tenants/",
    ] {
        assert!(ObjectsStore::new("objects", store(), bad).is_err(), "{bad}");
    }
    for good in ["{id}/", "tenants/{id}/files/"] {
        assert!(ObjectsStore::new("objects", store(), good).is_ok(), "{good}");
    }
}
