//! Named points, shared by all threads.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The two belong together: nobody may see the `x` of one write beside the `y` of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub x: String,
    pub y: String,
}

/// One lock for all points. It is held for a few instructions and never while waiting for a
/// client; with a single lock there is no order in which to take locks, hence no deadlock.
#[derive(Default)]
pub struct Points(Mutex<HashMap<String, Point>>);

impl Points {
    pub fn set(&self, name: &str, point: Point) {
        self.lock().insert(name.to_owned(), point);
    }

    pub fn get(&self, name: &str) -> Option<Point> {
        self.lock().get(name).cloned()
    }

    /// Exchanges two points; returns whether both exist.
    pub fn swap(&self, one: &str, other: &str) -> bool {
        let mut points = self.lock();
        let (Some(first), Some(second)) = (points.get(one).cloned(), points.get(other).cloned())
        else {
            return false;
        };
        points.insert(one.to_owned(), second);
        points.insert(other.to_owned(), first);
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Point>> {
        // A thread that panicked with the lock in hand has left whole points behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn point(number: usize) -> Point {
        Point {
            x: number.to_string(),
            y: number.to_string(),
        }
    }

    #[test]
    fn swapping_needs_both() {
        let points = Points::default();
        points.set("a", point(1));
        assert!(points.swap("a", "a"));
        assert!(!points.swap("a", "b"));
        points.set("b", point(2));
        assert!(points.swap("a", "b"));
        assert_eq!(
            (points.get("a"), points.get("b")),
            (Some(point(2)), Some(point(1)))
        );
    }

    #[test]
    fn opposite_swaps_and_writes_keep_points_whole() {
        let points = Points::default();
        points.set("a", point(0));
        points.set("b", point(1));
        thread::scope(|scope| {
            for (one, other) in [("a", "b"), ("b", "a")] {
                let points = &points;
                scope.spawn(move || {
                    for number in 0..5_000 {
                        assert!(points.swap(one, other));
                        points.set(one, point(number));
                        let seen = points.get(other).unwrap();
                        assert_eq!(seen.x, seen.y);
                    }
                });
            }
        });
    }
}
