"""What must be refused, row by row, and which tests see to it on a device's side and on a computer's; `test_refusals.py` holds it to that.

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
        (_EACH,),
        ("protocol/test_protocol_objects.py::test_a_manifest_for_another_device_an_older_one_and_a_changed_file_are_refused",),
    ),
}
