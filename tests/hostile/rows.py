"""The hostile inputs by number (docs/reliability.md 4): which tests hold the reaction to each. Paths are below tests/;
`[row_24_*]` stands for every case of that name. A row that belongs to a later part of the product says why.
"""

from __future__ import annotations

LAST = 115

ROWS: dict[int, tuple[str, ...]] = {
    1: ("hostile/test_hostile_framing.py::test_framing[row_1_*]",),
    2: ("hostile/test_hostile_framing.py::test_framing[row_2_*]",),
    3: ("hostile/test_hostile_framing.py::test_framing[row_3_*]",),
    4: ("hostile/test_hostile_framing.py::test_framing[row_4_*]",),
    5: ("hostile/test_hostile_framing.py::test_framing[row_5_*]",),
    6: ("hostile/test_hostile_framing.py::test_framing[row_6_*]",),
    7: ("hostile/test_hostile_framing.py::test_framing[row_7_*]",),
    8: ("hostile/test_hostile_framing.py::test_framing[row_8_*]",),
    9: (
        "hostile/test_hostile_framing.py::test_framing[row_9_*]",
        "hostile/test_hostile_framing.py::test_row_11_a_body_that_trickles",
    ),
    10: (
        "hostile/test_hostile_framing.py::test_row_10_a_head_that_trickles",
        "hostile/test_hostile_framing.py::test_row_10_slow_clients_keep_nobody_out",
        "hostile/test_hostile_framing.py::test_row_10_connections_are_capped",
        "integration/api/test_api_framing.py::test_head_deadline",
        "hostile/test_hostile_wired.py::test_apps_and_connections",
    ),
    11: (
        "hostile/test_hostile_framing.py::test_row_11_a_body_that_trickles",
        "hostile/test_hostile_framing.py::test_row_11_a_notification_that_trickles",
        "integration/api/test_api_framing.py::test_body_deadline",
    ),
    12: ("hostile/test_hostile_framing.py::test_framing[row_12_*]",),
    13: (
        "hostile/test_hostile_framing.py::test_framing[row_13_*]",
        "integration/api/test_api_framing.py::test_chunked_too_large",
        "integration/api/test_api_framing.py::test_largest_body",
    ),
    14: ("hostile/test_hostile_framing.py::test_row_14_pipelining_is_bounded",),
    15: (
        "hostile/test_hostile_framing.py::test_framing[row_15_*]",
        "integration/api/test_api_framing.py::test_doubled_headers",
    ),
    16: ("hostile/test_hostile_framing.py::test_framing[row_16_*]",),
    17: (
        "hostile/test_hostile_framing.py::test_framing[row_17_*]",
        "hostile/test_hostile_framing.py::test_row_17_the_raw_target_is_what_is_signed",
        "integration/api/test_api_framing.py::test_raw_paths",
    ),
    18: (
        "hostile/test_hostile_framing.py::test_framing[row_18_*]",
        "integration/api/test_api_framing.py::test_methods",
    ),
    19: ("hostile/test_hostile_framing.py::test_row_19_forwarded_for",),
    20: ("hostile/test_hostile_framing.py::test_framing[row_20_*]",),
    21: (
        "hostile/test_hostile_framing.py::test_framing[row_21_*]",
        "integration/api/test_api_framing.py::test_content_type",
    ),
    22: (
        "hostile/test_hostile_framing.py::test_framing[row_22_*]",
        "hostile/test_hostile_framing.py::test_row_22_http_0_9",
    ),
    23: ("hostile/test_hostile_framing.py::test_framing[row_23_*]",),
    24: ("hostile/test_hostile_bodies.py::test_body[row_24_*]",),
    25: ("hostile/test_hostile_bodies.py::test_body[row_25_*]",),
    26: (
        "hostile/test_hostile_bodies.py::test_body[row_26_*]",
        "integration/api/test_api_hostile_json.py::test_whole_numbers",
        "integration/api/test_api_hostile_json.py::test_largest_amount",
    ),
    28: ("hostile/test_hostile_bodies.py::test_body[row_28_*]",),
    32: (
        "hostile/test_hostile_bodies.py::test_row_32_the_limit_of_an_app",
        "hostile/test_hostile_config.py::test_fault[row_32_*]",
        "hostile/test_hostile_wired.py::test_apps_and_connections",
    ),
    33: ("hostile/test_hostile_bodies.py::test_body[row_33_*]",),
    34: ("hostile/test_hostile_bodies.py::test_body[row_34_*]",),
    35: ("hostile/test_hostile_bodies.py::test_body[row_35_*]",),
    36: ("hostile/test_hostile_bodies.py::test_body[row_36_*]",),
    37: ("hostile/test_hostile_bodies.py::test_body[row_37_*]",),
    38: ("hostile/test_hostile_bodies.py::test_body[row_38_*]",),
    39: ("hostile/test_hostile_bodies.py::test_body[row_39_*]",),
    40: ("hostile/test_hostile_bodies.py::test_body[row_40_*]",),
    41: (
        "hostile/test_hostile_bodies.py::test_row_41_mixed_scripts_are_taken_and_flagged",
        "integration/api/test_api_hostile_json.py::test_homoglyphs_are_accepted",
    ),
    42: ("integration/api/test_api_hostile_json.py::test_normal_form",),
    43: (
        "hostile/test_hostile_bodies.py::test_body[row_43_*]",
        "integration/api/test_api_hostile_json.py::test_account_numbers_that_are_refused",
        "integration/api/test_api_hostile_json.py::test_normal_form",
    ),
    44: ("hostile/test_hostile_bodies.py::test_body[row_44_*]",),
    45: (
        "hostile/test_hostile_bodies.py::test_body[row_45_*]",
        "integration/api/test_api_payouts.py::test_references_are_case_sensitive",
    ),
    46: ("hostile/test_hostile_bodies.py::test_row_46_the_reference_of_another_content",),
    47: (
        "hostile/test_hostile_bodies.py::test_row_47_a_foreign_payout_is_not_there",
        "integration/api/test_api_payouts.py::test_foreign_payout_is_not_there",
    ),
    48: ("hostile/test_hostile_bodies.py::test_row_48_the_same_money_again_is_taken_and_flagged",),
    49: ("hostile/test_hostile_bodies.py::test_body[row_49_*]",),
    50: ("hostile/test_hostile_bodies.py::test_body[row_50_*]",),
    51: (
        "unit/gateway/callbacks/test_callback_target.py::test_private_addresses_are_refused_in_both_modes",
        "unit/gateway/callbacks/test_callback_target.py::test_loopback_is_for_the_sandbox_only",
        "unit/gateway/callbacks/test_callback_target.py::test_the_dial_is_where_it_is_refused",
        "unit/gateway/config/test_config_doors.py::test_live_mode_refuses",
        "integration/callbacks/test_callback_sender.py::test_a_name_that_resolves_inside_is_refused_in_live_mode",
    ),
    52: (
        "unit/gateway/callbacks/test_callback_target.py::test_a_url_that_can_be_read_in_two_ways_is_refused",
        "unit/gateway/config/test_config_urls.py::test_anything_that_can_be_read_in_two_ways_is_refused",
    ),
    53: (
        "unit/gateway/callbacks/test_callback_target.py::test_a_url_that_can_be_read_in_two_ways_is_refused",
        "unit/gateway/config/test_config_urls.py::test_anything_that_can_be_read_in_two_ways_is_refused",
    ),
    54: ("integration/callbacks/test_callback_sender.py::test_a_name_is_looked_up_and_checked_at_every_dial",),
    55: (
        "integration/callbacks/test_callback_sender.py::test_a_literal_is_checked_where_no_resolver_is_asked",
        "unit/gateway/callbacks/test_callback_target.py::test_whole_networks_are_refused",
    ),
    56: (
        "integration/callbacks/test_callback_sender.py::test_a_redirect_is_not_followed",
        "integration/callbacks/test_callback_sender.py::test_the_environment_names_no_proxy",
        "unit/gateway/config/test_config_urls.py::test_anything_that_can_be_read_in_two_ways_is_refused",
    ),
    57: (
        "hostile/test_hostile_bodies.py::test_row_57_line_ends_are_refused_or_escaped",
        "unit/gateway/test_log.py::test_nothing_makes_a_second_line",
    ),
    60: ("hostile/test_hostile_bodies.py::test_body[row_60_*]",),
    61: (
        "hostile/test_hostile_callers.py::test_forged[row_61_*]",
        "integration/api/test_api_auth.py::test_every_failure_is_the_same",
    ),
    62: ("hostile/test_hostile_callers.py::test_forged[row_62_*]",),
    63: ("hostile/test_hostile_callers.py::test_forged[row_63_*]",),
    64: (
        "hostile/test_hostile_callers.py::test_forged[row_64_*]",
        "hostile/test_hostile_callers.py::test_row_64_a_body_written_again",
    ),
    65: (
        "hostile/test_hostile_callers.py::test_forged[row_65_*]",
        "integration/api/test_api_auth.py::test_edges_of_the_window",
    ),
    66: (
        "hostile/test_hostile_callers.py::test_row_66_a_nonce_again",
        "integration/api/test_api_auth.py::test_nonce_once",
    ),
    67: ("hostile/test_hostile_callers.py::test_forged[row_67_*]",),
    68: ("hostile/test_hostile_callers.py::test_row_68_a_revoked_key",),
    69: ("hostile/test_hostile_callers.py::test_forged[row_69_*]",),
    70: (
        "hostile/test_hostile_callers.py::test_row_70_noise",
        "unit/gateway/api/test_keys_and_backoff.py::test_another_key_id_each_time_meets_the_bound_of_the_address",
    ),
    71: (
        "hostile/test_hostile_callers.py::test_row_71_the_right_key_in_the_wrong_place",
        "hostile/test_hostile_config.py::test_fault[row_71_*]",
        "integration/api/test_api_payouts.py::test_scopes",
        "hostile/test_hostile_wired.py::test_apps_and_connections",
    ),
    72: (
        "hostile/test_hostile_notifications.py::test_refused[row_72_*]",
        "hostile/test_hostile_notifications.py::test_kept_and_not_believed[row_72_*]",
        "integration/operations/test_observe.py::test_a_forged_one_changes_nothing",
    ),
    73: (
        "hostile/test_hostile_notifications.py::test_refused[row_73_*]",
        "hostile/test_hostile_notifications.py::test_kept_and_not_believed[row_73_*]",
    ),
    74: ("hostile/test_hostile_notifications.py::test_kept_and_not_believed[row_74_*]",),
    75: ("hostile/test_hostile_notifications.py::test_kept_and_not_believed[row_75_*]",),
    76: ("hostile/test_hostile_notifications.py::test_kept_and_not_believed[row_76_*]",),
    77: ("hostile/test_hostile_notifications.py::test_row_77_no_state_goes_back",),
    78: ("hostile/test_hostile_notifications.py::test_kept_and_not_believed[row_78_*]",),
    79: (
        "hostile/test_hostile_notifications.py::test_row_79_a_thousand_times_the_same",
        "hostile/test_hostile_notifications.py::test_row_79_a_captured_one_again",
    ),
    80: ("hostile/test_hostile_notifications.py::test_row_80_a_flood_has_a_bound",),
    81: ("hostile/test_hostile_notifications.py::test_refused[row_81_*]",),
    82: (
        "hostile/test_hostile_notifications.py::test_row_82_before_the_answer_to_the_submit",
        "integration/operations/test_observe.py::test_any_order_of_events_ends_the_same",
    ),
    83: ("hostile/test_hostile_notifications.py::test_row_83_two_years_late",),
    84: ("hostile/test_hostile_notifications.py::test_refused[row_84_*]",),
    85: ("hostile/test_hostile_notifications.py::test_refused[row_85_*]",),
    86: ("hostile/test_hostile_notifications.py::test_refused[row_86_*]",),
    87: ("hostile/test_hostile_notifications.py::test_refused[row_87_*]",),
    88: ("hostile/test_hostile_notifications.py::test_refused[row_88_*]",),
    89: (
        "hostile/test_hostile_answers.py::test_no_verdict[row_89_*]",
        "conformance/channels/test_channel_peer.py::test_submit_never_raises_whatever_the_peer_does",
    ),
    90: ("hostile/test_hostile_answers.py::test_no_verdict[row_90_*]",),
    91: ("hostile/test_hostile_answers.py::test_no_verdict[row_91_*]",),
    92: ("hostile/test_hostile_answers.py::test_no_verdict[row_92_*]",),
    93: ("hostile/test_hostile_answers.py::test_no_verdict[row_93_*]",),
    94: ("wire/test_wire_answers.py::test_a_trickle_is_ended_by_the_total_deadline",),
    95: (
        "hostile/test_hostile_answers.py::test_no_verdict[row_95_*]",
        "wire/test_wire_answers.py::test_what_is_no_answer_counts_as_sent",
    ),
    96: (
        "hostile/test_hostile_answers.py::test_no_verdict[row_96_*]",
        "hostile/test_hostile_answers.py::test_row_96_another_order_at_the_bank",
    ),
    97: ("hostile/test_hostile_answers.py::test_no_verdict[row_97_*]",),
    98: ("hostile/test_hostile_answers.py::test_row_98_success_that_speaks_of_failure",),
    99: ("hostile/test_hostile_answers.py::test_row_99_a_clock_that_is_years_off",),
    100: (
        "hostile/test_hostile_answers.py::test_row_100_the_right_authority_and_the_wrong_host",
        "wire/test_wire_not_sent.py::test_the_wrong_ca",
        "wire/test_wire_not_sent.py::test_an_expired_certificate",
    ),
    101: (
        "integration/operations/test_advance.py::test_without_proof_no_other_channel_is_tried",
        "integration/operations/test_advance.py::test_a_time_out_is_unknown_and_the_late_answer_counts",
    ),
    102: (
        "unit/gateway/config/test_config_faults.py::test_a_fault_is_shown_once_at_its_line_with_its_key",
        "hostile/test_hostile_config.py::test_fault[row_102_*]",
        "hostile/test_hostile_config.py::test_row_102_the_line_is_named",
    ),
    103: (
        "unit/gateway/config/test_config_faults.py::test_a_fault_is_shown_once_at_its_line_with_its_key",
        "hostile/test_hostile_config.py::test_fault[row_103_*]",
    ),
    104: (
        "unit/gateway/config/test_config_faults.py::test_a_fault_is_shown_once_at_its_line_with_its_key",
        "hostile/test_hostile_config.py::test_fault[row_104_*]",
    ),
    105: (
        "unit/gateway/config/test_config_faults.py::test_a_fault_is_shown_once_at_its_line_with_its_key",
        "hostile/test_hostile_config.py::test_fault[row_105_*]",
    ),
    106: ("unit/gateway/config/test_config_faults.py::test_toml_that_is_none_is_refused_with_its_line",),
    107: (
        "unit/gateway/config/test_config_faults.py::test_toml_that_is_none_is_refused_with_its_line",
        "unit/gateway/config/test_config_faults.py::test_a_file_over_one_mebibyte_is_refused",
    ),
    108: (
        "unit/gateway/config/test_config_faults.py::test_a_fault_is_shown_once_at_its_line_with_its_key",
        "unit/gateway/config/test_config_faults.py::test_a_fault_never_shows_a_string_of_the_file",
        "unit/gateway/config/test_config_secrets.py::test_a_secret_file_that_others_can_read_or_change_is_refused",
    ),
    109: (
        "unit/gateway/config/test_config_secrets.py::test_a_secret_file_that_others_can_read_or_change_is_refused",
        "unit/gateway/config/test_config_faults.py::test_a_file_that_everybody_can_write_is_refused",
    ),
    110: (
        "unit/gateway/config/test_config_faults.py::test_a_fault_is_shown_once_at_its_line_with_its_key",
        "hostile/test_hostile_config.py::test_fault[row_110_*]",
    ),
    111: (
        "hostile/test_hostile_config.py::test_live_attempts_keep_their_ground[row_111_*]",
        "acceptance/test_serve.py::test_removing_a_channel_with_live_attempts_is_refused",
    ),
    112: ("hostile/test_hostile_config.py::test_live_attempts_keep_their_ground[row_112_*]",),
    113: ("unit/gateway/config/test_config_doors.py::test_live_mode_refuses",),
    115: ("integration/store/test_sqlite_keeps_its_word.py::test_durability_is_read_back",),
}

UNUSED = frozenset({27, 29, 30, 31})
"""Numbers that were given up: their content stands in row 26."""

LATER: dict[int, str] = {
    58: "nothing is exported as CSV yet",
    59: "there is no console yet; the one page that is served, /docs, holds nothing that anybody sent",
    114: "there is no reload yet: a file that was changed is read at the next start, and refused whole there",
}

PARTLY: dict[int, str] = {
    43: "no check digits: an account's number alone does not tell whether it has one",
    48: "found in the memory of one node for ten minutes, forgotten at its restart; no hold hangs on it",
    60: "there is no search; every filter is matched whole and bound",
    68: "at the next start: without a reload a running node does not hear of it",
    80: "a bound on those taken in at once, no inbox on disk: what is refused comes again, and questions cover it",
    101: "an adapter that blocks the loop is not caught: adapters are code of ours or installed on purpose",
    110: "no weights and no fallbacks are configured, so none can be circular or zero",
}
"""What of a covered row is not there, and why."""
