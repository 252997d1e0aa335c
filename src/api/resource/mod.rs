//! One file for each resource. A handler translates what was asked, calls, and translates the answer back.

pub mod console;
mod coverage;
mod engine;
pub mod events;
mod features;
mod health;
mod historical;
mod jobs;
mod measured;
mod reports;
mod series;
mod snapshot;
mod status;
mod symbols;
mod symbols_admin;
mod view;

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
        .routes(routes!(measured::metrics))
        .routes(routes!(status::status))
        .routes(routes!(symbols::list))
        .routes(routes!(symbols::detailed))
        .routes(routes!(features::quant))
        .routes(routes!(historical::bars))
        .routes(routes!(coverage::of_symbol))
        .routes(routes!(jobs::start))
        .routes(routes!(jobs::recent))
        .routes(routes!(jobs::one))
        .routes(routes!(reports::scheduler_health))
        .routes(routes!(reports::staleness))
        .routes(routes!(reports::history))
        .routes(routes!(engine::pause))
        .routes(routes!(engine::resume))
        .routes(routes!(engine::trigger))
        .routes(routes!(engine::cancel))
        .routes(routes!(engine::retry))
        .routes(routes!(symbols_admin::list, symbols_admin::add))
        .routes(routes!(symbols_admin::one, symbols_admin::change, symbols_admin::remove))
        .routes(routes!(snapshot::snapshot))
        .routes(routes!(events::events))
        .routes(routes!(console::order))
        .routes(routes!(console::ask))
        .split_for_parts()
}
