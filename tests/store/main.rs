//! One suite over all stores: SQLite, PostgreSQL and the one in memory. Every case gets a fresh store and says what a
//! user of it may rely on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helper functions too"
)]
#![allow(clippy::disallowed_methods, reason = "tests read in the environment where databases are")]
#![allow(unreachable_pub, reason = "modules share by `pub`")]

#[path = "../support"]
mod support {
    pub mod postgres;
    pub use barkeep::store::testing as rows;
}

mod adjusted;
mod alerts;
mod api;
mod bars;
mod database;
mod evidence;
mod features;
mod layouts;
mod layouts_citus;
mod pages;
mod postgres_server;
mod records;
mod sample;
mod schedules;
mod schema;
mod shared_plans;
mod sqlite_files;
mod symbols;
mod upkeep;
mod writers;

/// Makes a test of every case on every store it is for. The store in memory is tested on a paused clock: it must not
/// need time to pass.
macro_rules! cases {
    (everywhere { $($room:ident::$case:ident)* } in_databases { $($only_room:ident::$only:ident)* }
        but_with_citus { $($plain_room:ident::$plain:ident)* }) => {
        mod sqlite {
            cases!(@tests crate::database::Db::sqlite().await, any(), "";
                $($room::$case)* $($only_room::$only)* $($plain_room::$plain)*);
        }
        mod postgres {
            cases!(@tests crate::database::Db::postgres().await, without_postgres,
                "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL";
                $($room::$case)* $($only_room::$only)* $($plain_room::$plain)*);
        }
        mod citus {
            cases!(@tests crate::database::Db::citus().await, without_citus, "needs Citus: set BARKEEP_TEST_CITUS_URL";
                $($room::$case)* $($only_room::$only)*);
        }
        mod memory {
            $(#[tokio::test(start_paused = true)]
            async fn $case() {
                let db = crate::database::Db::memory();
                crate::$room::$case(&db).await;
                db.finish().await;
            })*
        }
    };
    // `any()` of nothing is never so: a file can always be made.
    (@tests $db:expr, $ignored:meta, $reason:literal; $($room:ident::$case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[cfg_attr($ignored, ignore = $reason)]
        async fn $case() {
            let db = $db;
            crate::$room::$case(&db).await;
            db.finish().await;
        })*
    };
}

cases! {
    everywhere {
        symbols::symbols_and_series
        symbols::removing_a_symbol_removes_everything
        symbols::a_series_rests_by_itself
        symbols::a_listing_is_noted_and_nothing_else_changes
        symbols::a_double_is_merged_into_the_symbol_that_is_kept
        bars::reading_bars
        bars::any_number_of_bars_is_written
        bars::features_read_less_of_a_bar
        bars::commits_count_what_they_do
        bars::a_vwap_that_was_left_out_is_filled_in
        bars::marks_are_lifted_and_never_put_back
        bars::vanished_provisional_bars_are_moved_away
        bars::scores_change_without_a_revision
        bars::impossible_numbers_are_refused
        bars::times_are_exact_to_the_millisecond
        evidence::quarantine_is_kept_once_and_decided_once
        evidence::a_decision_is_taken_back
        evidence::many_quarantined_bars_are_decided_at_once
        evidence::nights_are_kept
        evidence::coverage_is_what_was_said_last
        evidence::splits_and_holidays
        adjusted::dividends_are_kept_by_symbol
        adjusted::factors_follow_splits_dividends_and_closes
        pages::a_page_is_all_or_nothing
        pages::a_page_of_fifty_thousand_bars
        pages::a_caller_that_gives_up_breaks_nothing
        pages::two_handles_write_the_same_series
        pages::several_pages_are_one_transaction
        pages::pages_of_one_series_are_laid_over_each_other
        pages::an_older_answer_replaces_nothing_newer
        records::executions_and_statuses
        records::a_run_under_way_says_what_it_did_so_far
        records::an_execution_belongs_to_one_process
        records::requests_are_counted
        records::requests_by_minute_begin_where_one_asks
        records::requests_are_looked_up_newest_first
        records::requests_that_changed_nothing_are_counted_by_reason
        records::whole_answers_tell_what_the_vendor_counted
        records::places_are_kept_until_a_window_after_the_answer
        records::a_clock_set_back_costs_a_window_and_not_a_day
        records::places_follow_the_machine_and_not_its_wall_clock
        records::places_are_shared_by_all_handles
        records::the_more_urgent_process_has_the_next_place
        records::a_429_is_told_to_all_processes
        records::plans_are_kept_a_week
        records::a_closed_store_says_so
        features::rows_come_back_bit_for_bit
        features::rows_that_do_not_fit_together_are_refused
        features::the_newest_page_ascends
        features::only_what_changed_is_written
        features::changed_bars_are_noted_from_the_first_on
        features::what_was_computed_from_older_bars_is_not_written
        features::states_are_kept_until_their_past_changes
        features::a_batch_is_all_or_nothing
        features::a_failing_series_has_one_open_row
        features::freshness_is_kept_by_series
        features::splits_of_all_symbols
        features::removing_a_symbol_removes_its_features
        alerts::alerts_are_raised_once_and_resolved_once
        alerts::open_alerts_are_counted_by_kind_and_severity
        alerts::a_pause_of_the_engine_is_kept_until_it_ends
        alerts::actions_are_listed_newest_first_and_noted_once
        alerts::evidence_is_the_newest_answer_of_each_series
        alerts::quarantined_times_leave_out_accepted_bars
        alerts::the_newest_finished_status_of_each_series
        alerts::no_success_yet
        alerts::features_that_failed_or_are_absent
        api::keys_are_made_once_used_and_revoked
        api::a_request_is_claimed_once_and_its_answer_kept
        api::every_write_to_a_series_shows_in_its_mark
        api::the_busiest_symbols_turn_over_most
    }
    in_databases {
        records::claims_that_are_gone_are_told
        symbols::whoever_changes_symbols_is_noticed
        pages::a_lock_held_by_somebody_else_is_waited_for
        alerts::readers_see_alerts_and_raise_none
        schema::every_statement_can_be_prepared
        schema::what_a_person_types_is_checked_as_well
        schema::people_can_read_market_data
        adjusted::the_view_is_in_todays_terms
        adjusted::columns_of_the_view_have_types
        adjusted::a_week_with_a_split_is_made_of_its_days
        adjusted::the_table_of_sessions_is_the_calendar
        adjusted::every_minute_belongs_to_the_session_the_calendar_says
        adjusted::an_announcement_changes_its_day
        schema::many_can_open_a_fresh_database_at_once
        schema::reopening_keeps_everything
        schema::reading_only_changes_nothing
        schema::a_newer_schema_is_refused
        records::what_is_taken_up_meanwhile_is_not_closed
        records::totals_look_at_no_request
        upkeep::old_rows_go_and_totals_stay
        upkeep::what_a_hand_breaks_is_found_and_mended
        upkeep::sizes_are_told_and_space_is_given_back
    }
    // What goes back to a schema that was never distributed, looks at a plan, or changes rows of a view.
    but_with_citus {
        adjusted::one_series_is_read_by_its_key
        adjusted::an_older_database_gets_the_view_with_its_splits
        features::rows_are_changed_by_hand_as_in_a_table
        features::features_of_an_older_database_are_kept
        schema::a_step_that_was_left_out_is_taken_later
    }
}
