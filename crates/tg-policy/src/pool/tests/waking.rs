//! Who is next is woken whenever its time comes earlier than it saw last.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicU32);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_is_next_and_saw_no_time_is_woken_when_there_is_one() {
    let minute = Duration::from_secs(60);
    let queue = Some(QueueBounds { wait_max: minute, length_max: 10, bytes_max: 1000 });
    let rates = vec![(Measure::Tokens, rate(60_000, minute))];
    let quotas = Quotas::new([Spec { queue, ..spec(Concurrency::Fixed(2), rates) }]);
    let target = Target { provider: "p".into(), model: "m".into() };
    let gate = Gates::default().of(quotas.of(&target).unwrap(), &target, ms(0));
    let tokens = |team: &str, input: u64| Ask {
        need: Need { input, output: 0, bytes: 1 },
        patience: minute,
        ..ask(team, Class::Normal, 1)
    };
    // All tokens are gone, and one of two places.
    let _held = place(gate.arrive(&tokens("a", 60_000), ms(0)));
    let large = ticket(gate.arrive(&tokens("a", 20_000), ms(0)));
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    assert!(matches!(gate.look(large, &waker, ms(0)), Seen::Waits(Some(at)) if at == ms(20_000)));
    // Another team's small call goes before it, and has the other place.
    let small = ticket(gate.arrive(&tokens("b", 500), ms(1000)));
    let taken = match gate.look(small, Waker::noop(), ms(1000)) {
        Seen::Place(taken) => taken,
        other => panic!("{other:?}"),
    };
    // At its time there is no place: it depends on others when there is one.
    assert!(matches!(gate.look(large, &waker, ms(20_000)), Seen::Waits(None)));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
    gate.end(taken, End { used: Some(Used { input: 500, output: 0 }), ..used(ms(1000)) }, ms(20_200));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "its time is known now, and it would sleep on");
    assert!(matches!(gate.look(large, &waker, ms(20_200)), Seen::Waits(Some(at)) if at == ms(20_500)));
    assert!(matches!(gate.look(large, &waker, ms(20_500)), Seen::Place(_)));
}
