//! Settling: proving that nothing in the submission can move before the world acts.
//!
//! Two proofs on our side (nothing runnable in the runtime, nothing unread in the kernel: `world::side`)
//! around two equal looks at the submission's threads, all asleep for a known reason. A finite timer
//! is a wake-up to come: short ones are waited out, and a program that polls by them is settled, with a
//! lower grade, once several periods passed without anything new.

use std::time::{Duration, Instant};

use super::look::{Look, Looker};
use crate::evidence::{Grade, SPINNING};

/// What settling needs of its surroundings (one thread, so its futures need not be `Send`). The arena implements it over the real world; tests script it.
#[allow(async_fn_in_trait)]
pub trait Scene {
    /// Resolves when the runtime has nothing runnable.
    async fn drain(&self);
    /// Whether something waits unread on any of our descriptors.
    fn ready(&self) -> bool;
    /// Sleeps, ending early (and saying so) when anything arrives.
    fn nap(&self, time: Duration) -> bool;
    /// Counts everything that happened.
    fn seq(&self) -> u64;
    /// Counts what shows that the submission gets on. What it merely prints need not.
    fn news(&self) -> u64 {
        self.seq()
    }
    /// Whether the world itself is about to move (dripping answers, timed steps).
    fn busy(&self) -> bool;
    /// Whether bytes are on the way between the world and the submission.
    fn on_the_way(&self) -> bool;
    /// Whether bytes between the world and the submission must move by themselves: never a lasting state.
    fn owed(&self) -> bool {
        false
    }
    /// Whether the gate holds this thread in a system call.
    fn holds(&self, tid: u32) -> bool;
    /// Whether the submission's own process has ended.
    fn exited(&self) -> bool;
}

/// How long to watch.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Timers due sooner are waited out; later ones count as "not coming".
    pub timer: Duration,
    /// A program that keeps waking up is settled no sooner than after so long without any event.
    pub polled: Duration,
    /// Quiet that stands for settling where threads can't be looked at; beyond `idle`, none does.
    pub timed: Duration,
    /// Give up after so long without any event, on the wall clock.
    pub idle: Duration,
    /// Give up after so much processor time of the submission without any event.
    pub spin: Duration,
    /// End of the whole run.
    pub until: Instant,
}

/// What watching came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// What was waited for is so.
    Goal,
    /// The submission's own process ended first.
    Exited,
    /// It can't move before the world acts, or before the timer.
    Settled {
        grade: Grade,
        timer: Option<Duration>,
        look: Look,
    },
    /// A give-up limit struck while it could still move.
    GaveUp(&'static str),
}

/// So many times longer a program is watched that uses the processor and does nothing.
const SPINNER: u32 = 3;
/// Between the two looks: lets work that is under way in the kernel surface.
const GAP: Duration = Duration::from_millis(1);
const NAP_MIN: Duration = Duration::from_micros(100);
const NAP_MAX: Duration = Duration::from_millis(4);
/// A timer fires a little late.
const LATE: Duration = Duration::from_micros(300);
/// Re-checks granted to bytes that stay "on the way" while nothing else moves.
const STUCK_BYTES: u32 = 40;
/// Descriptors of a process up to which its timerfds are looked for.
const TIMERFD_BOUND: usize = 1024;

/// Watches until `goal` holds or the submission has settled. Between a look and the verdict there is no await.
pub async fn watch(
    scene: &impl Scene,
    mut looker: Option<&mut Looker>,
    patience: Patience,
    mut goal: impl FnMut() -> bool,
) -> Seen {
    let mut calm = Calm::new();
    let mut nap = NAP_MIN;
    let mut seq = None;
    let mut news = None;
    let mut look_due = Instant::now();
    let mut run_ns_at_event = None;
    let mut stuck_bytes = 0;
    let mut spent = 0;
    loop {
        scene.drain().await;
        if goal() {
            return Seen::Goal;
        }
        if scene.exited() {
            return Seen::Exited;
        }
        let now = Instant::now();
        let current = scene.seq();
        if now >= patience.until {
            return Seen::GaveUp("the run's time is over");
        }
        if seq != Some(current) {
            seq = Some(current);
            let told = news.replace(scene.news());
            if told != news {
                if told.is_some() {
                    calm.event(now);
                }
                (nap, run_ns_at_event, stuck_bytes, spent) = (NAP_MIN, None, 0, 0);
                if scene.nap(NAP_MIN) {
                    continue;
                }
            }
        }
        // One that seems to spin on a busy host is given the time to show it.
        let watched = if spent >= patience.spin.as_nanos() as u64 / 10 {
            patience.idle * SPINNER
        } else {
            patience.idle
        };
        if calm.quiet(now) >= watched {
            return Seen::GaveUp(
                "nothing happened for too long, though the program could still run",
            );
        }
        if scene.busy() {
            scene.nap(NAP_MAX);
            continue;
        }
        let Some(looker) = looker.as_deref_mut() else {
            if calm.quiet(now) >= patience.timed.max(4 * calm.longest) {
                return Seen::Settled {
                    grade: Grade::Timed,
                    timer: None,
                    look: Look::default(),
                };
            }
            scene.nap(NAP_MAX);
            continue;
        };

        // Thousands of threads take long to look at; meanwhile the world stands still.
        if Instant::now() < look_due {
            scene.nap(NAP_MIN);
            continue;
        }
        let unchanged = |scene: &_| !Scene::ready(scene) && Scene::seq(scene) == current;
        let first = looker.look();
        look_due = Instant::now() + now.elapsed();
        // Its own process can't be over without init telling so: init is about to, even if it looks asleep. (It
        // hides what it sleeps in, and wait4(2) counts as sleep from the start.)
        if looker.own_is_over(&first) || !first.asleep(|tid| scene.holds(tid)) {
            spent = first
                .run_ns()
                .saturating_sub(*run_ns_at_event.get_or_insert(first.run_ns()));
            if Duration::from_nanos(spent) >= patience.spin {
                return Seen::GaveUp(SPINNING);
            }
            nap = (nap * 2).min(NAP_MAX);
            scene.nap(nap);
            continue;
        }
        if !unchanged(scene) || scene.nap(GAP) {
            continue;
        }
        let second = looker.look();
        if first != second || !unchanged(scene) {
            continue;
        }
        if scene.owed() {
            scene.nap(GAP);
            continue;
        }
        if scene.on_the_way() && stuck_bytes < STUCK_BYTES {
            stuck_bytes += 1;
            scene.nap(GAP);
            continue;
        }
        let timers = looker.earliest_timer(&second);
        let timerfd = looker.earliest_timerfd(&second, TIMERFD_BOUND);
        // A timeout is read from the memory of a sleeper: if it woke meanwhile, what was read is noise.
        if looker.look() != second || !unchanged(scene) {
            continue;
        }
        // What is asked of the kernel, and not told by an event, may have come to be just before the looks.
        if goal() {
            return Seen::Goal;
        }
        if !unchanged(scene) {
            continue;
        }
        let (timer, known) = match timers {
            Ok(timer) => (timer.into_iter().chain(timerfd).min(), true),
            Err(_) => (timerfd, false),
        };
        let settled = |grade| Seen::Settled {
            grade,
            timer,
            look: second.clone(),
        };
        if known && timer.is_none_or(|t| t >= patience.timer) {
            return settled(Grade::Certain);
        }
        if calm.point(Instant::now(), timer, patience.polled) {
            return settled(Grade::Polled);
        }
        let wait = timer.map_or(Duration::from_millis(10), |t| t.min(patience.timer) + LATE);
        scene.nap(wait);
    }
}

/// The polling rule: how much quiet makes a program that keeps waking up settled all the same.
struct Calm {
    last_event: Instant,
    /// Longest quiet that an event ended.
    longest: Duration,
    had_event: bool,
    points: u32,
    /// Longest timer that was waited out since the last event. One that grows (a pause before the next
    /// try) is no period yet.
    timer: Duration,
}

impl Calm {
    fn new() -> Calm {
        Calm {
            last_event: Instant::now(),
            longest: Duration::ZERO,
            had_event: false,
            points: 0,
            timer: Duration::ZERO,
        }
    }

    fn quiet(&self, now: Instant) -> Duration {
        now.duration_since(self.last_event)
    }

    fn event(&mut self, now: Instant) {
        // The first gap is the program's start or its thinking, not its period.
        if self.had_event {
            self.longest = self.longest.max(self.quiet(now));
        }
        (self.had_event, self.last_event, self.points) = (true, now, 0);
        self.timer = Duration::ZERO;
    }

    /// Counts a quiet point, at which this timer is pending; says whether there were enough of them for
    /// long enough, and for no less than `least`.
    fn point(&mut self, now: Instant, timer: Option<Duration>, least: Duration) -> bool {
        self.points += 1;
        self.timer = self.timer.max(timer.unwrap_or_default());
        let quiet = self.quiet(now);
        let enough = self.points >= 8 || (self.points >= 3 && quiet >= Duration::from_secs(1));
        enough && quiet >= least.max(4 * self.longest).max(4 * self.timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(100);

    #[test]
    fn a_poller_is_settled_after_eight_quiet_points_and_four_of_its_periods() {
        let mut calm = Calm::new();
        let t0 = calm.last_event;
        let at = |ms| t0 + Duration::from_millis(ms);
        calm.event(at(500));
        calm.event(at(540));
        for i in 1..=8 {
            assert!(!calm.point(at(540 + i * 10), None, LEAST), "point {i}");
        }
        assert!(
            !calm.point(at(540 + 159), None, LEAST),
            "four periods of 40 ms are not over"
        );
        assert!(calm.point(at(540 + 160), None, LEAST));
    }

    #[test]
    fn an_event_starts_the_count_anew() {
        let mut calm = Calm::new();
        let t0 = calm.last_event;
        let at = |ms| t0 + Duration::from_millis(ms);
        (0..7).for_each(|_| assert!(!calm.point(at(200), None, LEAST)));
        calm.event(at(201));
        (0..7).for_each(|_| assert!(!calm.point(at(400), None, LEAST)));
        assert!(calm.point(at(400), None, LEAST));
    }

    #[test]
    fn pauses_that_grow_are_no_period() {
        let mut calm = Calm::new();
        let t0 = calm.last_event;
        let mut at = Duration::ZERO;
        // Half a second before the second try, then one, two, four: nine points, and still one to come.
        for pause in [500, 500, 1000, 1000, 2000, 2000, 4000, 4000] {
            let pause = Duration::from_millis(pause);
            assert!(!calm.point(t0 + at, Some(pause), LEAST), "{pause:?}");
            at += pause / 2;
        }
        assert!(!calm.point(t0 + at, Some(Duration::from_secs(8)), LEAST));
    }

    #[test]
    fn where_the_end_is_waited_for_a_poller_gets_more_time() {
        let mut calm = Calm::new();
        let t0 = calm.last_event;
        let (tick, least) = (Some(Duration::from_millis(10)), Duration::from_secs(3));
        for i in 0..299 {
            assert!(!calm.point(t0 + Duration::from_millis(10 * i), tick, least));
        }
        assert!(calm.point(t0 + Duration::from_secs(3), tick, least));
    }

    #[test]
    fn slow_tickers_need_fewer_points() {
        let mut calm = Calm::new();
        let t0 = calm.last_event;
        let at = |ms| t0 + Duration::from_millis(ms);
        assert!(!calm.point(at(500), None, LEAST));
        assert!(!calm.point(at(1000), None, LEAST));
        assert!(calm.point(at(1500), None, LEAST));
    }
}
