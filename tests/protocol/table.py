"""What must be refused and what must be withstood, row by row, and which tests see to it; `test_refusals.py` holds them to that.

A row is a rule of the specifications. Its `cases` are rules of `refused.py`, which are tried under both Pythons; its tests are functions by
their files. `types` are the errors by which it is refused, each with a sentence of its own.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """types: of `protocol/errors.py`; cases: how the rules of `refused.py` begin; on_device, on_computer: file and function."""

    types: tuple[str, ...]
    cases: tuple[str, ...]
    on_device: tuple[str, ...]
    on_computer: tuple[str, ...]


_EACH = "protocol/test_refusals.py::test_each_row_is_refused_by_its_own_type_under_both_pythons"
_GATEWAY = "protocol/test_refusals.py::test_the_gateway_refuses_the_same_and_knows_the_rule"
_CBOR = "protocol/test_cbor.py::test_each_rule_has_its_own_refusal"
_COSE = "protocol/test_cose.py::test_each_rule_has_its_own_refusal"
_COAP = "protocol/test_coap.py::test_each_rule_has_its_own_refusal"
_READING = "gateway/test_reception.py::test_what_is_no_reading_is_refused_with_its_own_error"

TABLE = {
    "indefinite, non-minimal, unsorted": Row(
        ("Indefinite", "NonMinimal", "Unsorted"),
        ("RFC 8949 4.2.1",),
        (_EACH, _CBOR, "protocol/test_cbor.py::test_micropython_decides_like_this_python_on_hostile_bytes"),
        (_GATEWAY, "protocol/test_cbor.py::test_hostile_bytes_are_taken_exactly_when_strict_cbor2_takes_them"),
    ),
    "duplicate labels, in one map or across both header buckets": Row(
        ("DuplicateLabel",), ("RFC 9052 3 duplicate",), (_EACH, _CBOR, _COSE), (_GATEWAY, _READING)
    ),
    "depth over 8; a length over the bytes that remain": Row(
        ("TooDeep", "CutShort"),
        ("RFC 8949 10",),
        (_EACH, "protocol/test_protocol_campaign.py::test_no_short_input_allocates_much"),
        (_GATEWAY, "protocol/test_refusals.py::test_both_readers_of_cbor_take_and_refuse_the_same"),
    ),
    "tags; trailing bytes; reserved 28 to 30; a stray break; bad UTF-8; simple under 32 in two bytes": Row(
        ("UnexpectedTag", "TrailingBytes", "ReservedInformation", "StrayBreak", "BadText", "BadSimple", "FloatRefused", "BadLabel"),
        ("RFC 8949 3 ", "RFC 8949 3.3", "RFC 8949 app. F", "RFC 3629", "ours: a float", "ours: a label"),
        (_EACH, _CBOR),
        (_GATEWAY, "protocol/test_refusals.py::test_both_readers_of_cbor_take_and_refuse_the_same"),
    ),
    "algorithm absent, unprotected, or not the key's; wrong curve; wrong COSE tag or context": Row(
        ("AlgorithmAbsent", "AlgorithmUnprotected", "WrongAlgorithm", "NotCOSE", "SignatureLength", "UnexpectedTag", "PointOffCurve"),
        ("RFC 9052 3.1 algorithm", "RFC 9053 2.1 not the key's", "RFC 9864", "RFC 9052 2", "RFC 9052 4.4", "RFC 9053 7.1"),
        (_EACH, _COSE, "protocol/test_cose.py::test_signed_bytes_fit_no_other_kind_pairing_version_or_role"),
        (_GATEWAY, _READING, "gateway/test_devices.py::test_a_record_that_is_none_is_refused_with_its_reason"),
    ),
    "unknown crit; IV and partial IV together": Row(
        ("UnknownCritical", "TwoIVs"), ("RFC 9052 3.1 unknown crit", "RFC 9052 3.1 IV"), (_EACH, _COSE), (_GATEWAY, _READING)
    ),
    "unknown key id: the same answer as a bad signature": Row(
        ("BadSignature",),
        ("RFC 9052 3.1 unknown key",),
        (_EACH,),
        (_GATEWAY, "gateway/test_reception.py::test_an_unknown_key_and_a_bad_signature_are_one_answer_after_the_same_work"),
    ),
    "signature not 64 bytes; r or s out of range; a point off the curve": Row(
        ("SignatureLength", "SignatureRange", "PointOffCurve"),
        ("RFC 9053 2.1 signature", "RFC 9053 2.1 r", "RFC 9053 2.1 s", "SP 800-56A"),
        (_EACH, "protocol/test_edhoc.py::test_points_off_the_curve_are_no_keys"),
        (
            _GATEWAY,
            "protocol/test_cose.py::test_r_and_s_are_in_range_before_any_arithmetic",
            "gateway/test_introductions.py::test_an_ephemeral_key_off_the_curve_is_refused_like_any_noise",
            "gateway/test_devices.py::test_a_record_that_is_none_is_refused_with_its_reason",
        ),
    ),
    "a sequence of 2^40; a jump over 4096 unannounced; an OSCORE sequence outside the window": Row(
        ("SequenceTooLarge", "SequenceJump", "Replayed"),
        ("RFC 8613 7", "ours: a jump"),
        (
            _EACH,
            "protocol/test_oscore.py::test_a_used_up_sequence_is_refused",
            "protocol/test_oscore.py::test_a_lost_window_a_jump_and_a_number_too_large_are_told_apart",
            "gateway/test_attendance.py::test_a_notification_played_back_changes_nothing",
        ),
        (
            _READING,
            "gateway/test_questions.py::test_a_jump_that_neither_time_nor_restarts_explain_is_refused",
            "gateway/test_coap.py::test_a_replayed_datagram_is_refused",
        ),
    ),
    "the same sequence with other bytes: alarm; with the same bytes: the receipt again": Row(
        ("BadReceipt",),
        (),
        (
            "firmware/flash/test_flash.py::test_only_the_matching_receipt_lets_a_reading_go",
            "firmware/test_ground.py::test_what_is_no_receipt_forgets_nothing",
        ),
        ("gateway/test_coap.py::test_a_signed_reading_is_receipted_once_and_kept_once",),
    ),
    "CoAP: a token of 9 to 15, an option nibble of 15, a marker without payload, another version (silently)": Row(
        ("TokenTooLong", "OptionReserved", "MarkerWithoutPayload", "WrongVersion", "EmptyNotEmpty", "MessageCutShort", "MessageTooLarge"),
        ("RFC 7252", "ours: over 4 KiB"),
        (_EACH, _COAP, "protocol/test_link.py::test_hostile_datagrams_never_raise_and_never_answer_a_request"),
        (
            "gateway/test_coap_hostile.py::test_what_is_no_coap_is_refused_in_silence",
            "gateway/test_coap_hostile.py::test_the_socket_passes_only_what_a_device_would_take",
            "gateway/test_coap.py::test_hostile_datagrams_are_counted_and_change_nothing",
        ),
    ),
    "OSCORE: a malformed option, another context, a broken tag, an empty plaintext": Row(
        ("NotOSCORE", "WrongContext", "TagBroken", "PlaintextEmpty"),
        ("RFC 8613 6.1",),
        (
            _EACH,
            "protocol/test_oscore.py::test_malformed_options_are_refused",
            "protocol/test_oscore.py::test_a_response_opens_only_for_its_request_and_unaltered",
        ),
        (
            "gateway/test_coap.py::test_hostile_datagrams_are_counted_and_change_nothing",
            "gateway/test_coap_hostile.py::test_an_option_that_a_device_refuses_opens_nothing",
            "gateway/test_coap_hostile.py::test_what_opens_and_makes_no_sense_is_refused_and_the_door_stands",
        ),
    ),
    "an address that has not proved itself, beyond three times its request: Echo; Block1: 4.13": Row(
        ("BadBlock", "UnknownCriticalOption"),
        (),
        (
            "protocol/test_link.py::test_a_killed_gateway_that_lost_its_replay_window_is_met_with_echo",
            "protocol/test_link.py::test_echo_without_end_is_not_followed_without_end",
            "protocol/test_blocks.py::test_every_block_that_is_not_the_one_due_is_refused_and_changes_nothing",
        ),
        (
            "gateway/test_attendance.py::test_nobody_can_make_the_door_send_more_than_three_times_what_it_heard",
            "gateway/test_attendance.py::test_a_recorded_question_from_elsewhere_draws_one_small_answer",
            "gateway/test_attendance.py::test_a_recorded_echo_proves_nothing_from_elsewhere",
            "gateway/test_attendance.py::test_a_slow_answer_to_somewhere_else_is_sent_once",
            "gateway/test_introductions.py::test_who_answers_message_2_is_where_it_was_sent_and_nowhere_else",
            "gateway/test_coap.py::test_a_protected_request_for_something_else_is_refused",
        ),
    ),
    "fragments: a gap, an overlap, a wrong index or total, a second object, 10 s of silence": Row(
        ("FragmentGap", "FragmentOverlap", "FragmentTotal", "SecondObject", "FragmentLate"),
        ("BLE:",),
        (_EACH,),
        ("protocol/test_refusals.py::test_hostile_fragments_end_in_our_errors",),
    ),
    "update manifest: an older sequence, another vendor or class, another digest": Row(
        ("OlderRelease", "OtherDevice", "DigestMismatch", "BadManifest"),
        ("RFC 9124",),
        (_EACH, "protocol/test_protocol_objects.py::test_a_manifest_for_another_device_and_an_older_one_are_refused"),
        ("protocol/test_shelf.py::test_a_changed_byte_anywhere_is_refused",),
    ),
}

_PAIRINGS = "gateway/test_pairings.py"
_PAIRING = "gateway/test_pairing.py"

# What must hold against whoever attacks link, keys and pairing, each half of it with the tests that mount the attack.
ATTACKS = {
    "T16 fresh ephemeral keys of both ends": (
        "gateway/test_introductions.py::test_no_two_links_share_a_key_or_a_nonce",
        "protocol/test_edhoc.py::test_two_first_messages_have_nothing_in_common",
    ),
    "T16 a stolen device key cannot play the gateway": ("protocol/test_edhoc.py::test_a_stolen_device_key_cannot_play_the_home",),
    "T16 recordings stay closed": ("protocol/test_edhoc.py::test_a_recording_stays_closed_when_both_static_keys_are_lost",),
    "T16 identities travel sealed": ("protocol/test_edhoc.py::test_nothing_on_the_air_names_either_end",),
    "T16 the first message shows nothing that stays": ("protocol/test_edhoc.py::test_two_first_messages_have_nothing_in_common",),
    "T17 no nonce twice: a restored backup, a rollback, a gateway copied": (
        "gateway/test_introductions.py::test_no_two_links_share_a_key_or_a_nonce",
        "gateway/test_coap.py::test_a_request_recorded_before_a_restart_opens_nothing",
        "gateway/test_backup.py::test_a_restored_home_neither_loses_nor_repeats_a_reading",
    ),
    "T17 no nonce twice: a power cut": ("firmware/flash/test_flash.py::test_power_may_fail_at_every_flash_operation",),
    "T17 no nonce twice: a second gateway": (
        "gateway/test_gateway.py::test_two_gateways_never_share_a_home",
        "gateway/test_introductions.py::test_two_gateways_hear_one_device_and_only_its_own_opens",
    ),
    "T17 on any doubt a new EDHOC": (
        "gateway/test_coap.py::test_the_devices_own_link_gets_its_receipt",
        "firmware/test_session.py::test_worn_keys_are_given_up_for_good_and_the_request_is_asked_with_new_ones",
    ),
    "T17 the outbox protects its signed bytes anew each time": (
        "protocol/test_link.py::test_over_bad_air_an_answer_is_authentic_and_a_nonce_never_comes_twice",
    ),
    "T18 a signature binds version, role, kind and pairing": (
        "protocol/test_cose.py::test_signed_bytes_fit_no_other_kind_pairing_version_or_role",
        "gateway/test_reception.py::test_what_is_no_reading_is_refused_with_its_own_error",
    ),
    "T18 versions never fall": (
        "protocol/test_edhoc.py::test_who_changes_message_1_on_the_way_makes_no_link",
        "protocol/test_edhoc.py::test_every_changed_bit_of_message_2_is_refused",
    ),
    "T19 no key without the radio": ("firmware/crypto/test_new_key.py::test_no_key_is_made_while_the_radio_is_off",),
    "T19 entropy of the computer is mixed in": (
        "firmware/crypto/test_new_key.py::test_a_chip_without_randomness_still_makes_keys_of_its_own",
    ),
    "T20 a label of 128 bits, as QR or 26 characters": ("protocol/test_labels.py::test_a_secret_comes_back_however_it_is_typed",),
    "T20 a context derived from the label": (
        f"{_PAIRING}::test_a_neighbours_gateway_cannot_answer",
        f"{_PAIRING}::test_a_replayed_exchange_is_known_as_one",
        f"{_PAIRINGS}::test_a_neighbours_gateway_gets_five_tries_and_nothing",
    ),
    "T20 the button": (
        f"{_PAIRINGS}::test_a_neighbours_gateway_gets_five_tries_and_nothing",
        f"{_PAIRING}::test_a_pairing_needs_both_words_and_the_disk_before_it_is_told",
    ),
    "T20 two minutes": (
        f"{_PAIRINGS}::test_a_window_that_nobody_answers_closes_and_is_opened_by_the_button_alone",
        f"{_PAIRING}::test_five_failed_tries_end_it_and_two_minutes_do",
    ),
    "T20 at most five tries": (
        f"{_PAIRINGS}::test_a_neighbours_gateway_gets_five_tries_and_nothing",
        f"{_PAIRING}::test_five_failed_tries_end_it_and_two_minutes_do",
        f"{_PAIRING}::test_five_wrong_labels_must_wait",
    ),
    "T20 the same digits on both ends": (
        f"{_PAIRING}::test_digits_that_differ_end_it",
        f"{_PAIRING}::test_whoever_opens_another_thing_than_it_closed_is_refused",
        f"{_PAIRINGS}::test_a_reset_device_belongs_to_whoever_pairs_it_next_and_to_nobody_else",
    ),
    "T20 a factory reset makes new keys and ends the old owner's access": (
        f"{_PAIRINGS}::test_a_reset_device_belongs_to_whoever_pairs_it_next_and_to_nobody_else",
        "gateway/test_introductions.py::test_a_device_that_left_is_out_at_once",
    ),
    "T21 2^20 failed tags end a session": (
        "gateway/test_introductions.py::test_a_million_failed_tags_end_a_link",
        "firmware/test_session.py::test_worn_keys_are_given_up_for_good_and_the_request_is_asked_with_new_ones",
        "firmware/test_session.py::test_a_million_forged_answers_are_the_end_of_a_link",
    ),
    "T21 unknown device, unknown key and bad signature are one answer, in one time": (
        "gateway/test_introductions.py::test_stranger_forger_and_noise_get_one_answer",
        "gateway/test_introductions.py::test_a_stranger_costs_what_a_forger_costs",
        "gateway/test_reception.py::test_an_unknown_key_and_a_bad_signature_are_one_answer_after_the_same_work",
        "gateway/test_coap.py::test_hostile_datagrams_are_counted_and_change_nothing",
    ),
    "numbers: battery change, restored backup, factory reset, a device replaced": (
        "gateway/test_questions.py::test_no_order_of_events_loses_a_reading_or_locks_a_device_out",
        f"{_PAIRING}::test_both_are_paired_or_neither_whatever_is_cut_reset_or_restored",
    ),
    "numbers: two gateways hear one device": ("gateway/test_introductions.py::test_two_gateways_hear_one_device_and_only_its_own_opens",),
}
