//! A bounded cache whose entries are valid at one version of what they were read from, and for a while.
//!
//! Two caches stand on it, both by `cache_policy` of the policy file. The query cache keeps whole answers; the hot-symbol
//! cache keeps the newest rows of the symbols with the largest turnover, from which any newest page of them is cut. Every
//! entry carries the version of its series ([`super::cache_version`]): once the series was written to, the entry is never
//! used again. Several requests for one page that is not there read it once. Both are bounded in entries and in bytes.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::{Cache, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use tokio::time::Instant;

/// Something whose size in memory is known.
pub(super) trait Weight {
    /// Bytes.
    fn weight(&self) -> usize;
}

/// What a cache has done so far.
#[derive(Debug, Default)]
pub(super) struct CacheStats {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    /// Entries dropped to make room.
    pub(super) evictions: AtomicU64,
}

/// What a cache holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CacheSize {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

struct Entry<V> {
    version: i64,
    since: Instant,
    value: Arc<V>,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self { version: self.version, since: self.since, value: Arc::clone(&self.value) }
    }
}

/// Weighs an entry in bytes, but never less than an equal share of all: so a bound on the weight also bounds the number.
#[derive(Clone)]
struct AtLeast(usize);

impl<K, V: Weight> Weighter<K, Entry<V>> for AtLeast {
    fn weight(&self, _: &K, entry: &Entry<V>) -> u64 {
        entry.value.weight().max(self.0) as u64
    }
}

#[derive(Clone)]
struct CountEvictions(Arc<CacheStats>);

impl<K, V> Lifecycle<K, V> for CountEvictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: K, _: V) {
        self.0.evictions.fetch_add(1, Ordering::Relaxed);
    }
}

/// A bounded cache of one kind of value.
pub(super) struct VersionedCache<K, V: Weight> {
    ttl: Duration,
    entries: Cache<K, Entry<V>, AtLeast, DefaultHashBuilder, CountEvictions>,
    stats: Arc<CacheStats>,
}

impl<K: Clone + Eq + Hash, V: Weight> VersionedCache<K, V> {
    /// At most `max_entries`, together at most `max_bytes`, each used for `ttl` at most.
    pub(super) fn new(ttl: Duration, max_entries: usize, max_bytes: usize) -> Self {
        let max_entries = max_entries.max(1);
        let built = OptionsBuilder::new()
            // One shard: a share of the bytes for each would be too small for the largest pages.
            .shards(1)
            .estimated_items_capacity(max_entries)
            .weight_capacity(max_bytes as u64)
            // An entry may be as large as the whole cache, which is so when there may be one only.
            .hot_allocation(1.0)
            .build();
        let Ok(options) = built else { unreachable!("only a builder without a capacity fails") };
        let stats = Arc::<CacheStats>::default();
        let (weighter, lifecycle) = (AtLeast(max_bytes / max_entries), CountEvictions(Arc::clone(&stats)));
        let entries = Cache::with_options(options, weighter, DefaultHashBuilder::default(), lifecycle);
        Self { ttl, entries, stats }
    }

    pub(super) fn stats(&self) -> Arc<CacheStats> {
        Arc::clone(&self.stats)
    }

    /// What it holds now, entries that are too old to be used included: they leave when room is needed.
    pub(super) fn size(&self) -> CacheSize {
        let bytes = self.entries.iter().map(|(_, entry)| entry.value.weight()).sum();
        CacheSize { entries: self.entries.len(), bytes }
    }

    /// The value under a key, whatever its version: for when the database cannot be asked.
    pub(super) fn last_known(&self, key: &K) -> Option<Arc<V>> {
        self.entries.peek(key).map(|entry| entry.value)
    }

    /// The value under a key at this version, if it is there and fits.
    pub(super) fn find(&self, key: &K, version: i64, fits: impl Fn(&V) -> bool) -> Option<Arc<V>> {
        let found = self.entries.get(key).filter(|entry| self.is_current(entry, version) && fits(&entry.value));
        self.count(found.is_some());
        found.map(|entry| entry.value)
    }

    /// The value under a key at this version; read by `read` when it is not there. Read once, however many ask; when the
    /// one that reads fails or goes away, the next one reads.
    pub(super) async fn get_or_read<F, E>(&self, key: &K, version: i64, read: impl FnOnce() -> F) -> Result<Arc<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let validate = |_: &K, entry: &mut Entry<V>| {
            if self.is_current(entry, version) {
                EntryAction::Retain(Arc::clone(&entry.value))
            } else {
                EntryAction::ReplaceWithGuard
            }
        };
        let guard = match self.entries.entry_async(key, validate).await {
            EntryResult::Retained(value) => {
                self.count(true);
                return Ok(value);
            }
            EntryResult::Vacant(guard) | EntryResult::Replaced(guard, _) => Some(guard),
            // Cannot happen: nothing is removed above, and there is no time limit.
            EntryResult::Removed(..) | EntryResult::Timeout => None,
        };
        self.count(false);
        let value = Arc::new(read().await?);
        if let Some(guard) = guard {
            // Fails when somebody has put a value there meanwhile; then that one stays.
            let _ = guard.insert(Entry { version, since: Instant::now(), value: Arc::clone(&value) });
        }
        Ok(value)
    }

    /// Puts a value that was read elsewhere.
    pub(super) fn put(&self, key: &K, version: i64, value: Arc<V>) {
        self.entries.insert(key.clone(), Entry { version, since: Instant::now(), value });
    }

    fn is_current(&self, entry: &Entry<V>, version: i64) -> bool {
        entry.version == version && entry.since.elapsed() < self.ttl
    }

    fn count(&self, hit: bool) {
        let counter = if hit { &self.stats.hits } else { &self.stats.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    impl Weight for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    async fn get(cache: &VersionedCache<&'static str, usize>, key: &'static str, version: i64, value: usize) -> usize {
        *cache.get_or_read(&key, version, || async move { Ok::<_, ()>(value) }).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_version_or_old_age_means_reading_again() {
        let cache = VersionedCache::new(Duration::from_secs(10), 10, 1_000);
        assert_eq!(get(&cache, "a", 1, 5).await, 5);
        assert_eq!(get(&cache, "a", 1, 6).await, 5);
        assert_eq!(get(&cache, "a", 2, 6).await, 6, "written to");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(get(&cache, "a", 2, 7).await, 7, "too old");
        let stats = cache.stats();
        assert_eq!((stats.hits.load(Ordering::Relaxed), stats.misses.load(Ordering::Relaxed)), (1, 3));
        assert_eq!(cache.size(), CacheSize { entries: 1, bytes: 7 });
    }

    #[tokio::test(start_paused = true)]
    async fn it_never_holds_more_than_it_may() {
        for max_entries in [1, 2, 7, 1_000] {
            let cache = VersionedCache::new(Duration::from_secs(10), max_entries, 10_000);
            for n in 0..3 * max_entries {
                cache.put(&n, 1, Arc::new(10 * (n % 5)));
                let size = cache.size();
                assert!(size.entries <= max_entries && size.bytes <= 10_000, "{max_entries}: {size:?}");
            }
            let evictions = cache.stats().evictions.load(Ordering::Relaxed);
            let entries = cache.size().entries;
            assert!(entries > max_entries / 2, "{entries} of {max_entries}");
            assert_eq!(usize::try_from(evictions).unwrap() + entries, 3 * max_entries);
        }
        // Bytes count too, and what is larger than everything allowed is not kept at all.
        let cache = VersionedCache::new(Duration::from_secs(10), 10, 100);
        for (key, bytes) in [("a", 40), ("b", 50), ("c", 60), ("d", 101)] {
            cache.put(&key, 1, Arc::new(bytes));
            assert!(cache.size().bytes <= 100, "{:?}", cache.size());
        }
        assert!(cache.last_known(&"d").is_none() && cache.size().entries > 0);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_many_askers_read_once() {
        let cache: VersionedCache<&str, usize> = VersionedCache::new(Duration::from_secs(10), 2, 100);
        assert!(cache.get_or_read(&"a", 1, || async { Err::<usize, _>(()) }).await.is_err());
        let reads = AtomicUsize::new(0);
        let ask = || {
            cache.get_or_read(&"a", 1, || async {
                tokio::task::yield_now().await;
                Ok::<_, ()>(reads.fetch_add(1, Ordering::Relaxed))
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!((*a.unwrap(), *b.unwrap(), *c.unwrap(), reads.load(Ordering::Relaxed)), (0, 0, 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_reader_goes_away_the_next_one_reads() {
        let cache: VersionedCache<&str, usize> = VersionedCache::new(Duration::from_secs(10), 2, 100);
        let gone = cache.get_or_read(&"a", 1, std::future::pending::<Result<usize, ()>>);
        let mut gone = Box::pin(gone);
        assert!(tokio::time::timeout(Duration::ZERO, &mut gone).await.is_err());
        let mut next = Box::pin(get(&cache, "a", 1, 5));
        assert!(tokio::time::timeout(Duration::ZERO, &mut next).await.is_err(), "one reads at a time");
        drop(gone);
        assert_eq!(next.await, 5);
    }
}
