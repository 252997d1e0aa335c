//! The guard against pagination that does not end or goes in circles.
//!
//! The vendor's `next_url` has been seen to loop (polygon-io/issues#289), and its own client ends silently on an odd
//! page. Here every odd page is an error with a reason, before any bar of it is stored.

use std::collections::HashSet;

use super::{Cursor, Fault, Page};
use barkeep_market::Ts;

/// Empty pages in a row that may still lead on. The vendor withholds a last partial bar, so one can happen.
const EMPTY_PAGES: u32 = 3;

/// Follows one range from page to page.
#[derive(Debug)]
pub struct PageGuard {
    max_pages: Option<u32>,
    pages: u32,
    empty_run: u32,
    last: Option<Ts>,
    /// The last page with bars was full: the vendor named the next one because there is more.
    after_full: bool,
    seen: HashSet<Cursor>,
}

impl PageGuard {
    /// `max_pages`: `None` when the length of the range says how many there are.
    #[must_use]
    pub fn new(max_pages: Option<u32>) -> Self {
        Self { max_pages, pages: 0, empty_run: 0, last: None, after_full: false, seen: HashSet::new() }
    }

    /// Checks the page that came for `asked` (`None` for the first).
    ///
    /// # Errors
    /// [`Malformed`](super::Class::Malformed) when the page leads back, repeats bars, or goes on without end. The guard stays
    /// as it was, so the same page can be requested again.
    pub fn check(&mut self, page: &Page, asked: Option<&Cursor>) -> Result<(), Fault> {
        let refuse = |why: String| Err(Fault { request_id: page.request_id.clone(), ..Fault::malformed(why) });
        if let Some(most) = self.max_pages.filter(|most| self.pages >= *most) {
            return refuse(format!("the range has more than {most} pages"));
        }
        if let Some(next) = &page.next
            && (asked == Some(next) || self.seen.contains(next))
        {
            return refuse(format!("page {} leads back to a page already read", self.pages + 1));
        }
        if let (Some(last), Some(first)) = (self.last, page.bars.first())
            && first.ts <= last
        {
            return refuse(format!(
                "page {} repeats bars: it starts at {}, the page before ended at {last}",
                self.pages + 1,
                first.ts
            ));
        }
        // A page that says how far it answers has told something, bars or not.
        let leads_nowhere = page.bars.is_empty() && page.next.is_some() && page.answers_to.is_none();
        if leads_nowhere && self.empty_run >= EMPTY_PAGES {
            return refuse(format!("more than {EMPTY_PAGES} empty pages in a row, and still more to come"));
        }
        if page.bars.is_empty() && page.next.is_none() && self.after_full {
            return refuse(format!("page {} is empty, although the one before it was full", self.pages + 1));
        }
        if !page.bars.is_empty() {
            self.after_full = page.full;
        }
        self.empty_run = if leads_nowhere { self.empty_run + 1 } else { 0 };
        self.pages += 1;
        self.last = page.bars.last().map(|b| b.ts).or(self.last);
        self.seen.extend(asked.cloned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barkeep_market::testing;

    fn page(times: &[i64], next: Option<&str>) -> Page {
        let bars = times.iter().map(|t| testing::bar(Ts(*t), 1.0)).collect();
        Page { next: next.map(|c| Cursor(c.to_owned())), ..crate::testing::page(bars) }
    }

    fn cursor(text: &str) -> Cursor {
        Cursor(text.to_owned())
    }

    #[test]
    fn a_plain_walk_passes() {
        let mut guard = PageGuard::new(Some(3));
        guard.check(&page(&[1, 2], Some("a")), None).unwrap();
        guard.check(&page(&[3], Some("b")), Some(&cursor("a"))).unwrap();
        guard.check(&page(&[], None), Some(&cursor("b"))).unwrap();
    }

    #[test]
    fn loops_are_seen_at_the_first_repeat() {
        let mut guard = PageGuard::new(Some(100));
        guard.check(&page(&[1], Some("a")), None).unwrap();
        assert!(guard.check(&page(&[2], Some("a")), Some(&cursor("a"))).is_err(), "leads to itself");
        guard.check(&page(&[2], Some("b")), Some(&cursor("a"))).unwrap();
        let back = guard.check(&page(&[3], Some("a")), Some(&cursor("b"))).unwrap_err();
        assert!(back.message.contains("already read"), "{back}");
    }

    #[test]
    fn repeated_and_overlapping_pages_are_refused() {
        let mut guard = PageGuard::new(Some(100));
        guard.check(&page(&[1, 5], Some("a")), None).unwrap();
        for again in [&[1, 5][..], &[5, 6], &[4]] {
            assert!(guard.check(&page(again, Some("b")), Some(&cursor("a"))).is_err());
        }
        guard.check(&page(&[6], Some("b")), Some(&cursor("a"))).unwrap();
    }

    #[test]
    fn empty_pages_end() {
        let mut guard = PageGuard::new(Some(100));
        for n in 0..3 {
            guard.check(&page(&[], Some(&n.to_string())), None).unwrap();
        }
        assert!(guard.check(&page(&[], Some("3")), None).is_err());
        guard.check(&page(&[], None), None).unwrap();
    }

    #[test]
    fn an_empty_end_after_a_full_page_is_refused() {
        let full = |next| Page { full: true, ..page(&[1, 2], next) };
        for between in [0, 2] {
            let mut guard = PageGuard::new(Some(100));
            guard.check(&full(Some("a")), None).unwrap();
            for n in 0..between {
                guard.check(&page(&[], Some(&n.to_string())), Some(&cursor("a"))).unwrap();
            }
            let fault = guard.check(&page(&[], None), Some(&cursor("a"))).unwrap_err();
            assert!(fault.message.contains("is empty, although"), "{fault}");
            guard.check(&page(&[3], None), Some(&cursor("a"))).unwrap();
        }
        // A page that was not full may well be the last one with bars.
        let mut guard = PageGuard::new(Some(100));
        guard.check(&full(Some("a")), None).unwrap();
        guard.check(&page(&[3], Some("b")), Some(&cursor("a"))).unwrap();
        guard.check(&page(&[], None), Some(&cursor("b"))).unwrap();
    }

    #[test]
    fn endless_pages_end() {
        let mut guard = PageGuard::new(Some(2));
        guard.check(&page(&[1], Some("a")), None).unwrap();
        guard.check(&page(&[2], Some("b")), Some(&cursor("a"))).unwrap();
        assert!(guard.check(&page(&[3], None), Some(&cursor("b"))).unwrap_err().message.contains("more than 2"));
    }
}
