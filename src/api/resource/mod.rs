//! One file for each resource. A handler translates the request, calls the engine, and translates the answer back.

pub mod admin;
mod coverage;
pub mod events;
mod features;
mod health;
mod historical;
mod metrics;
mod reports;
mod series;
mod snapshot;
mod status;
mod symbols;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

/// Every route, and the document about them.
pub(super) fn routes() -> (Router<App>, OpenApi) {
    OpenApiRouter::new()
        .routes(routes!(health::root))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(status::status))
        .routes(routes!(symbols::list))
        .routes(routes!(symbols::detailed))
        .routes(routes!(features::quant))
        .routes(routes!(historical::bars))
        .routes(routes!(coverage::of_symbol))
        .routes(routes!(admin::jobs::start))
        .routes(routes!(admin::jobs::recent))
        .routes(routes!(admin::jobs::one))
        .routes(routes!(reports::scheduler_health))
        .routes(routes!(reports::staleness))
        .routes(routes!(reports::history))
        .routes(routes!(admin::engine::pause))
        .routes(routes!(admin::engine::resume))
        .routes(routes!(admin::engine::reload))
        .routes(routes!(admin::engine::trigger))
        .routes(routes!(admin::engine::cancel))
        .routes(routes!(admin::engine::retry))
        .routes(routes!(admin::symbols::list, admin::symbols::add))
        .routes(routes!(admin::symbols::one, admin::symbols::change, admin::symbols::remove))
        .routes(routes!(admin::quarantine::list))
        .routes(routes!(admin::quarantine::one))
        .routes(routes!(admin::quarantine::accept))
        .routes(routes!(admin::quarantine::reject))
        .routes(routes!(admin::quarantine::undo))
        .routes(routes!(snapshot::snapshot))
        .routes(routes!(events::events))
        .routes(routes!(admin::console::order))
        .routes(routes!(admin::console::ask))
        .split_for_parts()
}
