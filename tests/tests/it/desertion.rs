//! Resident guests that break the rules of `work`: each ends its own life, and what it had not begun goes to the next.

use std::time::Duration;

use bytesize::ByteSize;
use futures::future::join;
use pulsing_host::{
    ActorError, ActorRef, ActorSpec, CallError, Host, Message, Overflow, Payload, RestartPolicy, SendOptions,
    State,
};
use pulsing_tests::{host, spawn, spec};
use serde_json::json;

use crate::{bounded, eventually};

pub(crate) const SERIAL: &str = "deserter";
const OVERLAPPING: &str = "deserter-overlapping";
const BRIEFLY: Duration = Duration::from_millis(100);
/// What a guest may compute, where that is what it goes for.
const MAX_CPU: Duration = Duration::from_millis(500);

/// What the caller of a fault gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// A system error: the life ended before there was an outcome.
    CutOff,
    /// What the guest handed in for it before it broke the rule, or with that.
    Answered,
    /// Nothing: it was a tell, which is in the dead letters.
    Buried,
}

pub(crate) fn deserter(guest: &str) -> ActorSpec {
    let mut spec = spec(guest).unwrap();
    spec.restart.max_restarts = 1000;
    spec.grants.ask = vec!["echo".parse().unwrap()];
    spec
}

/// Tells the actor `numbers`, without letting it have a turn in between.
pub(crate) async fn note(actor: &ActorRef, numbers: std::ops::Range<u64>) {
    for number in numbers {
        actor.tell("note", &(number,)).await.unwrap();
    }
}

async fn ask(actor: &ActorRef, method: &str) -> Result<Payload, CallError> {
    bounded(actor.ask_message(Message::new(method, Payload::none()), SendOptions::default())).await
}

/// What this life has noted.
pub(crate) async fn noted(actor: &ActorRef) -> Vec<u64> {
    let noted: Vec<(u64,)> = bounded(actor.ask("noted", &()).into_future()).await.unwrap();
    noted.into_iter().map(|(number,)| number).collect()
}

/// Has an actor commit a fault with the fourth of ten messages that all wait. Returns how that ended its life.
async fn desert(actor: &ActorRef, fault: &str, caller: Caller) -> String {
    note(actor, 0..3).await;
    match caller {
        Caller::CutOff | Caller::Answered => {
            let (outcome, ()) = join(ask(actor, fault), note(actor, 4..10)).await;
            let is_cut_off = matches!(&outcome, Err(CallError::Actor(ActorError::System { message, .. }))
                if message.contains("was cut off: the actor crashed"));
            assert_eq!(is_cut_off, caller == Caller::CutOff, "{fault}: {outcome:?}");
        }
        Caller::Buried => {
            actor.tell(fault, &()).await.unwrap();
            note(actor, 4..10).await;
        }
    }
    let status = bounded(actor.wait_for(|status| status.generation.0 == 1)).await.unwrap();
    status.last_exit.unwrap().report()
}

/// The methods of the messages that came to nothing.
pub(crate) async fn buried(actor: &ActorRef) -> Vec<String> {
    let letters = actor.dead_letters().await.unwrap();
    letters.into_iter().map(|letter| letter.message.method.to_string()).collect()
}

/// Commits a fault, and looks at what it has done to others.
async fn check(host: &Host, neighbour: &ActorRef, guest: &str, fault: (&str, Caller, &str)) {
    /// On a machine that has much to do, an actor can be at work on a thread of its own before all messages wait.
    const TRIES: u32 = 5;
    let (fault, caller, says) = fault;
    let mut tries = 0;
    let (actor, report) = loop {
        tries += 1;
        let actor = spawn(host, deserter(guest)).await.unwrap();
        let report = desert(&actor, fault, caller).await;
        println!("{guest} {fault}: {report}");
        if tries == TRIES || report.contains("with 10 messages shown") {
            break (actor, report);
        }
        bounded(actor.stop()).await.unwrap();
    };
    assert!(report.contains(says), "{guest} {fault}: {report}");
    assert!(report.contains("with 10 messages shown"), "{guest} {fault}: {report}");
    assert_eq!(
        noted(&actor).await,
        [4, 5, 6, 7, 8, 9],
        "{guest} {fault}: the next life has what had not begun"
    );
    let dead = if caller == Caller::Buried { vec![fault.to_owned()] } else { vec![] };
    assert_eq!(buried(&actor).await, dead, "{guest} {fault}: nothing else is lost");
    assert_eq!(actor.status().await.unwrap().generation.0, 1, "{guest} {fault}");
    bounded(actor.stop()).await.unwrap();
    bounded(neighbour.ask::<u64>("increment", &json!([])).into_future()).await.unwrap();
    assert_eq!(neighbour.status().await.unwrap().generation.0, 0, "{guest} {fault}");
}

async fn check_all(guests: &[&str], faults: &[(&str, Caller, &str)]) {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    for guest in guests {
        for fault in faults {
            check(&host, &neighbour, guest, *fault).await;
        }
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_list_that_is_malformed_ends_the_life_that_hands_it_in() {
    let faults = [
        ("short", Caller::CutOff, "a packed list is shorter than its trailer"),
        ("version", Caller::CutOff, "a packed list is of a version that is not known here"),
        ("reserved", Caller::Buried, "a packed list is of a version that is not known here"),
        ("beyond", Caller::CutOff, "a packed list is shorter than its entries"),
        ("kind", Caller::Buried, "a packed list has a kind of outcome that is not known here"),
        ("encoding", Caller::CutOff, "a packed list has an encoding that is not known here"),
        ("body", Caller::CutOff, "a packed list has a body that is longer than it"),
        ("flag", Caller::CutOff, "a packed list has a flag that is neither 0 nor 1"),
        ("utf-8", Caller::Buried, "a packed list has a text that is not UTF-8"),
        ("items", Caller::CutOff, "a packed list ends within an entry"),
        // What comes before the fault counts.
        ("stray", Caller::Answered, "a packed list has bytes of no entry"),
        ("count", Caller::Answered, "a packed list ends within an entry"),
        ("too-long", Caller::CutOff, "too much data is being copied"),
    ];
    check_all(&[SERIAL, OVERLAPPING], &faults).await;
}

#[tokio::test]
async fn an_outcome_of_what_a_life_does_not_have_in_hand_ends_it() {
    let says = "it handed in an outcome of what it was not given, or of another kind of work";
    let faults = [
        ("never-given", Caller::CutOff, says),
        ("none", Caller::CutOff, says),
        ("error-of-none", Caller::Buried, says),
        ("twice", Caller::Answered, says),
        ("value-of-tell", Caller::Buried, says),
        ("stream-of-tell", Caller::Buried, says),
        ("told-of-ask", Caller::CutOff, says),
        ("items-of-ask", Caller::CutOff, says),
        ("ahead", Caller::CutOff, says),
    ];
    check_all(&[SERIAL, OVERLAPPING], &faults).await;
    let closed = [("closed-of-ask", Caller::CutOff, says)];
    check_all(&[SERIAL], &closed).await;
}

#[tokio::test]
async fn a_serial_guest_that_wants_more_before_it_is_done_ends_its_life() {
    let says = "it wants more work, and has not handed in what came of the last";
    let faults = [
        ("next-in-hand", Caller::CutOff, says),
        ("step-in-hand", Caller::CutOff, says),
        ("next-in-hand", Caller::Buried, says),
        ("malformed-in-step", Caller::CutOff, "a packed list is shorter than its trailer"),
    ];
    check_all(&[SERIAL], &faults).await;
}

#[tokio::test]
async fn a_guest_that_leaves_its_place_untold_loses_what_it_has_in_hand_alone() {
    let untold = "`run` returned, and was not told to";
    let faults = [
        ("return", Caller::CutOff, untold),
        ("return", Caller::Buried, untold),
        ("trap", Caller::CutOff, "wasm `unreachable` instruction executed"),
        ("trap", Caller::Buried, "wasm `unreachable` instruction executed"),
    ];
    check_all(&[SERIAL, OVERLAPPING], &faults).await;
}

#[tokio::test]
async fn a_step_where_there_is_no_message_ends_the_life() {
    let host = host().unwrap();
    for guest in [SERIAL, OVERLAPPING] {
        let actor = spawn(&host, deserter(guest)).await.unwrap();
        note(&actor, 0..3).await;
        ask(&actor, "step-beyond").await.expect("it was answered before");
        let status = bounded(actor.wait_for(|status| status.generation.0 == 1)).await.unwrap();
        let report = status.last_exit.unwrap().report();
        assert!(report.contains("it called `step` more often than it was given messages"), "{report}");
        assert!(report.contains("with 4 messages shown"), "{report}");
        note(&actor, 4..6).await;
        assert_eq!(noted(&actor).await, [4, 5]);
        assert!(buried(&actor).await.is_empty());
        bounded(actor.stop()).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_step_after_the_rest_was_given_back_ends_the_life_and_the_rest_is_handled_by_the_next() {
    let host = host().unwrap();
    let actor = spawn(&host, deserter(SERIAL)).await.unwrap();
    note(&actor, 0..3).await;
    // An ask has a deadline, and what is left of that is told anew where it has waited.
    let later = async {
        let first = ask(&actor, "noted");
        let (answer, ()) = join(first, note(&actor, 4..6)).await;
        answer.unwrap();
    };
    let (outcome, ()) = join(ask(&actor, "step-after-give-back"), later).await;
    outcome.expect("it was answered before");
    let status = bounded(actor.wait_for(|status| status.generation.0 == 1)).await.unwrap();
    let report = status.last_exit.unwrap().report();
    assert!(report.contains("it called `step` more often than it was given messages"), "{report}");
    assert_eq!(noted(&actor).await, [4, 5]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_asks_for_work_before_it_has_started_does_not_start() {
    let host = host().unwrap();
    let late = "start did not return within 300ms";
    let step = "it called `step` more often than it was given messages";
    let none = "it handed in an outcome of what it was not given";
    for (guest, fault, says) in [
        (SERIAL, "next", late),
        (SERIAL, "step", step),
        (SERIAL, "hand-in", none),
        (OVERLAPPING, "next", late),
        (OVERLAPPING, "step", step),
    ] {
        let mut spec = deserter(guest);
        spec.grants.env = [("FAULT".to_owned(), fault.to_owned())].into();
        spec.restart.policy = RestartPolicy::Never;
        spec.limits.start_timeout = Duration::from_millis(300);
        let actor = host.spawn(spec).await.unwrap();
        let status = bounded(actor.wait_for(|status| status.state.is_final())).await.unwrap();
        let report = status.last_exit.unwrap().report();
        assert!(report.contains(says), "{guest} {fault}: {report}");
    }
    let mut spec = deserter(OVERLAPPING);
    spec.grants.env = [("FAULT".to_owned(), "sleep".to_owned())].into();
    spawn(&host, spec).await.expect("a start that overlaps with nothing may wait");
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_computes_on_in_the_midst_of_a_list_is_ended_and_the_rest_is_not_lost() {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    for guest in [SERIAL, OVERLAPPING] {
        for is_ask in [true, false] {
            let mut spec = deserter(guest);
            spec.limits.ask_timeout = BRIEFLY;
            spec.limits.grace = BRIEFLY;
            spec.limits.handler_max_cpu = MAX_CPU;
            let actor = spawn(&host, spec).await.unwrap();
            note(&actor, 0..3).await;
            let says = if is_ask {
                let (outcome, ()) = join(ask(&actor, "spin"), note(&actor, 4..10)).await;
                assert!(matches!(outcome, Err(CallError::Actor(ActorError::Timeout { .. }))), "{outcome:?}");
                "`spin` did not return within 100ms after it was told to stop"
            } else {
                actor.tell("spin", &()).await.unwrap();
                note(&actor, 4..10).await;
                bounded(neighbour.ask::<u64>("increment", &json!([])).into_future()).await.unwrap();
                "computed for 500ms without waiting or ending a handler"
            };
            let status = bounded(actor.wait_for(|status| status.generation.0 == 1)).await.unwrap();
            let report = status.last_exit.unwrap().report();
            assert!(report.contains(says), "{guest}: {report}");
            assert_eq!(noted(&actor).await, [4, 5, 6, 7, 8, 9], "{guest}");
            bounded(actor.stop()).await.unwrap();
        }
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_was_shown_and_has_lost_its_caller_or_its_place_is_not_handled() {
    let host = host().unwrap();
    for guest in [SERIAL, OVERLAPPING] {
        let actor = spawn(&host, deserter(guest)).await.unwrap();
        let options = || SendOptions { timeout: Some(Duration::MAX), ..SendOptions::default() };
        let ask = |number: u64| {
            let args = Payload::json(format!("[{number}]"));
            actor.ask_message(Message::new("note", args), options())
        };
        note(&actor, 0..1).await;
        actor.tell("dawdle", &()).await.unwrap();
        let mut asks: Vec<_> = (1..6).map(|number| Box::pin(ask(number))).collect();
        for ask in &mut asks {
            assert!(futures::poll!(ask).is_pending());
        }
        note(&actor, 6..8).await;
        eventually(|| async { actor.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 1).await;
        // Two of five go away while it dawdles, and everything behind it was shown.
        drop(asks.drain(1..3));
        for ask in asks {
            bounded(ask).await.unwrap();
        }
        assert_eq!(noted(&actor).await, [0, 1, 4, 5, 6, 7], "{guest}");
        bounded(actor.stop()).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_was_shown_and_gave_way_to_newer_messages_is_not_handled() {
    let host = host().unwrap();
    let mut spec = deserter(SERIAL);
    spec.limits.mailbox_messages = 4.try_into().unwrap();
    spec.limits.overflow = Overflow::DropOldest;
    let actor = spawn(&host, spec).await.unwrap();
    actor.tell("dawdle", &()).await.unwrap();
    note(&actor, 0..3).await;
    eventually(|| async { actor.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 1).await;
    note(&actor, 3..6).await;
    eventually(|| async { actor.snapshot().await.unwrap().mailbox_depth }, |depth| *depth == 0).await;
    assert_eq!(noted(&actor).await, [2, 3, 4, 5]);
    assert_eq!(buried(&actor).await, ["note", "note"]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_draw_that_brings_another_outcome_ends_the_life_and_one_of_too_many_items_its_stream() {
    let host = host().unwrap();
    let mut spec = deserter(SERIAL);
    spec.limits.memory_max = ByteSize::mib(512);
    let actor = spawn(&host, spec).await.unwrap();
    for (kind, says) in
        [("value", "was cut off: the actor crashed"), ("many", "items where 1 were asked for")]
    {
        let mut stream = bounded(actor.stream("stream", &(kind,)).into_future()).await.unwrap();
        let error = bounded(stream.next_batch(1)).await.unwrap_err();
        assert!(error.to_string().contains(says), "{kind}: {error}");
    }
    bounded(actor.ready()).await.unwrap();
    assert_eq!(actor.status().await.unwrap().generation.0, 1);
    host.shutdown().await;
}

/// Sends a fault to an overlapping guest alone. Returns how its life ended.
async fn end_of(host: &Host, fault: &str, memory_max: ByteSize) -> String {
    let mut spec = deserter(OVERLAPPING);
    spec.restart.policy = RestartPolicy::Never;
    spec.limits.memory_max = memory_max;
    let actor = spawn(host, spec).await.unwrap();
    ask(&actor, fault).await.expect_err(fault);
    let status = bounded(actor.wait_for(|status| status.state.is_final())).await.unwrap();
    status.last_exit.unwrap().report()
}

#[tokio::test]
async fn a_result_is_taken_once_as_what_it_is_and_when_it_is_there() {
    let host = host().unwrap();
    spawn(&host, spec("echo").unwrap()).await.unwrap();
    for (fault, says) in [
        ("result-of-nothing", "there is no result of a wait 18446744073709551615"),
        ("result-of-sleep", "there is no result of a wait"),
        ("result-too-early", "there is no result of a wait"),
        ("result-given-up", "there is no result of a wait"),
        ("result-twice", "there is no result of a wait"),
        ("result-as-told", "is for something else"),
        ("result-as-opened", "is for something else"),
        ("result-as-drawn", "is for something else"),
    ] {
        let report = end_of(&host, fault, ByteSize::gib(1)).await;
        assert!(report.contains(says), "{fault}: {report}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_waits_for_too_much_at_once_ends_its_life() {
    let host = host().unwrap();
    spawn(&host, spec("echo").unwrap()).await.unwrap();
    for (fault, says) in [
        ("too-many-sleeps", "it waits for 65536 things already"),
        ("too-many-asks", "it waits for 65536 things already"),
        ("too-many-given-up", "it has given up too much without calling `next`"),
    ] {
        let report = end_of(&host, fault, ByteSize::gib(1)).await;
        assert!(report.contains(says), "{fault}: {report}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn budgets_of_memory_are_for_what_a_guest_waits_for_too() {
    let host = host().unwrap();
    spawn(&host, spec("echo").unwrap()).await.unwrap();
    for fault in ["too-many-sleeps", "too-many-asks", "too-many-given-up"] {
        let report = end_of(&host, fault, ByteSize::mib(16)).await;
        let says = "it was refused memory over its limit of 16777216 bytes";
        assert!(report.contains(says), "{fault}: {report}");
    }
    assert!(host.memory_bytes() < 16 << 20, "what the echo has is all that is left");
    host.shutdown().await;
}

#[tokio::test]
async fn what_is_odd_about_waits_and_no_fault_does_no_harm() {
    let host = host().unwrap();
    spawn(&host, spec("echo").unwrap()).await.unwrap();
    let actor = spawn(&host, deserter(OVERLAPPING)).await.unwrap();
    let odd = ["sleep-for-ever", "give-up-sleeps", "give-up-nothing", "give-up-results", "closed-unasked"];
    for odd in odd {
        ask(&actor, odd).await.expect(odd);
    }
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    bounded(actor.stop()).await.unwrap();
    host.shutdown().await;
}

#[tokio::test]
async fn results_that_a_guest_does_not_take_are_kept_within_its_budget() {
    let host = host().unwrap();
    spawn(&host, spec("echo").unwrap()).await.unwrap();
    let actor = spawn(&host, deserter(OVERLAPPING)).await.unwrap();
    // 60 answers of 4 MiB, of which the host keeps 64 MiB.
    let lost: u64 = bounded(actor.ask("hoard", &()).into_future()).await.unwrap();
    assert!((44..=46).contains(&lost), "{lost}");
    // What was kept was taken, and there is room again.
    let lost: u64 = bounded(actor.ask("hoard", &()).into_future()).await.unwrap();
    assert!((44..=46).contains(&lost), "{lost}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_naps_over_and_over_holds_up_itself_alone_and_is_stopped_in_time() {
    let host = host().unwrap();
    let neighbour = spawn(&host, spec("counter").unwrap()).await.unwrap();
    let mut spec = deserter(OVERLAPPING);
    spec.limits.stop_timeout = BRIEFLY;
    spec.limits.grace = BRIEFLY;
    let actor = spawn(&host, spec).await.unwrap();
    actor.tell("naps", &()).await.unwrap();
    eventually(|| async { actor.snapshot().await.unwrap().in_flight }, |in_flight| *in_flight == 1).await;
    for _ in 0..20 {
        bounded(neighbour.ask::<u64>("increment", &json!([])).into_future()).await.unwrap();
    }
    // Other messages are handled meanwhile.
    note(&actor, 0..3).await;
    assert_eq!(noted(&actor).await, [0, 1, 2]);
    assert_eq!(actor.status().await.unwrap().generation.0, 0);
    bounded(actor.stop()).await.unwrap();
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_naps_between_its_messages_is_told_to_stop() {
    let host = host().unwrap();
    let actor = spawn(&host, deserter(OVERLAPPING)).await.unwrap();
    actor.tell("naps-on", &()).await.unwrap();
    note(&actor, 0..3).await;
    assert_eq!(noted(&actor).await, [0, 1, 2]);
    let status = bounded(actor.stop()).await.unwrap();
    assert_eq!(status.state, State::Stopped, "{:?}", status.last_exit);
    host.shutdown().await;
}
