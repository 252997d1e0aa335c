//! The recent past of a figure, one value for each minute or second.

use std::collections::VecDeque;

/// Values by a running number; what lies between two numbers is empty.
#[derive(Debug)]
pub struct Ring<T> {
    newest: i64,
    values: VecDeque<T>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { newest: 0, values: VecDeque::new() }
    }
}

impl<T: Copy + Default> Ring<T> {
    /// The values up to `number`, oldest first, `size` of them. A clock set back changes nothing.
    pub fn at(&mut self, number: i64, size: usize) -> &mut VecDeque<T> {
        let behind = usize::try_from(number - self.newest).unwrap_or(0).min(size);
        self.values.extend(std::iter::repeat_n(T::default(), behind));
        self.newest = self.newest.max(number);
        while self.values.len() < size {
            self.values.push_front(T::default());
        }
        while self.values.len() > size {
            self.values.pop_front();
        }
        &mut self.values
    }
}
