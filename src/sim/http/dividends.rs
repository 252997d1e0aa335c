//! Dividends, as both endpoints write them.

use chrono::Days;

use crate::data::payments::Payment;
use crate::data::random::of_name;
use crate::http::answer::{Answer, Refusal};
use crate::http::page::json;
use crate::http::reference::{ActionsApi, DateFilter, page};
use crate::http::request::{Judge, VendorRequest};
use crate::shared::Shared;
use barkeep_market::AssetClass;

pub(crate) fn dividends(
    shared: &Shared,
    request: &VendorRequest,
    judge: &Judge,
    api: ActionsApi,
) -> Result<Answer, Refusal> {
    let names: Vec<String> = match (request.param("ticker"), request.param("ticker.any_of")) {
        (Some(one), _) => vec![one.to_owned()],
        // The older endpoint knows no lists.
        (None, Some(many)) if api == ActionsApi::New => many.split(',').map(|name| name.trim().to_owned()).collect(),
        (None, _) => shared.market(false).into_iter().collect(),
    };
    let filters = DateFilter::of(request, "ex_dividend_date")?;
    let today = AssetClass::Stock.date_of(judge.now);
    let view = shared.view(&judge.book, judge.now);
    let mut found: Vec<(Payment, String, f64)> = Vec::new();
    for name in names {
        let splits = view.splits(&name);
        for payment in view.payments(&shared.payments, &name, today) {
            if filters.iter().all(|f| f.lets(payment.ex_date)) {
                let later = splits.iter().filter(|s| s.date > payment.ex_date && s.date <= today);
                let adjusted = payment.amount * later.map(|s| s.from / s.to).product::<f64>();
                found.push((payment, name.clone(), adjusted));
            }
        }
    }
    found.sort_by(|a, b| (a.0.ex_date, &a.1).cmp(&(b.0.ex_date, &b.1)));
    if !api.ascending(request, "ex_dividend_date") {
        found.reverse();
    }
    let rows: Vec<String> = found.iter().map(|(payment, name, adjusted)| row(api, payment, name, *adjusted)).collect();
    page(shared, request, judge, &rows, api.limits(), false)
}

fn row(api: ActionsApi, payment: &Payment, name: &str, adjusted: f64) -> String {
    let Payment { ex_date, amount } = payment;
    let id = format!("E{:016x}", of_name(u64::from(ex_date.to_epoch_days().unsigned_abs()) ^ 0xd1, name));
    let (declared, paid, ticker) = (*ex_date - Days::new(14), *ex_date + Days::new(21), json(name));
    match api {
        ActionsApi::New => format!(
            r#"{{"cash_amount":{amount},"currency":"USD","declaration_date":"{declared}","distribution_type":"recurring","ex_dividend_date":"{ex_date}","frequency":4,"id":"{id}","pay_date":"{paid}","record_date":"{ex_date}","split_adjusted_cash_amount":{adjusted},"ticker":{ticker}}}"#
        ),
        ActionsApi::V3 => format!(
            r#"{{"cash_amount":{amount},"currency":"USD","declaration_date":"{declared}","dividend_type":"CD","ex_dividend_date":"{ex_date}","frequency":4,"id":"{id}","pay_date":"{paid}","record_date":"{ex_date}","ticker":{ticker}}}"#
        ),
    }
}
