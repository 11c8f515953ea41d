"""Which tests mount which attack thought of in advance (T1 to T28).

What cannot be prevented stands in docs/privacy.md. The numbers are stable; a test that is renamed is renamed here.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

MOUNTED = {
    "T1 an account's key that is not the one in the code": (
        "protocol/test_linking.py::test_another_key_has_another_fingerprint",
        "gateway/test_links.py::test_only_a_key_that_fits_leads_to_linked",
        "gateway/test_sending.py::test_a_key_that_does_not_fit_the_code_gets_nothing",
    ),
    "T2 a person moved, shared or erased behind their account's back": (
        "gateway/test_talking.py::test_a_linked_reading_moves_only_when_its_account_says_so",
        "gateway/test_talking.py::test_one_more_account_reads_along_only_with_the_firsts_word",
        "cloud/site/test_homes.py::test_only_the_accounts_session_decides",
    ),
    "T3 a broker that reads along": (
        "gateway/test_sealing_tells_nothing.py::test_the_broker_cannot_tell_names_apart",
        "gateway/test_sealing_tells_nothing.py::test_an_opened_batch_carries_nothing_of_another_name",
        "cloud/test_stores.py::test_readings_store_holds_pseudonym_minute_id_and_sealed_bytes_alone",
    ),
    "T4 writing, withdrawing or erasing for another": (
        "cloud/test_ingest.py::test_same_id_with_other_bytes_is_a_conflict_set_aside",
        "cloud/test_ingest_under_attack.py::test_nobody_withdraws_or_erases_for_another",
        "gateway/test_custody.py::test_nobody_withdraws_or_erases_what_another_home_wrote",
        "cloud/site/test_take.py::test_only_the_write_key_can_order_an_erasure",
    ),
    "T5 a restored backup, the password known": (
        "cloud/test_accounts.py::test_destroying_the_erasure_key_erases_even_for_who_knows_the_password",
        "cloud/site/test_take.py::test_a_restored_backup_is_erased_again_and_opens_nothing_before",
        "cloud/test_postgres.py::test_the_whole_data_directory_says_nothing_and_after_an_erasure_opens_nothing",
        "cloud/test_broker.py::test_what_waited_at_the_broker_is_gone_from_it_after_an_erasure",
    ),
    "T6 a stolen accounts store, and common passwords": (
        "cloud/test_accounts.py::test_a_stolen_accounts_store_with_pepper_and_erasure_keys_opens_nothing",
        "cloud/test_accounts.py::test_passwords_that_anybody_would_try_are_refused",
        "cloud/test_accounts.py::test_recovery_codes_have_128_bits_and_forgive_handwriting",
        "cloud/site/test_routes_under_attack.py::test_passwords_are_tried_one_at_a_time_and_too_many_are_sent_away",
    ),
    "T7 a passkey without its PRF": (
        "cloud/test_passkeys.py::test_only_the_prf_of_a_passkey_opens_what_lies_under_it",
        "cloud/test_passkeys.py::test_a_password_alone_is_no_session_where_a_passkey_is_asked_besides",
    ),
    "T8 a session fixed, copied or left over": (
        "cloud/site/test_routes_under_attack.py::test_a_session_is_never_fixed_beforehand",
        "cloud/site/test_pages.py::test_signing_out_ends_the_session_in_the_store",
        "cloud/site/test_routes_under_attack.py::test_logs_hold_nothing_that_was_sent",
    ),
    "T9 a row moved, changed, dropped, or told by its length": (
        "protocol/test_seals.py::test_clear_columns_are_bound_to_the_seal",
        "protocol/test_seals.py::test_a_changed_byte_does_not_open",
        "protocol/test_seals.py::test_the_length_tells_no_kind",
        "gateway/test_custody.py::test_a_row_that_the_store_drops_moves_or_brings_back_is_seen",
        "cloud/site/test_homes.py::test_the_page_says_when_the_store_dropped_a_row",
    ),
    "T10 a partner who reads more, longer or onwards": (
        "cloud/site/test_share.py::test_a_grant_has_no_leaf_that_was_not_granted",
        "cloud/site/test_partner_under_attack.py::test_a_partner_who_asks_for_more_gets_no_more",
        "cloud/site/test_share.py::test_revoked_means_from_the_next_request_on",
        "cloud/site/test_share.py::test_a_partners_copy_carries_no_signature_key_or_number",
        "cloud/site/test_share.py::test_the_key_of_a_link_stands_in_no_address_and_no_log",
        "cloud/site/test_share.py::test_a_stolen_store_and_erasure_keys_open_no_grant",
    ),
    "T11 a guardian who stays, a room that is taken for its child": (
        "gateway/test_talking.py::test_one_more_account_reads_along_only_with_the_firsts_word",
        "gateway/test_talking.py::test_an_account_that_leaves_is_believed_and_nothing_stays_there",
        "gateway/test_sealing_tells_nothing.py::test_two_names_of_one_home_share_no_key",
    ),
    "T12 what nobody owns, and a queue that comes back": (
        "gateway/test_sending.py::test_readings_before_the_link_wait_at_home_and_then_go",
        "cloud/test_readings.py::test_an_erased_pseudonym_takes_nothing_and_says_so",
        "cloud/site/test_homes.py::test_an_erased_account_leaves_a_farewell_to_each_of_its_homes",
        "cloud/test_readings.py::test_what_nobody_asks_after_for_13_months_lapses",
        "cloud/test_readings.py::test_a_withdrawal_and_its_row_may_come_in_any_order",
    ),
    "T13 a device or a gateway in other hands": (
        "gateway/test_enrolments.py::test_its_keys_are_refused_and_its_readings_stay",
        "gateway/test_enrolments.py::test_the_page_says_what_a_finder_could_read",
        "tools/test_broker.py::test_a_revoked_certificate_opens_nothing_and_its_successor_does",
        "gateway/test_talking.py::test_after_a_theft_everything_goes_under_names_of_a_new_secret",
    ),
    "T14 a cuff that fills from afar, and what only a home may agree to": (
        "firmware/cuff/test_arming.py::test_arming_moves_nothing",
        "firmware/cuff/test_arming.py::test_after_a_minute_the_arming_is_gone",
        "firmware/cuff/test_life_of_cuff.py::test_a_start_from_afar_only_arms_and_a_stop_from_afar_empties",
        "gateway/test_orders.py::test_to_stop_comes_before_everything_else",
        "gateway/test_orders.py::test_from_the_site_only_what_pauses_the_nursery_asks_at_home",
    ),
    "T15 an order forged, repeated or late": (
        "gateway/test_steering.py::test_the_same_order_again_is_refused",
        "gateway/test_steering.py::test_two_orders_under_one_challenge_are_one",
        "gateway/test_steering.py::test_another_account_cannot_order_as_somebody",
        "gateway/test_steering.py::test_an_order_made_long_ago_is_refused",
    ),
    "T16 a stolen device's key, a recording, and names on the air": (
        "protocol/test_edhoc.py::test_a_stolen_device_key_cannot_play_the_home",
        "protocol/test_edhoc.py::test_a_recording_stays_closed_when_both_static_keys_are_lost",
        "protocol/test_edhoc.py::test_nothing_on_the_air_names_either_end",
        "protocol/test_edhoc.py::test_two_first_messages_have_nothing_in_common",
    ),
    "T17 a nonce used twice, after a restart, a restored backup or beside a second gateway": (
        "protocol/test_link.py::test_over_bad_air_an_answer_is_authentic_and_a_nonce_never_comes_twice",
        "gateway/test_introductions.py::test_no_two_links_share_a_key_or_a_nonce",
        "gateway/test_introductions.py::test_two_gateways_hear_one_device_and_only_its_own_opens",
        "gateway/test_coap.py::test_a_request_recorded_before_a_restart_opens_nothing",
        "gateway/test_backup.py::test_a_restored_home_neither_loses_nor_repeats_a_reading",
    ),
    "T18 signed bytes brought to another pairing or kind": (
        "protocol/test_cose.py::test_signed_bytes_fit_no_other_kind_pairing_version_or_role",
    ),
    "T19 keys without randomness": (
        "firmware/crypto/test_new_key.py::test_no_key_is_made_while_the_radio_is_off",
        "firmware/crypto/test_new_key.py::test_a_chip_without_randomness_still_makes_keys_of_its_own",
    ),
    "T20 a guessed label, a neighbour's gateway, an owner before this one": (
        "gateway/test_pairing.py::test_a_neighbours_gateway_cannot_answer",
        "gateway/test_pairing.py::test_the_wifi_is_told_with_the_last_word_only_and_then_forgotten",
        "gateway/test_ble_devices.py::test_a_neighbours_gateway_on_the_air_gets_five_tries_and_nothing",
        "gateway/test_ble_devices.py::test_a_device_that_has_a_home_says_so_to_another_on_the_air",
        "gateway/test_ble_attacked.py::test_a_recorded_pairing_played_back_by_another_device_changes_nothing",
        "gateway/test_pairing.py::test_digits_that_differ_end_it",
        "gateway/test_pairing.py::test_five_failed_tries_end_it_and_two_minutes_do",
        "gateway/test_pairings.py::test_a_neighbours_gateway_gets_five_tries_and_nothing",
        "gateway/test_pairings.py::test_a_reset_device_belongs_to_whoever_pairs_it_next_and_to_nobody_else",
    ),
    "T21 forged tags without end, and what an answer's time tells": (
        "gateway/test_introductions.py::test_a_million_failed_tags_end_a_link",
        "firmware/test_session.py::test_a_million_forged_answers_are_the_end_of_a_link",
        "firmware/test_session.py::test_worn_keys_are_given_up_for_good_and_the_request_is_asked_with_new_ones",
        "gateway/test_introductions.py::test_a_stranger_costs_what_a_forger_costs",
        "gateway/test_reception.py::test_an_unknown_key_and_a_bad_signature_are_one_answer_after_the_same_work",
    ),
    "T22 a room listened to from elsewhere, or without its lamp": (
        "gateway/test_listening.py::test_a_browser_at_home_hears_what_its_key_opens_and_nothing_of_it_stays",
        "gateway/test_listening.py::test_only_addresses_of_a_home_may_listen",
        "firmware/babyphone/test_audible.py::test_its_time_has_an_end_whatever_is_asked",
        "firmware/babyphone/test_life_of_babyphone.py::test_a_parent_hears_the_room_and_the_lamp_says_so",
    ),
    "T23 another site's form, a rebound name": (
        "gateway/test_pages_attacked.py::test_another_site_and_a_rebound_name_get_nothing",
        "gateway/test_pages_attacked.py::test_every_form_carries_a_token_and_nothing_works_without",
        "gateway/test_pages.py::test_a_form_from_elsewhere_is_refused",
    ),
    "T24 a page that nobody has set up": (
        "gateway/test_pages.py::test_before_set_up_nothing_works_but_set_up",
        "gateway/test_pages_attacked.py::test_five_wrong_codes_end_set_up_however_they_come",
    ),
    "T25 a receipt that the broker made": (
        "protocol/test_envelope.py::test_no_broker_can_make_a_receipt",
        "gateway/test_sending.py::test_only_the_ingesters_word_about_these_bytes_empties_the_queue",
    ),
    "T26 whoever watches or joins the line": (
        "cloud/test_ingest_under_attack.py::test_the_broker_speaks_to_its_own_certificates_and_nothing_older_than_tls_1_3",
        "cloud/test_ingest_under_attack.py::test_another_gateways_topics_are_refused",
        "gateway/test_sealing_tells_nothing.py::test_the_broker_sees_one_length_for_all_that_is_usual",
        "gateway/test_climate.py::test_what_happens_in_a_nursery_cannot_be_counted_outside_it",
    ),
    "T27 a release withheld, older, altered, or of a stolen key": (
        "firmware/update/test_updates.py::test_bad_input_is_refused_before_anything_is_changed",
        "firmware/update/test_updates.py::test_a_home_that_falls_silent_forces_no_rollback",
        "firmware/update/test_updates.py::test_the_next_key_signs_once_the_old_one_is_lost_and_a_release_can_leave_the_old_one_out",
        "protocol/test_shelf.py::test_a_word_of_the_newest_that_makes_no_sense_is_refused",
        "gateway/test_rollout_from_the_site.py::test_withholding_is_noticed",
        "gateway/test_rollout_from_the_site.py::test_a_site_that_lies_brings_nothing_home",
        "firmware/test_commanding.py::test_a_factory_reset_lowers_no_floor_under_releases",
    ),
    "T28 a gateway that lies": (
        "protocol/test_cose.py::test_a_single_changed_bit_is_refused",
        "firmware/test_moved.py::test_whoever_says_to_be_the_home_keeps_no_device_from_it",
        "firmware/test_ground.py::test_what_is_no_receipt_forgets_nothing",
        "firmware/update/test_updates.py::test_a_broken_release_is_given_back_by_itself_and_the_next_good_one_is_taken",
        "protocol/test_shelf.py::test_a_changed_byte_anywhere_is_refused",
    ),
}


# Of a pytest that collects and runs nothing: what runs, and when. What is skipped, or expected to fail, mounts nothing and is not printed;
# a skipif counts as a skip unless its condition is plainly false here.
PLUGIN = """
def pytest_collection_modifyitems(items):
    for item in items:
        marks = {mark.name for mark in item.iter_markers() if mark.name != "skipif" or mark.args[:1] != (False,)}
        if not marks & {"skip", "skipif", "xfail"}:
            print("LONG" if "long" in marks else "EVERY DAY", item.nodeid.partition("[")[0], sep="|")
"""


@pytest.mark.timeout(700)
def test_every_attack_is_mounted(tmp_path: Path) -> None:
    """Each test that is named here is collected and not skipped, and of each threat more than half run every day."""
    (tmp_path / "when.py").write_text(PLUGIN)
    files = sorted({f"tests/{node.partition('::')[0]}" for nodes in MOUNTED.values() for node in nodes})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "when", "-p", "no:cacheprovider", *files]
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    asked = subprocess.run(
        command, cwd=TESTS.parent, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False, timeout=600
    )
    assert asked.returncode == 0, asked.stdout[-2000:]
    when = dict(line.split("|")[::-1] for line in asked.stdout.splitlines() if line.count("|") == 1)
    for threat, nodes in MOUNTED.items():
        found = [when.get(f"tests/{node}") for node in nodes]
        assert None not in found, [node for node, each in zip(nodes, found, strict=True) if each is None]
        assert found.count("EVERY DAY") * 2 > len(found), threat


def test_no_threat_is_left_out() -> None:
    """T1 to T28, in order."""
    assert [threat.split()[0] for threat in MOUNTED] == [f"T{number}" for number in range(1, 29)]
