//! Pages that were asked for before, kept as the bytes that were sent.
//!
//! Two caches, both by `cache_policy` of the policy file. The query cache keeps whole answers; the hot-symbol cache keeps
//! the newest rows of the symbols with the largest turnover, from which any newest page of them is cut. Every entry
//! carries the mark of its series ([`super::marks`]): once the series was written to, the entry is never used again.
//! Several requests for one page that is not there read it once. Both are bounded in entries and in bytes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Something whose size in memory is known.
pub(super) trait Weight {
    fn weight(&self) -> usize;
}

/// What a cache did so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) entries: AtomicUsize,
    pub(super) bytes: AtomicUsize,
}

struct Slot<V> {
    mark: i64,
    since: Instant,
    /// When it was last asked for, in lookups of this cache.
    touched: AtomicU64,
    value: OnceCell<Arc<V>>,
}

/// A bounded cache of one kind of value.
pub(super) struct Cache<K, V> {
    ttl: Duration,
    most_entries: usize,
    most_bytes: usize,
    slots: Mutex<HashMap<K, Arc<Slot<V>>>>,
    lookups: AtomicU64,
    tally: Arc<Tally>,
}

impl<K: Clone + Eq + Hash, V: Weight> Cache<K, V> {
    pub(super) fn new(ttl: Duration, most_entries: usize, most_bytes: usize) -> Self {
        let (slots, lookups, tally) = (Mutex::default(), AtomicU64::new(0), Arc::default());
        Self { ttl, most_entries, most_bytes, slots, lookups, tally }
    }

    pub(super) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<K, Arc<Slot<V>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value under a key, whatever its mark: for when the database cannot be asked.
    pub(super) fn last_known(&self, key: &K) -> Option<Arc<V>> {
        self.slots().get(key).and_then(|slot| slot.value.get().cloned())
    }

    /// The value under a key at this mark, if it is there and fits.
    pub(super) fn find(&self, key: &K, mark: i64, fits: impl Fn(&V) -> bool) -> Option<Arc<V>> {
        let now = self.lookups.fetch_add(1, Ordering::Relaxed);
        let found = self.slots().get(key).and_then(|slot| {
            let valid = slot.mark == mark && slot.since.elapsed() < self.ttl;
            slot.touched.store(now, Ordering::Relaxed);
            valid.then(|| slot.value.get().cloned()).flatten()
        });
        let found = found.filter(|value| fits(value));
        self.count(found.is_some());
        found
    }

    /// The value under a key at this mark; made by `make` when it is not there. Made once, however many ask.
    pub(super) async fn get_or<F, E>(&self, key: &K, mark: i64, make: impl FnOnce() -> F) -> Result<Arc<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let now = self.lookups.fetch_add(1, Ordering::Relaxed);
        let (slot, known) = {
            let mut slots = self.slots();
            match slots.get(key) {
                Some(slot) if slot.mark == mark && slot.since.elapsed() < self.ttl => (Arc::clone(slot), true),
                _ => {
                    let slot = Arc::new(Slot {
                        mark,
                        since: Instant::now(),
                        touched: AtomicU64::new(now),
                        value: OnceCell::new(),
                    });
                    slots.insert(key.clone(), Arc::clone(&slot));
                    (slot, false)
                }
            }
        };
        slot.touched.store(now, Ordering::Relaxed);
        self.count(known);
        let value = slot.value.get_or_try_init(|| async { make().await.map(Arc::new) }).await.map(Arc::clone);
        if !known {
            self.trim(key, &slot, value.is_ok());
        }
        value
    }

    /// Puts a value that was made elsewhere.
    pub(super) fn put(&self, key: &K, mark: i64, value: Arc<V>) {
        let touched = AtomicU64::new(self.lookups.load(Ordering::Relaxed));
        let slot = Arc::new(Slot { mark, since: Instant::now(), touched, value: OnceCell::new_with(Some(value)) });
        self.slots().insert(key.clone(), Arc::clone(&slot));
        self.trim(key, &slot, true);
    }

    fn count(&self, hit: bool) {
        let counter = if hit { &self.tally.hits } else { &self.tally.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets what failed, what is too old, and then what was not asked for longest.
    fn trim(&self, key: &K, new: &Arc<Slot<V>>, made: bool) {
        let weight = |slot: &Slot<V>| slot.value.get().map_or(0, |v| v.weight());
        let mut slots = self.slots();
        if !made && slots.get(key).is_some_and(|slot| Arc::ptr_eq(slot, new)) {
            slots.remove(key);
        }
        slots.retain(|_, slot| slot.since.elapsed() < self.ttl);
        let mut bytes: usize = slots.values().map(|slot| weight(slot)).sum();
        while slots.len() > self.most_entries || bytes > self.most_bytes {
            let oldest = slots.iter().min_by_key(|(_, slot)| slot.touched.load(Ordering::Relaxed));
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { break };
            bytes -= slots.remove(&key).map_or(0, |slot| weight(&slot));
            self.tally.evicted.fetch_add(1, Ordering::Relaxed);
        }
        self.tally.entries.store(slots.len(), Ordering::Relaxed);
        self.tally.bytes.store(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    async fn get(cache: &Cache<&'static str, usize>, key: &'static str, mark: i64, value: usize) -> usize {
        *cache.get_or(&key, mark, || async move { Ok::<_, ()>(value) }).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_mark_or_old_age_means_reading_again() {
        let cache = Cache::new(Duration::from_secs(10), 10, 1_000);
        assert_eq!(get(&cache, "a", 1, 5).await, 5);
        assert_eq!(get(&cache, "a", 1, 6).await, 5);
        assert_eq!(get(&cache, "a", 2, 6).await, 6, "written to");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(get(&cache, "a", 2, 7).await, 7, "too old");
        let tally = cache.tally();
        assert_eq!((tally.hits.load(Ordering::Relaxed), tally.misses.load(Ordering::Relaxed)), (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn it_never_holds_more_than_it_may() {
        let cache = Cache::new(Duration::from_secs(10), 2, 100);
        for (key, weight) in [("a", 10), ("b", 10)] {
            get(&cache, key, 1, weight).await;
        }
        get(&cache, "a", 1, 0).await;
        get(&cache, "c", 1, 10).await;
        assert_eq!(get(&cache, "a", 1, 99).await, 10, "asked for lately");
        assert_eq!(get(&cache, "b", 1, 11).await, 11, "forgotten");
        get(&cache, "d", 1, 95).await;
        assert_eq!(cache.tally().entries.load(Ordering::Relaxed), 1, "bytes count too");
        assert!(cache.tally().bytes.load(Ordering::Relaxed) <= 100);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_many_askers_read_once() {
        let cache: Cache<&str, usize> = Cache::new(Duration::from_secs(10), 2, 100);
        assert!(cache.get_or(&"a", 1, || async { Err::<usize, _>(()) }).await.is_err());
        let made = AtomicUsize::new(0);
        let ask = || {
            cache.get_or(&"a", 1, || async {
                tokio::task::yield_now().await;
                Ok::<_, ()>(made.fetch_add(1, Ordering::Relaxed))
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!((*a.unwrap(), *b.unwrap(), *c.unwrap(), made.load(Ordering::Relaxed)), (0, 0, 0, 1));
    }
}
