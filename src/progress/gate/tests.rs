//! Who is let in, in which order, and who is turned back.

use super::*;
use barkeep_market::Ts;

fn priority(criticality: Criticality) -> Priority {
    Priority { recheck: false, criticality, history: false, scheduled: true }
}

#[tokio::test]
async fn the_most_important_goes_first() {
    let gate = PriorityGate::new(1);
    let cancel = CancellationToken::new();
    let first = gate.enter(priority(Criticality::Low), None, &cancel).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for criticality in [Criticality::Low, Criticality::Standard, Criticality::Critical] {
        let (gate, cancel, order) = (Arc::clone(&gate), cancel.clone(), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let _pass = gate.enter(priority(criticality), None, &cancel).await.unwrap();
            order.lock().unwrap().push(criticality);
        }));
    }
    while gate.state().waiting.len() < 3 {
        tokio::task::yield_now().await;
    }
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [Criticality::Critical, Criticality::Standard, Criticality::Low]);
}

#[tokio::test]
async fn a_paused_gate_turns_back_and_lets_in_again() {
    let gate = PriorityGate::new(2);
    let cancel = CancellationToken::new();
    let pass = gate.enter(priority(Criticality::Low), None, &cancel).await.unwrap();
    gate.pause(EnginePause { by: "somebody".to_owned(), since: Ts(1), reason: None });
    assert!(pass.token.is_cancelled() && !cancel.is_cancelled());
    assert_eq!(gate.paused().unwrap().by, "somebody");
    drop(pass);
    gate.empty().await;
    let waiting = tokio::spawn({
        let (gate, cancel) = (Arc::clone(&gate), cancel.clone());
        async move { gate.enter(priority(Criticality::Low), None, &cancel).await.map(|p| p.token.is_cancelled()) }
    });
    while gate.state().waiting.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(gate.inside(), 0);
    gate.resume();
    assert_eq!(waiting.await.unwrap(), Ok(false));
    gate.empty().await;
}

#[tokio::test]
async fn a_wider_gate_lets_in_at_once_whoever_waits() {
    let gate = PriorityGate::new(1);
    let cancel = CancellationToken::new();
    let first = gate.enter(priority(Criticality::Low), None, &cancel).await.unwrap();
    let waiting = tokio::spawn({
        let (gate, cancel) = (Arc::clone(&gate), cancel.clone());
        async move { gate.enter(priority(Criticality::Low), None, &cancel).await.unwrap() }
    });
    while gate.state().waiting.is_empty() {
        tokio::task::yield_now().await;
    }
    gate.set_width(2);
    let second = waiting.await.unwrap();
    assert_eq!(gate.inside(), 2);
    gate.set_width(1);
    drop(second);
    let third = gate.enter(priority(Criticality::Low), None, &cancel);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), third).await.is_err(), "one is inside still");
    drop(first);
}

#[tokio::test]
async fn a_cancelled_wait_leaves_no_place_behind() {
    let gate = PriorityGate::new(1);
    let cancel = CancellationToken::new();
    let pass = gate.enter(priority(Criticality::Low), None, &cancel).await.unwrap();
    let other = CancellationToken::new();
    let waiting = tokio::spawn({
        let (gate, other) = (Arc::clone(&gate), other.clone());
        async move { gate.enter(priority(Criticality::Low), None, &other).await.map(|_| ()) }
    });
    while gate.state().waiting.is_empty() {
        tokio::task::yield_now().await;
    }
    other.cancel();
    assert_eq!(waiting.await.unwrap(), Err(Refused::Cancelled));
    drop(pass);
    assert_eq!(gate.inside(), 0);
    assert!(gate.enter(priority(Criticality::Low), None, &cancel).await.is_ok());
}

fn purpose(symbol: &str, timeframes: &[Timeframe]) -> Purpose {
    let execution = Uuid::from_u128(1);
    Purpose { execution, symbol: symbol.parse().unwrap(), timeframes: timeframes.to_vec() }
}

#[tokio::test]
async fn a_paused_symbol_is_turned_back_and_others_go_on() {
    let gate = PriorityGate::new(2);
    let cancel = CancellationToken::new();
    let aapl: Symbol = "AAPL".parse().unwrap();
    let enter = async |symbol| gate.enter(priority(Criticality::Low), Some(purpose(symbol, &[])), &cancel).await;
    let pass = enter("AAPL").await.unwrap();
    gate.pause_symbols(std::slice::from_ref(&aapl));
    assert!(pass.token.is_cancelled());
    drop(pass);
    assert_eq!(enter("AAPL").await.map(|_| ()), Err(Refused::SymbolPaused));
    assert!(enter("SPY").await.is_ok());
    gate.resume_symbols(std::slice::from_ref(&aapl));
    assert!(enter("AAPL").await.is_ok());
}

#[tokio::test]
async fn a_request_goes_on_while_one_of_its_series_wants_it() {
    use Timeframe::{D1, H1, M5};
    let gate = PriorityGate::new(4);
    let cancel = CancellationToken::new();
    let key = |tf| ("AAPL".parse::<Symbol>().unwrap(), tf);
    let enter =
        async |tfs: &[Timeframe]| gate.enter(priority(Criticality::Low), Some(purpose("AAPL", tfs)), &cancel).await;
    let (minutes, days) = (enter(&[M5, H1]).await.unwrap(), enter(&[D1]).await.unwrap());
    gate.pause_series(&[key(M5), key(D1)]);
    assert!(days.token.is_cancelled() && !minutes.token.is_cancelled());
    assert_eq!(enter(&[D1]).await.map(|_| ()), Err(Refused::SeriesPaused));
    assert!(enter(&[]).await.is_ok(), "about the symbol itself");
    // The rest is taken out of this execution: nobody is left who wants it.
    gate.cancel_series(Uuid::from_u128(1), &[key(H1)]);
    assert!(minutes.token.is_cancelled());
    assert_eq!(enter(&[M5, H1]).await.map(|_| ()), Err(Refused::SeriesCancelled));
    let other = Purpose { execution: Uuid::from_u128(2), ..purpose("AAPL", &[M5, H1]) };
    assert!(gate.enter(priority(Criticality::Low), Some(other), &cancel).await.is_ok(), "another execution");
    gate.forget(Uuid::from_u128(1));
    gate.resume_series(&[key(M5), key(D1)]);
    assert!(enter(&[M5, H1]).await.is_ok() && enter(&[D1]).await.is_ok());
}
