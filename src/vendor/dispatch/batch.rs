//! Many tickers in few requests: lists cut to what one URL can carry.

/// Most tickers, and most characters of tickers, in one splits request; keeps the URL under the 8 KiB that web servers
/// take.
const SPLIT_TICKERS: usize = 250;
const SPLIT_CHARS: usize = 3_000;

/// Cuts a list of tickers into groups that fit one request each.
pub(super) fn groups(tickers: &[String]) -> impl Iterator<Item = &[String]> {
    let mut rest = tickers;
    std::iter::from_fn(move || {
        let mut chars = 0;
        let fits = rest.iter().take(SPLIT_TICKERS).take_while(|ticker| {
            chars += ticker.len() + 1;
            chars <= SPLIT_CHARS
        });
        let count = fits.count().max(1).min(rest.len());
        let (group, later) = rest.split_at_checked(count)?;
        rest = later;
        (!group.is_empty()).then_some(group)
    })
}
