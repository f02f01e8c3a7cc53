//! Which worker a room goes to, and for how long one that failed is left out.

use crate::engine::route::Route;

use super::*;

fn route(workers: &[&str]) -> Route {
    let mut route = Route::new(RouteOptions {
        workers: workers.iter().map(|&name| name.into()).collect(),
        patience: Duration::ZERO,
        lines: false,
        proxy: false,
    });
    for worker in 0..workers.len() {
        route.set_addresses(worker, vec![address(worker)]);
    }
    route
}

fn address(worker: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1000 + worker as u16))
}

fn now() -> Moment {
    let now = Instant::now();
    Epoch::new(now).moment(now)
}

/// The names of the workers in the order in which they are tried.
fn tried(route: &Route, now: Moment, room: &str) -> Vec<String> {
    let candidates = route.candidates(now, Some(room));
    let names = candidates.iter().map(|one| route.name(one.worker).into());
    names.collect()
}

#[test]
fn a_room_moves_only_if_its_own_worker_goes() {
    let now = now();
    let (three, two) = (route(&["a:1", "b:1", "c:1"]), route(&["c:1", "a:1"]));
    let mut on_b = 0;
    for room in 0..300 {
        let room = format!("room-{room}");
        let order = tried(&three, now, &room);
        let without: Vec<_> = order.iter().filter(|&name| name != "b:1").collect();
        assert_eq!(
            tried(&two, now, &room),
            without.into_iter().cloned().collect::<Vec<_>>()
        );
        on_b += u32::from(order[0] == "b:1");
    }
    assert!(
        (70..130).contains(&on_b),
        "{on_b} of 300 rooms on one of three"
    );
}

#[test]
fn other_rooms_go_where_the_fewest_are() {
    let now = now();
    let mut route = route(&["a:1", "b:1"]);
    let mut leases = Vec::new();
    let mut give = |route: &mut Route| {
        let worker = route.candidates(now, None)[0].worker;
        leases.push(route.lease(worker));
        worker
    };
    assert_eq!(
        [give(&mut route), give(&mut route), give(&mut route)],
        [0, 1, 0]
    );
    leases.remove(2);
    leases.remove(0);
    assert_eq!(
        route.states().map(|state| state.rooms).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(route.candidates(now, None)[0].worker, 0);
    leases.clear();
    assert_eq!(
        route.candidates(now, None)[0].worker,
        1,
        "the one that was given fewer"
    );
}

#[test]
fn one_that_failed_is_left_out_for_longer_and_longer() {
    let mut now = now();
    let mut route = route(&["a:1"]);
    for rest in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
        let candidate = route.candidates(now, Some("r"))[0];
        assert_eq!(route.failed(now, candidate), Some(rest));
        assert!(!route.states().next().unwrap().up);
        assert!(
            route
                .candidates(now + (rest - Duration::from_millis(1)), Some("r"))
                .is_empty()
        );
        now = now + rest;
    }
    let mut candidates = [
        route.candidates(now, Some("r")),
        route.candidates(now, Some("r")),
    ];
    let mut tried = candidates.each_mut().map(|next| route.next(now, next));
    assert!(tried[0].take().is_some());
    assert!(tried[1].is_none(), "one room tries it");
    assert!(route.candidates(now, Some("r")).is_empty());
    assert!(route.worked(0));
    assert!(!route.worked(0));
    assert_eq!(route.candidates(now, Some("r")).len(), 1);
    assert!(route.states().next().unwrap().up);
}

#[test]
fn a_worker_fails_with_its_last_address() {
    let now = now();
    let mut route = route(&["a:1", "b:1"]);
    route.set_addresses(0, vec![address(7), address(8)]);
    let [first, second, other] = *route.candidates(now, None).make_contiguous() else {
        panic!("two addresses and one");
    };
    assert_eq!(
        [first.address, second.address, other.address],
        [7, 8, 1].map(address)
    );
    assert_eq!(route.failed(now, first), None);
    assert!(route.failed(now, second).is_some());
}

#[test]
fn rooms_that_a_worker_fails_together_count_once() {
    let mut now = now();
    let mut route = route(&["a:1"]);
    let tried = |route: &mut Route, now| route.next(now, &mut route.candidates(now, Some("r")));
    let together: Vec<_> = (0..9).map(|_| tried(&mut route, now).unwrap().0).collect();
    for candidate in together {
        assert_eq!(route.failed(now, candidate), Some(Duration::from_secs(1)));
    }
    now = now + Duration::from_secs(1);
    let (again, _) = tried(&mut route, now).unwrap();
    assert_eq!(route.failed(now, again), Some(Duration::from_secs(2)));
}

#[test]
fn while_one_room_tries_a_worker_the_next_goes_to_another() {
    let mut now = now();
    let mut route = route(&["a:1", "b:1"]);
    route.set_addresses(0, vec![address(7), address(8)]);
    let last = route.candidates(now, None)[1];
    assert_eq!(route.failed(now, last), Some(Duration::from_secs(1)));
    now = now + Duration::from_secs(1);
    let mut rooms = [(); 2].map(|()| route.candidates(now, None));
    let tried = rooms.each_mut().map(|next| route.next(now, next));
    let tried = tried.map(|tried| tried.map(|(candidate, _)| candidate.address));
    assert_eq!(tried, [Some(address(7)), Some(address(1))]);
}

#[test]
fn a_worker_is_up_if_all_listeners_find_it_so_and_has_the_rooms_of_all() {
    let seen = |up, rooms| WorkerState {
        name: "a:1".into(),
        up,
        rooms,
    };
    let mut state = seen(true, 1);
    state.add(&seen(true, 2));
    assert_eq!(state, seen(true, 3));
    state.add(&seen(false, 4));
    assert_eq!(state, seen(false, 7));
    state.add(&seen(true, 0));
    assert_eq!(state, seen(false, 7));
}
