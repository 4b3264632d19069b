use tokio::sync::Notify;

use super::*;
use crate::clock::ManualClock;
use crate::data_key::DataKey;
use crate::keyset::ready::KeyOrigin;

fn key(subject: &str) -> CacheKey {
    CacheKey {
        tenant: TenantId::SINGLE,
        subject: SubjectId::new(subject.to_owned()).unwrap(),
        purpose: Purpose::Seal,
    }
}

fn live() -> Known {
    let origin = KeyOrigin::Group(TenantId::SINGLE);
    Known::Live(Arc::new(ReadyKey::new(DataKey::generate(Purpose::Seal).unwrap(), origin)))
}

fn cache(capacity: usize) -> (Arc<ManualClock>, KeyCache) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)));
    let policy = CachePolicy::new(capacity, Duration::from_secs(300));
    (clock.clone(), KeyCache::new(policy, clock))
}

async fn get(cache: &KeyCache, subject: &str) -> Arc<Slot> {
    cache.get(&key(subject), || async { Ok::<_, ()>(live()) }).await.unwrap().1
}

#[tokio::test]
async fn a_key_is_asked_for_again_after_its_time_and_after_a_step_back() {
    let (clock, cache) = cache(10);
    get(&cache, "a").await;
    clock.advance(Duration::from_secs(300) - Duration::from_micros(1));
    get(&cache, "a").await;
    assert_eq!(cache.metrics().loads, 1);
    clock.advance(Duration::from_micros(1));
    get(&cache, "a").await;
    assert_eq!(cache.metrics().loads, 2);
    clock.set(Timestamp::from_micros(0));
    get(&cache, "a").await;
    assert_eq!(cache.metrics().loads, 3);
    assert_eq!(cache.metrics().hits, 1);
}

#[tokio::test]
async fn the_time_counts_from_before_the_store_was_asked() {
    let (clock, cache) = cache(10);
    let slow = || async {
        clock.advance(Duration::from_secs(200));
        Ok::<_, ()>(live())
    };
    cache.get(&key("a"), slow).await.unwrap();
    clock.advance(Duration::from_secs(100));
    get(&cache, "a").await;
    assert_eq!(cache.metrics().loads, 2);
}

#[tokio::test]
async fn the_one_that_was_not_used_for_longest_makes_room() {
    let (_, cache) = cache(2);
    get(&cache, "a").await;
    get(&cache, "b").await;
    get(&cache, "a").await;
    get(&cache, "c").await;
    assert_eq!(cache.lock().by_key.len(), 2);
    assert_eq!(cache.lock().by_use.len(), 2);
    assert!(cache.lock().by_key.contains_key(&key("a")));
    assert!(!cache.lock().by_key.contains_key(&key("b")));
    assert_eq!(cache.metrics().evictions, 1);
}

#[tokio::test]
async fn many_who_ask_at_once_make_one_load() {
    let (_, cache) = cache(10);
    let (cache, go) = (Arc::new(cache), Arc::new(Notify::new()));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (cache, go) = (Arc::clone(&cache), Arc::clone(&go));
        asking.spawn(async move {
            let load = || async {
                go.notified().await;
                Ok::<_, ()>(live())
            };
            cache.get(&key("a"), load).await.unwrap().1
        });
    }
    // Everybody is under way before the first load may end.
    while cache.metrics().misses < 50 {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let slots = asking.join_all().await;
    assert!(slots.iter().all(|slot| Arc::ptr_eq(slot, &slots[0])));
    assert_eq!(cache.metrics().loads, 1);
}

#[tokio::test]
async fn a_load_that_is_given_up_is_done_by_the_next() {
    let (_, cache) = cache(10);
    let cache = Arc::new(cache);
    let mut stuck = tokio::task::JoinSet::new();
    let own = Arc::clone(&cache);
    stuck.spawn(async move {
        let load = std::future::pending::<Result<Known, ()>>;
        cache_get(&own, load).await;
    });
    while cache.metrics().loads < 1 {
        tokio::task::yield_now().await;
    }
    stuck.shutdown().await;
    get(&cache, "a").await;
    assert_eq!(cache.metrics().loads, 2);
}

async fn cache_get<F: Future<Output = Result<Known, ()>>>(cache: &KeyCache, load: fn() -> F) {
    cache.get(&key("a"), load).await.unwrap();
}

#[tokio::test]
async fn a_load_that_fails_is_not_remembered() {
    let (_, cache) = cache(10);
    let failed = cache.get(&key("a"), || async { Err::<Known, _>("down") }).await;
    assert_eq!(failed.unwrap_err(), "down");
    assert_eq!(cache.lock().by_key.len(), 0);
    get(&cache, "a").await;
    assert_eq!(cache.metrics().loads, 2);
}

#[tokio::test]
async fn what_is_revoked_is_gone_also_where_it_was_given_out() {
    let (_, cache) = cache(10);
    let held = get(&cache, "a").await;
    let other = get(&cache, "b").await;
    cache.revoke(&TenantId::SINGLE, &key("a").subject);
    assert!(held.is_revoked() && !other.is_revoked());
    assert!(!get(&cache, "a").await.is_revoked());
    assert_eq!(cache.metrics().loads, 3);
}

#[tokio::test]
async fn what_is_revoked_is_gone_also_where_the_cache_let_go_of_it() {
    let (clock, cache) = cache(1);
    let stale = get(&cache, "a").await;
    clock.advance(Duration::from_secs(300));
    let fresh = get(&cache, "a").await;
    let evicting = get(&cache, "b").await;
    cache.revoke(&TenantId::SINGLE, &key("a").subject);
    assert!(stale.is_revoked() && fresh.is_revoked() && !evicting.is_revoked());
}

#[tokio::test]
async fn what_nobody_holds_is_not_remembered() {
    let (_, cache) = cache(1);
    let held = get(&cache, "held").await;
    for id in 0..10_000 {
        get(&cache, &id.to_string()).await;
    }
    assert!(cache.lock().parted.len() < 200);
    cache.revoke(&TenantId::SINGLE, &key("held").subject);
    assert!(held.is_revoked());
}

#[tokio::test]
async fn what_is_revoked_while_it_is_loaded_without_a_place_is_loaded_again() {
    let (_, cache) = cache(1);
    let mut times = 0;
    let load = || {
        times += 1;
        let first = times == 1;
        let cache = &cache;
        async move {
            if first {
                get(cache, "b").await;
                cache.revoke(&TenantId::SINGLE, &key("a").subject);
                Ok::<_, ()>(live())
            } else {
                Ok(Known::Destroyed(Timestamp::from_micros(7)))
            }
        }
    };
    let (known, _) = cache.get(&key("a"), load).await.unwrap();
    assert!(matches!(known, Known::Destroyed(_)));
}

#[test]
fn the_bound_is_that_of_the_clock_that_says_more() {
    let ttl = Duration::from_nanos(1);
    let at = Timestamp::from_micros(5);
    let asked = Asked { at, monotonic: Instant::now() };
    while asked.monotonic.elapsed() < ttl {}
    assert!(!asked.is_within(ttl, at), "the clock was set back by as much as has passed");
    let hour = Duration::from_secs(3600);
    assert!(asked.is_within(hour, at));
    assert!(!asked.is_within(hour, at.saturating_add(hour)));
    assert!(!asked.is_within(hour, Timestamp::from_micros(4)));
}

#[tokio::test]
async fn what_is_revoked_while_it_is_loaded_is_loaded_again() {
    let (_, cache) = cache(10);
    let mut times = 0;
    let load = || {
        times += 1;
        let first = times == 1;
        let cache = &cache;
        async move {
            if first {
                cache.revoke(&TenantId::SINGLE, &key("a").subject);
                Ok::<_, ()>(live())
            } else {
                Ok(Known::Destroyed(Timestamp::from_micros(7)))
            }
        }
    };
    let (known, _) = cache.get(&key("a"), load).await.unwrap();
    assert!(matches!(known, Known::Destroyed(_)));
}
