//! The command line: what its keys do, and the orders it gives.

use chrono::NaiveDate;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;

use crate::actions::{ACTIONS, Spec, operate, triggerable};
use crate::draw::format::plural;
use crate::model::Model;
use crate::model::command_line::{CommandLine, Order, TickerSearch, Tracked, Verb, Wrong, parse};
use crate::model::completion::{complete, replace_last_word};
use crate::model::layer::{Confirm, Cost, Layer, Menu, Then};
use crate::model::msg::{Effects, Redraw};
use crate::update::commands::some_of;
use crate::update::layers::type_into;
use barkeep_market::{Criticality, Symbol};
use barkeep_pipeline::names::Wanted;
use barkeep_pipeline::select::{Selection, TimeBound};
use barkeep_runtime::console::{Access, ConsoleRequest, FoundTicker, Level, Trigger};
use barkeep_service::handle::{EngineCommand, NewSymbol, SymbolChange, TriggerScope};

impl Model {
    /// Opens the line at a verb, with the selected symbols where it is about tracked ones.
    pub(super) fn open_command_line(&mut self, verb: Verb) {
        let mut symbols: Vec<Symbol> = triggerable(self).into_iter().map(|(symbol, _)| symbol).collect();
        symbols.sort();
        symbols.dedup();
        let mut text = format!("{} ", verb.name());
        if verb != Verb::Add {
            text.extend(symbols.iter().map(|symbol| format!("{symbol} ")));
        }
        let input = Input::from(text);
        self.layers.push(Layer::Command(Box::new(CommandLine { input, ..CommandLine::default() })));
    }

    /// The palette becomes a command line behind a verb, and again the palette without one.
    pub(super) fn palette_or_command_line(&mut self) {
        let operates = self.access == Access::Operate;
        let other = match self.layers.last() {
            Some(Layer::Palette(menu))
                if Verb::of(menu.input.value()).is_some_and(|verb| operates || !verb.is_command()) =>
            {
                let input = menu.input.clone();
                Layer::Command(Box::new(CommandLine { input, ..CommandLine::default() }))
            }
            Some(Layer::Command(line)) if Verb::of(line.input.value()).is_none() => {
                Layer::Palette(Menu { input: line.input.clone(), cursor: 0 })
            }
            _ => return,
        };
        self.layers.pop();
        self.layers.push(other);
    }

    /// The symbol that Enter in the palette opens: what was typed is its name and no command's.
    #[must_use]
    pub fn typed_symbol(&self) -> Option<Symbol> {
        let Some(Layer::Palette(menu)) = self.layers.last() else { return None };
        let typed = menu.input.value().trim().to_lowercase();
        let is_command = |spec: &Spec| spec.name == typed || spec.title(self) == typed;
        if typed.is_empty() || ACTIONS.iter().any(is_command) {
            return None;
        }
        Tracked(&self.snap.data.series).named(&typed)
    }

    /// Opens the symbol that was typed into the palette.
    pub(super) fn open_typed(&mut self, symbol: Symbol) {
        self.layers.pop();
        let timeframe = Tracked(&self.snap.data.series).timeframes(&symbol).first().copied();
        self.open_series(timeframe.map(|timeframe| (symbol, timeframe)));
    }

    /// What the line on top means.
    ///
    /// # Errors
    /// What is missing in the line or wrong with it.
    pub fn order_of(&self, line: &CommandLine) -> Result<Order, Wrong> {
        parse(line.input.value(), Tracked(&self.snap.data.series), self.now.wall.utc_date())
    }

    /// What the vendor found for the search of the line.
    #[must_use]
    pub fn found_tickers(&self, search: &TickerSearch) -> Option<Result<&[FoundTicker], String>> {
        self.answers.tickers(&search.text)
    }

    pub(super) fn key_in_command_line(&mut self, event: KeyEvent, effects: &mut Effects) {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let Some(Layer::Command(line)) = self.layers.last() else { return };
        let found: Vec<FoundTicker> = match line.search.as_ref().and_then(|search| self.found_tickers(search)) {
            Some(Ok(found)) => found.to_vec(),
            _ => Vec::new(),
        };
        let step = match event.code {
            KeyCode::Up | KeyCode::BackTab => -1,
            KeyCode::Down => 1,
            KeyCode::Char('p') if control => -1,
            KeyCode::Char('n') if control => 1,
            _ => 0,
        };
        let completed = complete(line.input.value(), Tracked(&self.snap.data.series));
        let word = searched(line);
        let Some(Layer::Command(line)) = self.layers.last_mut() else { return };
        match event.code {
            KeyCode::Esc if line.search.take().is_some() => {}
            KeyCode::Esc => drop(self.layers.pop()),
            KeyCode::Enter | KeyCode::Tab if !found.is_empty() => take(line, &found),
            KeyCode::Enter => self.run_command_line(effects),
            KeyCode::Tab => line.input = Input::from(completed),
            _ if step != 0 => {
                if let Some(search) = &mut line.search {
                    search.cursor = search.cursor.saturating_add_signed(step).min(found.len().saturating_sub(1));
                }
            }
            KeyCode::Char('s') if control => {
                if let Some(text) = word {
                    line.search = Some(TickerSearch { text: text.clone(), cursor: 0 });
                    self.search_tickers(text, effects);
                }
            }
            _ => {
                if type_into(&mut line.input, event) {
                    line.search = None;
                }
            }
        }
        self.palette_or_command_line();
    }

    /// Asks the vendor, unless it has answered this already.
    fn search_tickers(&mut self, search: String, effects: &mut Effects) {
        let request = ConsoleRequest::Tickers { search };
        let now = self.now.since_start;
        let Some(entry) = self.answers.entry_mut(&request) else { return };
        if !entry.loading && (entry.response.is_none() || entry.error.is_some()) {
            (entry.loading, entry.requested_at, entry.error) = (true, Some(now), None);
            effects.requests.push(request);
        }
        effects.redraw = Redraw::Now;
    }

    fn run_command_line(&mut self, effects: &mut Effects) {
        let Some(Layer::Command(line)) = self.layers.last() else { return };
        // What is wrong stands in the line's box.
        let Ok(order) = self.order_of(line) else { return };
        if !matches!(order, Order::Open(..) | Order::Sort(_))
            && let Err(why) = operate(self)
        {
            return self.show_toast(Level::Warn, why, effects);
        }
        let picked = line.picked.clone();
        self.layers.pop();
        match order {
            Order::Add { symbols, wanted } => {
                let class_of = |symbol: &Symbol| wanted.class.or_else(|| picked.get(symbol).copied());
                let new = symbols.iter().map(|symbol| NewSymbol {
                    symbol: symbol.clone(),
                    wanted: Wanted { class: class_of(symbol), ..wanted.clone() },
                });
                let add = EngineCommand::AddSymbols(new.collect());
                // One plan has one class for what is not tracked yet; without one it is guessed.
                let class = symbols.first().and_then(class_of);
                let class = class.filter(|class| symbols.iter().all(|symbol| class_of(symbol) == Some(*class)));
                let timeframes = Some(wanted.timeframes.clone()).filter(|all| !all.is_empty());
                let from = wanted.history_from.map(TimeBound::Date);
                let title = format!("Add {}", some_of(&symbols));
                let (all, vendor) = (symbols.clone(), wanted.vendor);
                let plan = Selection { symbols: all, timeframes, from, class, vendor, ..Selection::default() };
                let then = Then::SendBoth(add, fetch(symbols));
                self.planned_line(title, TriggerScope::Selection(plan), then, effects);
            }
            Order::Since { symbols, date } => {
                let change =
                    |symbol: &Symbol| SymbolChange { history_from: Some(date), ..SymbolChange::of(symbol.clone()) };
                let change = EngineCommand::ChangeSymbols(symbols.iter().map(change).collect());
                let when = date.map_or_else(|| "as the settings say".to_owned(), |date| format!("since {date}"));
                let title = format!("History of {} {when}", some_of(&symbols));
                let from = date.map(TimeBound::Date);
                let plan = Selection { symbols: symbols.clone(), from, ..Selection::default() };
                self.planned_line(
                    title,
                    TriggerScope::Selection(plan),
                    Then::SendBoth(change, fetch(symbols)),
                    effects,
                );
            }
            Order::Backfill { symbols, from, to } => {
                let title = format!("Backfill {}{}", some_of(&symbols), range(from, to));
                let (from, to) = (from.map(TimeBound::Date), to.map(TimeBound::Date));
                let what = TriggerScope::Selection(Selection { symbols, from, to, ..Selection::default() });
                let command = EngineCommand::Trigger { what: what.clone(), trigger: Trigger::Manual };
                self.planned_line(title, what, Then::Send(command), effects);
            }
            Order::FetchTier(criticality) => self.trigger_tier(criticality, effects),
            Order::Tier { symbols, criticality } => self.change_tier(&symbols, criticality, effects),
            Order::Open(symbol, timeframe) => self.open_series(Some((symbol, timeframe))),
            Order::Sort(sort) => self.sort(sort),
            Order::Remove { symbols, purge } => self.remove_symbols(symbols, purge),
        }
    }

    fn change_tier(&mut self, symbols: &[Symbol], criticality: Criticality, effects: &mut Effects) {
        let change = |symbol: &Symbol, criticality| SymbolChange {
            criticality: Some(criticality),
            ..SymbolChange::of(symbol.clone())
        };
        let command = EngineCommand::ChangeSymbols(symbols.iter().map(|symbol| change(symbol, criticality)).collect());
        let before = symbols.iter().filter_map(|symbol| {
            let row = self.snap.data.series.iter().find(|row| row.symbol == *symbol)?;
            Some(change(symbol, row.criticality))
        });
        let names = some_of(symbols);
        let undo = (format!("{names} in the former tier"), EngineCommand::ChangeSymbols(before.collect()));
        self.send_undoable(format!("{names} {criticality}"), command, undo, effects);
    }

    fn remove_symbols(&mut self, symbols: Vec<Symbol>, purge: bool) {
        let rows = self.snap.data.series.iter().filter(|row| symbols.contains(&row.symbol));
        let bars: i64 = rows.map(|row| row.bars).sum();
        let (names, bars) = (some_of(&symbols), plural(bars, "bar"));
        let (title, scope, command) = if purge {
            let scope = format!("{bars} will be deleted. This cannot be undone.");
            (format!("Delete {names} with all bars"), scope, EngineCommand::RemoveSymbols(symbols))
        } else {
            let stop = |symbol| SymbolChange { active: Some(false), ..SymbolChange::of(symbol) };
            let scope = format!("barkeep stops keeping them fresh. {bars} stay in the database.");
            let command = EngineCommand::ChangeSymbols(symbols.into_iter().map(stop).collect());
            (format!("Stop tracking {names}"), scope, command)
        };
        self.last_command += 1;
        let (id, cost, then) = (self.last_command, Cost::Free, Then::Send(command));
        self.confirm(Confirm { id, title, scope, cost, bar: None, then, yes: false, even_if_free: false });
    }
}

fn fetch(symbols: Vec<Symbol>) -> EngineCommand {
    let what = TriggerScope::Selection(Selection { symbols, ..Selection::default() });
    EngineCommand::Trigger { what, trigger: Trigger::Manual }
}

fn range(from: Option<NaiveDate>, to: Option<NaiveDate>) -> String {
    let from = from.map(|from| format!(" from {from}"));
    let to = to.map(|to| format!(" to {to}"));
    format!("{}{}", from.unwrap_or_default(), to.unwrap_or_default())
}

/// The word of an `add` that can be searched for.
fn searched(line: &CommandLine) -> Option<String> {
    let text = line.input.value();
    let word = text.trim_end().rsplit(' ').next().unwrap_or_default();
    let fits =
        Verb::of(text) == Some(Verb::Add) && !word.starts_with('-') && Verb::of(&format!("{word} ")) != Some(Verb::Add);
    (fits && !word.is_empty()).then(|| word.to_owned())
}

/// Puts the selected ticker in the place of the word that was searched for.
fn take(line: &mut CommandLine, found: &[FoundTicker]) {
    let Some(search) = line.search.take() else { return };
    let Some(ticker) = found.get(search.cursor).or(found.first()) else { return };
    let text = line.input.value().trim_end().to_owned();
    line.input = Input::from(format!("{} ", replace_last_word(&text, ticker.symbol.as_str())));
    line.picked.insert(ticker.symbol.clone(), ticker.asset_class);
}
