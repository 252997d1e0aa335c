//! Which symbols are tracked, and how: added, changed and removed by command.

use barkeep_market::Symbol;
use barkeep_pipeline::names::Known;
use barkeep_store::{CriticalitySource, StoreError, SymbolRow};

use super::Service;
use crate::handle::{CommandError, CommandReply, NewSymbol, SymbolChange};

fn refused(e: &StoreError) -> CommandError {
    CommandError::Refused(e.to_string())
}

impl Service {
    pub(super) async fn add_symbols(&mut self, all: &[NewSymbol]) -> Result<CommandReply, CommandError> {
        let rows = self.engine.store.symbols().await.map_err(|e| refused(&e))?;
        let known = Known::new(&rows);
        let (config, now) = (self.engine.config.current(), self.engine.clock.now());
        let mut changed: Vec<SymbolRow> = Vec::new();
        let mut present: Vec<&Symbol> = Vec::new();
        for NewSymbol { symbol, wanted } in all {
            let row = wanted.row(&config.settings, symbol, now);
            // Its one name may be taken by a symbol of another class.
            let taken = |row: &SymbolRow| known.find(&row.symbol);
            let row = match known.find(symbol).or_else(|| row.as_ref().ok().and_then(taken)) {
                Some(before) if before.active => {
                    present.push(&before.symbol);
                    continue;
                }
                // Tracked again as it was, but for what is said now.
                Some(before) => {
                    if let Some(class) = wanted.class.filter(|class| *class != before.asset_class) {
                        let registered = before.asset_class;
                        let why = format!("{symbol} is stored as {registered}, so it cannot be added as {class}");
                        return Err(CommandError::Refused(why));
                    }
                    if let Some(vendor) = wanted.vendor.filter(|vendor| *vendor != before.vendor) {
                        let registered = before.vendor;
                        let why = format!(
                            "the bars of {symbol} come from {registered}, so it cannot be added from {vendor}: bars of \
                             two vendors are never mixed in one series"
                        );
                        return Err(CommandError::Refused(why));
                    }
                    SymbolRow {
                        active: true,
                        criticality: wanted.criticality.unwrap_or(before.criticality),
                        criticality_source: wanted
                            .criticality
                            .map_or(before.criticality_source, |_| CriticalitySource::Operator),
                        history_from: wanted.history_from.or(before.history_from),
                        ..before.clone()
                    }
                }
                None => row.map_err(|e| CommandError::Refused(e.to_string()))?,
            };
            if !changed.iter().any(|other| other.symbol == row.symbol) {
                changed.push(row);
            }
        }
        if changed.is_empty() {
            let names: Vec<String> = present.iter().map(ToString::to_string).collect();
            return Ok(CommandReply::Nothing(match names.len() {
                1 => format!("{} is already tracked", names.concat()),
                _ => format!("{} are already tracked", names.join(", ")),
            }));
        }
        self.engine.store.put_symbols(&changed).await.map_err(|e| refused(&e))?;
        Ok(CommandReply::Done)
    }

    pub(super) async fn change_symbols(&mut self, all: &[SymbolChange]) -> Result<CommandReply, CommandError> {
        let rows = self.engine.store.symbols().await.map_err(|e| refused(&e))?;
        let known = Known::new(&rows);
        let mut changed = Vec::with_capacity(all.len());
        for SymbolChange { symbol, active, criticality, history_from } in all {
            let before = registered(&known, symbol)?;
            changed.push(SymbolRow {
                active: active.unwrap_or(before.active),
                criticality: criticality.unwrap_or(before.criticality),
                criticality_source: criticality.map_or(before.criticality_source, |_| CriticalitySource::Operator),
                history_from: history_from.unwrap_or(before.history_from),
                ..before.clone()
            });
        }
        self.engine.store.put_symbols(&changed).await.map_err(|e| refused(&e))?;
        Ok(CommandReply::Done)
    }

    pub(super) async fn remove_symbols(&mut self, symbols: &[Symbol]) -> Result<CommandReply, CommandError> {
        let rows = self.engine.store.symbols().await.map_err(|e| refused(&e))?;
        let known = Known::new(&rows);
        let rows = symbols.iter().map(|symbol| registered(&known, symbol)).collect::<Result<Vec<_>, _>>()?;
        for row in rows {
            self.engine.store.remove_symbol(&row.symbol).await.map_err(|e| refused(&e))?;
        }
        Ok(CommandReply::Done)
    }
}

fn registered<'a>(known: &Known<'a>, symbol: &Symbol) -> Result<&'a SymbolRow, CommandError> {
    known.find(symbol).ok_or_else(|| CommandError::Refused(format!("{symbol} is not registered")))
}
